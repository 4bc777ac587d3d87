'use strict'
require('./use-kafkajs-rs')

/**
 * @param {object} lesson
 * @param {import('../..').Consumer} lesson.consumer
 * @param {import('../..').Producer} lesson.producer
 */
function installShutdown({ consumer, producer }) {
  // lesson: start
  // Graceful shutdown: đóng connections sạch sẽ
  const errorTypes = ['unhandledRejection', 'uncaughtException'];
  const signalTraps = ['SIGTERM', 'SIGINT', 'SIGUSR2'];

  errorTypes.forEach(type => {
    process.on(type, async (e) => {
      console.log(`Error ${type}:`, e);
      await consumer.disconnect();
      process.exit(1);
    });
  });

  signalTraps.forEach(signal => {
    process.once(signal, async () => {
      console.log(`Signal ${signal} received, shutting down...`);
      await consumer.disconnect();
      await producer.disconnect();
    });
  });
  // lesson: end
}

module.exports = { installShutdown }

if (require.main === module) {
  const { setTimeout: sleep } = require('node:timers/promises')
  const { kafka, producer } = require('./1-producer-configuration')
  const { createLessonConsumer } = require('./3-consumer-api')
  const { ensureTopics } = require('./topics')

  // An order may say how many milliseconds its processing takes, so that a signal can arrive meanwhile.
  const processOrder = async ({ orderId, takesMs = 0 }) => {
    console.log(`order ${orderId} started`)
    await sleep(takesMs)
    console.log(`order ${orderId} finished`)
  }
  const { consumer, startConsumer } = createLessonConsumer({ kafka, processOrder })

  installShutdown({ consumer, producer })
  ensureTopics(kafka)
    .then(() => producer.connect())
    .then(startConsumer)
}
