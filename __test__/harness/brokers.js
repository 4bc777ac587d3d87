'use strict'

/** The Kafka that tests share, and topics on it. */

const { brokersOfEnvironment, startCoordinating } = require('../../broker')
const kafkajs = require('kafkajs')
const { waitFor } = require('./wait')

let own

/**
 * Addresses of the cluster of this run: the runner starts one and names it in KAFKA_BROKERS. A test file that is run
 * alone (`node --test __test__/x.test.js`) gets a node of its own, which ends with its process.
 *
 * @returns {Promise<string[]>} host:port
 */
async function brokers() {
  const shared = brokersOfEnvironment()
  if (shared !== undefined) return shared
  own ??= startCoordinating()
  return (await own).brokers
}

/**
 * Makes a topic and waits until its partitions have leaders. kafkajs does it, whatever is under test.
 *
 * @param {string} topic
 * @param {object} [options]
 * @param {number} [options.partitions]  default 1
 * @param {number} [options.replicationFactor]  default: the broker's
 * @param {Record<string, string>} [options.config]  topic properties, for instance { 'cleanup.policy': 'compact' }
 * @param {string[]} [options.on]  brokers; default: the shared cluster
 * @returns {Promise<string>} the topic
 */
async function createTopic(topic, options = {}) {
  const { partitions = 1, replicationFactor = -1, config = {}, on } = options
  const configEntries = Object.entries(config).map(([name, value]) => ({ name, value }))
  await withAdmin(on, async admin => {
    await admin.createTopics({
      topics: [{ topic, numPartitions: partitions, replicationFactor, configEntries }],
      // kafkajs' own wait fails when the broker has not heard of the topic yet.
      waitForLeaders: false,
    })
    await waitFor(() => admin.fetchTopicOffsets(topic), { message: `leaders of ${topic}` })
  })
  return topic
}

/**
 * Lends an admin client of kafkajs, to set a scene or to look at what the broker has.
 *
 * @template T
 * @param {string[] | undefined} on  brokers; undefined: the shared cluster
 * @param {(admin: import('kafkajs').Admin) => Promise<T>} task
 * @returns {Promise<T>}
 */
async function withAdmin(on, task) {
  const kafka = new kafkajs.Kafka({
    clientId: 'harness',
    brokers: on ?? (await brokers()),
    logLevel: kafkajs.logLevel.NOTHING,
  })
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await task(admin)
  } finally {
    await admin.disconnect()
  }
}

module.exports = { brokers, createTopic, withAdmin }
