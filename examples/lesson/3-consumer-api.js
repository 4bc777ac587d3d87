'use strict'
require('./use-kafkajs-rs')

/**
 * One consumer of the lesson. Each call makes another member of the group `order-processors`.
 *
 * @param {object} lesson
 * @param {import('../..').Kafka} lesson.kafka
 * @param {(order: unknown) => Promise<void>} lesson.processOrder - what the lesson leaves to the reader
 * @param {Pick<Console, 'log'>} [lesson.console] - where the handler prints, default the terminal
 */
function createLessonConsumer({ kafka, processOrder, console = globalThis.console }) {
  // lesson: start
  const consumer = kafka.consumer({
    groupId: 'order-processors',
    sessionTimeout: 30000,
    heartbeatInterval: 3000,
    maxBytesPerPartition: 1048576, // 1MB
    minBytes: 1,
    maxBytes: 10485760, // 10MB
    maxWaitTimeInMs: 5000,
    retry: { retries: 5 }
  });

  async function startConsumer() {
    await consumer.connect();

    await consumer.subscribe({
      topics: ['orders', 'payments'],
      fromBeginning: false
    });

    await consumer.run({
      autoCommit: true,
      autoCommitInterval: 5000,
      autoCommitThreshold: 100,
      eachMessage: async ({ topic, partition, message, heartbeat }) => {
        const data = JSON.parse(message.value.toString());
        console.log(`[${topic}] P${partition} Offset ${message.offset}:`, data);

        // Long processing: gọi heartbeat để tránh rebalance
        await heartbeat();
        await processOrder(data);
      }
    });
  }
  // lesson: end

  return { consumer, startConsumer }
}

module.exports = { createLessonConsumer }

if (require.main === module) {
  const { kafka } = require('./1-producer-configuration')
  const { ensureTopics } = require('./topics')

  const processOrder = async (order) => console.log('processed', order)
  const { consumer, startConsumer } = createLessonConsumer({ kafka, processOrder })

  process.once('SIGINT', () => consumer.disconnect())
  ensureTopics(kafka).then(startConsumer)
}
