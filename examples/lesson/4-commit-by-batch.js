'use strict'
require('./use-kafkajs-rs')

/**
 * @param {object} lesson
 * @param {import('../..').Consumer} lesson.consumer - subscribed
 * @param {(message: import('../..').KafkaMessage) => Promise<void>} lesson.processMessage - what the lesson
 *   leaves to the reader
 */
async function runWithCommitByBatch({ consumer, processMessage }) {
  // lesson: start
  // Hoặc commit theo batch
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
      for (const message of batch.messages) {
        await processMessage(message);
        resolveOffset(message.offset);
      }
      await commitOffsetsIfNecessary();
    }
  });
  // lesson: end
}

module.exports = { runWithCommitByBatch }

if (require.main === module) {
  const { kafka } = require('./1-producer-configuration')
  const { createLessonConsumer } = require('./3-consumer-api')
  const { TOPICS_READ, ensureTopics } = require('./topics')

  const processMessage = async (message) => console.log('processed', String(message.value))
  const { consumer } = createLessonConsumer({ kafka })

  process.once('SIGINT', () => consumer.disconnect())
  ensureTopics(kafka)
    .then(() => consumer.subscribe({ topics: TOPICS_READ }))
    .then(() => runWithCommitByBatch({ consumer, processMessage }))
}
