'use strict'
require('./use-kafkajs-rs')

/**
 * @param {object} lesson
 * @param {import('../..').Producer} lesson.producer - connected
 */
async function sendBatch({ producer }) {
  // lesson: start
  // sendBatch: gửi messages đến nhiều topics cùng lúc
  await producer.sendBatch({
    topicMessages: [
      {
        topic: 'user-events',
        messages: [
          { key: 'user-1', value: JSON.stringify({ event: 'login' }) },
          { key: 'user-2', value: JSON.stringify({ event: 'signup' }) },
        ]
      },
      {
        topic: 'analytics',
        messages: [
          { value: JSON.stringify({ page: '/home', visits: 100 }) }
        ]
      }
    ]
  });
  // lesson: end
}

module.exports = { sendBatch }

if (require.main === module) {
  const { kafka, producer } = require('./1-producer-configuration')
  const { ensureTopics } = require('./topics')

  ensureTopics(kafka)
    .then(() => producer.connect())
    .then(() => sendBatch({ producer }))
    .finally(() => producer.disconnect())
}
