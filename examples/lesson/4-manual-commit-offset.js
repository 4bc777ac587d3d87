'use strict'
require('./use-kafkajs-rs')

/**
 * @param {object} lesson
 * @param {import('../..').Consumer} lesson.consumer - subscribed
 * @param {(message: import('../..').KafkaMessage) => Promise<void>} lesson.processMessage - what the lesson
 *   leaves to the reader
 * @param {Pick<Console, 'error'>} [lesson.console] - where the handler prints, default the terminal
 */
async function runWithManualCommit({ consumer, processMessage, console = globalThis.console }) {
  // lesson: start
  // Manual commit: kiểm soát chính xác khi nào commit
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ topic, partition, message }) => {
      try {
        await processMessage(message);

        // Commit sau khi xử lý thành công
        await consumer.commitOffsets([{
          topic,
          partition,
          offset: (parseInt(message.offset) + 1).toString()
        }]);
      } catch (err) {
        console.error('Processing failed:', err);
        // KHÔNG commit → message sẽ được đọc lại
      }
    }
  });
  // lesson: end
}

module.exports = { runWithManualCommit }

if (require.main === module) {
  const { kafka } = require('./1-producer-configuration')
  const { createLessonConsumer } = require('./3-consumer-api')
  const { TOPICS_READ, ensureTopics } = require('./topics')

  const processMessage = async (message) => console.log('processed', String(message.value))
  const { consumer } = createLessonConsumer({ kafka })

  process.once('SIGINT', () => consumer.disconnect())
  ensureTopics(kafka)
    .then(() => consumer.subscribe({ topics: TOPICS_READ }))
    .then(() => runWithManualCommit({ consumer, processMessage }))
}
