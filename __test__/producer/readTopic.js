'use strict'

/**
 * What a topic holds, read by kafkajs' cluster without a consumer group, which would take most of a test's time: tests
 * of the producer trust no other part of ours.
 */

const { logLevel } = require('kafkajs')
const Cluster = require('kafkajs/src/cluster')
const Batch = require('kafkajs/src/consumer/batch')
const { createLogger } = require('kafkajs/src/loggers')
const createSocketFactory = require('kafkajs/src/network/socketFactory')
const { waitFor } = require('../harness')

const ISOLATION_LEVEL = { READ_UNCOMMITTED: 0, READ_COMMITTED: 1 }
/** Kind of coordinator. */
const TRANSACTION = 1
const MAX_BYTES = 8 << 20
const DEADLINE_MS = 60_000

function createCluster(brokers) {
  return new Cluster({
    logger: createLogger({ level: logLevel.NOTHING, logCreator: () => () => {} }),
    socketFactory: createSocketFactory(),
    brokers,
    clientId: 'reader',
    connectionTimeout: 5000,
    retry: { initialRetryTime: 100, retries: 20 },
    metadataMaxAge: 0,
    allowAutoTopicCreation: false,
    maxInFlightRequests: null,
  })
}

/**
 * Reads a topic from its beginning to the high watermark of now. Without `readUncommitted` that waits until no
 * transaction is open.
 *
 * @param {string[]} brokers
 * @param {string} topic
 * @param {object} [options]
 * @param {boolean} [options.readUncommitted]  default false: records of aborted transactions are left out
 * @param {number} [options.deadline]  milliseconds, default 60000
 * @returns {Promise<object[]>} kafkajs' messages with their `partition`, by partition and offset
 * @throws {Error} after the deadline
 */
async function readTopic(brokers, topic, { readUncommitted = false, deadline = DEADLINE_MS } = {}) {
  const isolationLevel = ISOLATION_LEVEL[readUncommitted ? 'READ_UNCOMMITTED' : 'READ_COMMITTED']
  const cluster = createCluster(brokers)
  const read = []
  try {
    await cluster.connect()
    await cluster.addTargetTopic(topic)
    const partitions = cluster.findTopicPartitionMetadata(topic).map(each => each.partitionId)
    for (const partition of partitions.sort((a, b) => a - b)) {
      let next = 0n
      let end
      const step = async () => {
        const fetched = await fetch({ cluster, topic, partition, next, isolationLevel })
        end ??= BigInt(fetched.highWatermark)
        for (const message of fetched.messages) {
          if (BigInt(message.offset) < end) read.push({ ...message, partition })
        }
        next = fetched.next
        return next >= end
      }
      const message = `the end of ${topic}/${partition}`
      await waitFor(step, { deadline, message })
    }
  } finally {
    await cluster.disconnect()
  }
  return read
}

/**
 * @param {string[]} brokers
 * @param {string} transactionalId
 * @returns {Promise<number>} node id of its transaction coordinator
 */
async function transactionCoordinator(brokers, transactionalId) {
  const cluster = createCluster(brokers)
  try {
    await cluster.connect()
    await cluster.refreshMetadata()
    const { coordinator } = await cluster.findGroupCoordinatorMetadata({
      groupId: transactionalId,
      coordinatorType: TRANSACTION,
    })
    return coordinator.nodeId
  } finally {
    await cluster.disconnect()
  }
}

async function fetch({ cluster, topic, partition, next, isolationLevel }) {
  await cluster.refreshMetadataIfNecessary()
  const [nodeId] = Object.keys(cluster.findLeaderForPartitions(topic, [partition]))
  const broker = await cluster.findBroker({ nodeId })
  const { responses } = await broker.fetch({
    isolationLevel,
    maxWaitTime: 100,
    maxBytes: MAX_BYTES,
    topics: [
      { topic, partitions: [{ partition, fetchOffset: String(next), maxBytes: MAX_BYTES }] },
    ],
  })
  const [data] = responses[0].partitions
  const batch = new Batch(topic, String(next), data)
  const last = batch.isEmptyIncludingFiltered() ? undefined : batch.lastOffset()
  return {
    highWatermark: data.highWatermark,
    messages: batch.messages,
    next: last === undefined ? next : BigInt(last) + 1n,
  }
}

module.exports = { readTopic, transactionCoordinator }
