'use strict'

/** What a topic holds, read by kafkajs from its beginning to its end: tests of the producer trust no other part of ours. */

const { randomUUID } = require('node:crypto')
const kafkajs = require('kafkajs')
const { uniqueGroup, waitFor } = require('../harness')

const DEADLINE_MS = 60_000

/** Header of the messages that readTopic puts behind everything there is, to know the end when it comes. */
const END = 'end-of-topic'

/**
 * Reads until the end as it is now. Without `readUncommitted` that waits for the end of open transactions. It leaves
 * one message in each partition, which it never gives.
 *
 * @param {string[]} brokers
 * @param {string} topic
 * @param {object} [options]
 * @param {boolean} [options.readUncommitted]  default false: records of aborted transactions are left out
 * @param {number} [options.deadline]  milliseconds, default 60000
 * @returns {Promise<object[]>} kafkajs' messages with their `partition`, those of each partition in order
 */
async function readTopic(brokers, topic, { readUncommitted = false, deadline = DEADLINE_MS } = {}) {
  const kafka = new kafkajs.Kafka({
    clientId: 'reader',
    brokers,
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { initialRetryTime: 100, retries: 20 },
  })
  const mark = randomUUID()
  const unmarked = await markEnd(kafka, topic, mark)
  const consumer = kafka.consumer({
    groupId: uniqueGroup('reader'),
    readUncommitted,
    maxWaitTimeInMs: 50,
    maxBytesPerPartition: 8 << 20,
    maxBytes: 32 << 20,
  })
  const messages = []
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      autoCommit: false,
      partitionsConsumedConcurrently: 4,
      eachBatch: async ({ batch: { partition, messages: fetched } }) => {
        for (const message of fetched) {
          if (!(END in message.headers)) messages.push({ ...message, partition })
          else if (`${message.headers[END]}` === mark) unmarked.delete(partition)
        }
      },
    })
    await waitFor(() => unmarked.size === 0, { deadline, message: `the end of ${topic}` })
  } finally {
    await consumer.disconnect()
  }
  return messages
}

/** @returns {Promise<Set<number>>} the partitions, each of which ends with a message with this mark */
async function markEnd(kafka, topic, mark) {
  const admin = kafka.admin()
  const producer = kafka.producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await Promise.all([admin.connect(), producer.connect()])
  try {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    const partitions = topics[0].partitions.map(({ partitionId }) => partitionId)
    for (const partition of partitions) {
      const message = { key: mark, value: '', headers: { [END]: mark }, partition }
      await producer.send({ topic, messages: [message] })
    }
    return new Set(partitions)
  } finally {
    await Promise.all([admin.disconnect(), producer.disconnect()])
  }
}

module.exports = { readTopic }
