'use strict'

/** What a topic holds, read by kafkajs from its beginning to its end: tests of the producer trust no other part of ours. */

const kafkajs = require('kafkajs')
const { uniqueGroup, waitFor, withAdmin } = require('../harness')

const DEADLINE_MS = 60_000

/**
 * @param {string[]} brokers
 * @param {string} topic
 * @param {object} [options]
 * @param {boolean} [options.readUncommitted]  default false: records of open and aborted transactions are left out
 * @param {number} [options.deadline]  milliseconds, default 60000
 * @returns {Promise<object[]>} kafkajs' messages with their `partition`, those of each partition in order
 */
async function readTopic(brokers, topic, { readUncommitted = false, deadline = DEADLINE_MS } = {}) {
  const marker = await endOf(brokers, topic)
  const kafka = new kafkajs.Kafka({
    clientId: 'reader',
    brokers,
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 20 },
  })
  const consumer = kafka.consumer({
    groupId: uniqueGroup('reader'),
    readUncommitted,
    maxWaitTimeInMs: 50,
    maxBytesPerPartition: 8 << 20,
    maxBytes: 32 << 20,
  })
  const messages = []
  const reached = new Map([...marker].filter(([, end]) => end > 0n).map(([p]) => [p, 0n]))
  const isDone = () => [...reached].every(([p, next]) => next >= marker.get(p))
  try {
    if (isDone()) return messages
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachBatchAutoResolve: true,
      autoCommit: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: async ({ batch }) => {
        for (const message of batch.messages) {
          messages.push({ ...message, partition: batch.partition })
        }
        reached.set(batch.partition, BigInt(batch.lastOffset()) + 1n)
      },
    })
    await waitFor(isDone, { deadline, message: `the end of ${topic}` })
  } finally {
    await consumer.disconnect()
  }
  return messages
}

/** End offset by partition: the high watermark, which control records count into as well. */
async function endOf(brokers, topic) {
  return withAdmin(brokers, async admin => {
    const ends = await admin.fetchTopicOffsets(topic)
    return new Map(ends.map(({ partition, offset }) => [partition, BigInt(offset)]))
  })
}

module.exports = { readTopic }
