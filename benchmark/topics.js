'use strict'

/**
 * Topics for the runs, made, filled and counted with kafkajs and its encoders, never with kafkajs-rs: what a client
 * says it has sent is compared with what the broker says it has.
 */

const { setTimeout: sleep } = require('node:timers/promises')
const { Kafka, logLevel } = require('kafkajs')
const { connectRaw } = require('./clients/raw/connection')
const { checkProduced, encodeProduce } = require('./clients/raw/produce')
const { makeValues } = require('./values')

const LOAD_CALL = 400
const LOAD_IN_FLIGHT = 4
const HEADERS = { 'correlation-id': 'abc-123-def-456', source: 'web-app' }
/** How many of the many topics are made with one request. */
const CREATE_AT_ONCE = 250
/** A produce request with acks 0 may still be on its way when its client has disconnected. */
const ARRIVAL_DEADLINE_MS = 30000
const LEADER_DEADLINE_MS = 30000
const CREATION_DEADLINE_MS = 60000

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

/**
 * @param {string[]} brokers
 * @param {string} runId - unique; part of each topic's name
 */
async function openTopics(brokers, runId) {
  const kafka = new Kafka({ clientId: 'benchmark-topics', brokers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  await admin.connect()
  const filled = new Map()
  let many = []
  let made = 0

  async function create(numPartitions) {
    const topic = `bench-${runId}-${++made}`
    const topics = [{ topic, numPartitions }]
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

  async function areListed(topics) {
    const listed = new Set(await admin.listTopics())
    return topics.every(topic => listed.has(topic))
  }

  async function count(topic) {
    const offsets = await admin.fetchTopicOffsets(topic)
    return offsets.reduce((sum, { high, low }) => sum + Number(high) - Number(low), 0)
  }

  return {
    create,

    /** A topic that holds `messages` messages; made once for all runs that want the same. */
    async filledWith(workload) {
      const key = keyOf(workload)
      if (!filled.has(key)) {
        const topic = await create(workload.partitions)
        filled.set(key, topic)
        await fill({ ...workload, brokers, topic })
      }
      return filled.get(key)
    },

    /** Deletes the filled topics that none of the workloads wants. */
    async keepFilled(workloads) {
      const wanted = new Set(workloads.map(keyOf))
      const old = [...filled].filter(([key]) => !wanted.has(key))
      for (const [key] of old) filled.delete(key)
      if (old.length > 0) await admin.deleteTopics({ topics: old.map(([, topic]) => topic) })
    },

    /** Makes so many topics of one partition, once. */
    async makeMany(topics) {
      if (many.length >= topics) return
      many = Array.from({ length: topics }, (_, index) => `bench-${runId}-of-many-${index}`)
      for (let from = 0; from < topics; from += CREATE_AT_ONCE) {
        const part = many.slice(from, from + CREATE_AT_ONCE).map(topic => ({ topic }))
        await admin.createTopics({
          topics: part,
          waitForLeaders: false,
          timeout: CREATION_DEADLINE_MS,
        })
      }
      const deadline = Date.now() + CREATION_DEADLINE_MS
      while (!(await areListed(many))) {
        if (Date.now() > deadline) throw new Error(`the broker does not list the ${topics} topics`)
        await sleep(100)
      }
    },

    /** Deletes what `makeMany` has made: so many topics slow down whatever lists all. */
    async removeMany() {
      const topics = many
      many = []
      if (topics.length > 0) await admin.deleteTopics({ topics })
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
      await this.removeMany()
      const topics = [...filled.values()]
      if (topics.length > 0) await admin.deleteTopics({ topics })
      await admin.disconnect()
    },
  }
}

function keyOf({ messages, partitions, valueBytes, codec, headers }) {
  return JSON.stringify({ messages, partitions, valueBytes, codec, headers })
}

/** Sends the same few batches again and again, on one socket. */
async function fill({ brokers, topic, partitions, messages, valueBytes, codec, headers }) {
  const connection = await connectRaw(brokers[0])
  const perCall = Math.max(1, Math.min(LOAD_CALL, Math.floor(messages / partitions)))
  const values = makeValues(valueBytes, perCall)
  const batch = values.map(value => (headers ? { value, headers: HEADERS } : { value }))
  const requests = await Promise.all(
    Array.from({ length: partitions }, (_, partition) =>
      encodeProduce({ topic, messages: batch, partitions: [partition], codec })
    )
  )
  let left = messages
  let calls = 0
  const load = async () => {
    while (left > 0) {
      const partition = calls++ % partitions
      const part = Math.min(left, perCall)
      left -= part
      const request =
        part === perCall
          ? requests[partition]
          : await encodeProduce({
              topic,
              messages: batch.slice(0, part),
              partitions: [partition],
              codec,
            })
      checkProduced(await connection.ask(request))
    }
  }
  await Promise.all(Array.from({ length: LOAD_IN_FLIGHT }, load))
  await connection.close()
}

module.exports = { openTopics }
