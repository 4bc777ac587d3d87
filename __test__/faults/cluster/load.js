'use strict'

/**
 * What runs while brokers are in trouble: an idempotent producer, and a group of three that consumes what it sends. Each
 * message is timed on its way, and at the end the log is read back.
 */

const assert = require('node:assert/strict')
const { setTimeout: sleep } = require('node:timers/promises')
const { subject, uniqueGroup, waitFor, within } = require('../../harness')
const { Ledger } = require('../producer/ledger')
const { RECOVERY_MS, runningBrokers } = require('../producer/brokers')

const SESSION_TIMEOUT_MS = 6000
/** No message may be under way for longer: neither to the log nor from there to its handler. */
const LONGEST_STALL_MS = SESSION_TIMEOUT_MS + 10_000
const MEMBERS = 3
/** Loops that send to each partition. */
const LOOPS = 2
/** Between two sends of a loop, ms: several hundred messages a second in all. */
const PACE_MS = 10
/** Of the clients' log, in what is said of a failure. */
const LAST_LINES = 60
/** Nobody is to sleep long after what he waits for is there again. */
const PATIENCE = { initialRetryTime: 50, maxRetryTime: 1000, retries: 200 }

class Load {
  /** Made by startLoad(). */
  constructor(cluster, topic, partitions) {
    this.cluster = cluster
    this.ledger = new Ledger({ topic, partitions })
    /** How often each message was handled. */
    this.handled = new Map()
    /** When those were acknowledged that no handler has had yet. */
    this.waiting = new Map()
    this.longest = { send: 0, handling: 0 }
    this.crashes = []
    this.joins = 0
    /** Log lines of all clients. */
    this.logs = []
    this.stopping = false
  }

  /** One message after the other, and how long each takes to the log. */
  async loop(partition) {
    const { ledger, handled, waiting } = this
    while (!this.stopping) {
      const value = `${partition}/${ledger.next[partition]}`
      const began = performance.now()
      await ledger.send([partition])
      const now = performance.now()
      this.longest.send = Math.max(this.longest.send, now - began)
      if (ledger.acknowledged.has(value) && !handled.has(value)) waiting.set(value, now)
      await sleep(PACE_MS)
    }
  }

  handle(value) {
    this.handled.set(value, (this.handled.get(value) ?? 0) + 1)
    const since = this.waiting.get(value)
    if (since === undefined) return
    this.waiting.delete(value)
    this.longest.handling = Math.max(this.longest.handling, performance.now() - since)
  }

  /** Waits until messages of every partition that were sent from now on are acknowledged and handled. */
  async goesOn(when, deadline = RECOVERY_MS) {
    const { ledger, handled } = this
    // Those that each loop has in hand may have been sent before.
    const goals = ledger.next.map((next, partition) => `${partition}/${next + LOOPS}`)
    const arrived = () => goals.every(value => ledger.acknowledged.has(value) && handled.has(value))
    try {
      await waitFor(arrived, { deadline, message: `every partition to go on ${when}` })
    } catch (error) {
      throw new Error(`${error.message}\n${this.describe(goals)}`)
    }
  }

  /** What became of these messages, and what the clients have said lately, for a failure. */
  describe(goals) {
    const { ledger, handled, crashes, joins, logs } = this
    const fates = goals.map(
      (value, partition) =>
        `partition ${partition}: ${value} ${ledger.acknowledged.has(value) ? '' : 'not '}acknowledged, ` +
        `${handled.has(value) ? '' : 'not '}handled, next is ${ledger.next[partition]}`
    )
    const lines = logs.slice(-LAST_LINES).map(({ label, log }) => `${label} ${JSON.stringify(log)}`)
    const failures = ledger.errors.map(error => `a send failed: ${error}`)
    return [...fates, `${joins} joins`, ...crashes, ...failures, ...lines].join('\n')
  }

  /** Forgets the longest waits so far, for an outage that is to be counted apart. */
  forgetWaits() {
    this.waiting.clear()
    this.longest = { send: 0, handling: 0 }
  }

  /**
   * Ends the sends, and asserts: no send failed, the log has every message once and in order, a handler has had each
   * one, and nothing took longer than LONGEST_STALL_MS.
   *
   * @returns {Promise<string>} the figures
   */
  async finish() {
    this.stopping = true
    const { ledger, handled, longest } = this
    await within(RECOVERY_MS, this.sending, 'the sends')
    await ledger.assertComplete(runningBrokers(this.cluster), { exactly: true })
    const missing = () => [...ledger.acknowledged].filter(value => !handled.has(value))
    await waitFor(() => missing().length === 0, {
      deadline: RECOVERY_MS,
      message: 'everything to be handled',
    })
    const again = [...handled.values()].reduce((sum, count) => sum + count - 1, 0)
    const figures =
      `${ledger.sent} sent, 0 lost, 0 doubled, 0 out of order; handled again: ${again}; joins of the three: ` +
      `${this.joins}; longest send ${seconds(longest.send)}, longest wait for a handler ${seconds(longest.handling)}`
    assert.deepEqual(this.crashes, [])
    assert.ok(Math.max(longest.send, longest.handling) < LONGEST_STALL_MS, figures)
    return figures
  }
}

const seconds = ms => `${(ms / 1000).toFixed(1)} s`

/**
 * Starts the producer and the group; they end with the test.
 *
 * @param {import('node:test').TestContext} t
 * @param {import('../../../broker/cluster').Cluster} cluster
 * @param {object} options
 * @param {string} options.topic
 * @param {number} options.partitions  of the topic
 * @returns {Promise<Load>} when every partition is sent to and consumed
 */
async function startLoad(t, cluster, { topic, partitions }) {
  const { Kafka, logLevel } = subject.load()
  const load = new Load(cluster, topic, partitions)
  const kafka = new Kafka({
    brokers: cluster.brokers,
    logLevel: logLevel.INFO,
    logCreator: () => entry => load.logs.push(entry),
    retry: PATIENCE,
    requestTimeout: 3000,
  })
  const groupId = uniqueGroup()
  await Promise.all(
    Array.from({ length: MEMBERS }, async () => {
      const consumer = kafka.consumer({
        groupId,
        sessionTimeout: SESSION_TIMEOUT_MS,
        heartbeatInterval: 500,
        maxWaitTimeInMs: 300,
        // A client's own setting is none of its consumers', as in kafkajs.
        retry: PATIENCE,
      })
      t.after(() => within(RECOVERY_MS, consumer.disconnect(), 'the end of a member'))
      consumer.on(consumer.events.GROUP_JOIN, () => {
        load.joins += 1
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => load.crashes.push(`${payload.error}`))
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message }) => load.handle(`${message.value}`),
      })
    })
  )
  const producer = kafka.producer({ idempotent: true })
  t.after(async () => {
    load.stopping = true
    await within(RECOVERY_MS, producer.disconnect(), 'the end of the producer')
  })
  await producer.connect()
  load.ledger.producer = producer
  const numbers = Array.from({ length: partitions * LOOPS }, (_, i) => i % partitions)
  load.sending = Promise.all(numbers.map(partition => load.loop(partition)))
  await load.goesOn('at first')
  return load
}

module.exports = { LONGEST_STALL_MS, SESSION_TIMEOUT_MS, startLoad }
