'use strict'

/**
 * Topics for the runs, made, filled and counted with kafkajs and platformatic, never with the client under test:
 * what a client says it has sent is compared with what the broker says it has.
 */

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

const { setTimeout: sleep } = require('node:timers/promises')
const { Kafka, logLevel } = require('kafkajs')
const { loadClient } = require('./clients')
const { makeValues } = require('./values')

const PARTITIONS = 3
const LOAD_CALL = 1200
const LOAD_IN_FLIGHT = 4
const HEADERS = { 'correlation-id': 'abc-123-def-456', source: 'web-app' }
/** A produce request with acks 0 may still be on its way when its client has disconnected. */
const ARRIVAL_DEADLINE_MS = 30000
const LEADER_DEADLINE_MS = 30000

/**
 * @param {string[]} brokers
 * @param {string} runId - unique; part of each topic's name
 */
async function openTopics(brokers, runId) {
  const kafka = new Kafka({ clientId: 'benchmark-topics', brokers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const filled = new Map()
  let made = 0

  async function create() {
    const topic = `bench-${runId}-${++made}`
    const topics = [{ topic, numPartitions: PARTITIONS }]
    // kafkajs' own wait for leaders gives up on a broker that has not heard of the topic yet.
    await admin.createTopics({ topics, waitForLeaders: false })
    const deadline = Date.now() + LEADER_DEADLINE_MS
    while (!(await hasLeaders(topic, deadline))) await sleep(20)
    return topic
  }

  async function hasLeaders(topic, deadline) {
    try {
      await count(topic)
      return true
    } catch (error) {
      if (Date.now() > deadline) throw error
      return false
    }
  }

  async function count(topic) {
    const offsets = await admin.fetchTopicOffsets(topic)
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  }

  return {
    create,

    /** A topic that holds `messages` messages; made once for all runs that want the same. */
    async filledWith({ messages, valueBytes, codec = 'none', headers = false }) {
      const key = JSON.stringify({ messages, valueBytes, codec, headers })
      if (!filled.has(key)) {
        const topic = await create()
        await fill({ brokers, topic, messages, valueBytes, codec, headers })
        filled.set(key, topic)
      }
      return filled.get(key)
    },

    /** Throws unless the topic comes to hold exactly `expected` messages. */
    async verify(topic, expected) {
      const deadline = Date.now() + ARRIVAL_DEADLINE_MS
      let actual = await count(topic)
      while (actual < expected && Date.now() < deadline) {
        await sleep(100)
        actual = await count(topic)
      }
      if (actual !== expected) {
        throw new Error(`${expected} messages were sent, but the topic holds ${actual}`)
      }
    },

    async remove(topic) {
      await admin.deleteTopics({ topics: [topic] })
    },

    async close() {
      const topics = [...filled.values()]
      if (topics.length > 0) await admin.deleteTopics({ topics })
      await admin.disconnect()
    },
  }
}

async function fill({ brokers, topic, messages, valueBytes, codec, headers }) {
  const loader = await loadClient('platformatic')
  const producer = await loader.connectProducer({ brokers, topic, codec })
  const values = makeValues(valueBytes, LOAD_CALL)
  const prepared = producer.prepare(values, headers ? HEADERS : undefined)
  let left = messages
  const load = async () => {
    while (left > 0) {
      const part = Math.min(left, LOAD_CALL)
      left -= part
      await producer.send(prepared.slice(0, part))
    }
  }
  await Promise.all(Array.from({ length: LOAD_IN_FLIGHT }, load))
  await producer.disconnect()
}

module.exports = { openTopics }
