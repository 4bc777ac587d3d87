'use strict'

/**
 * Several batches of one partition under way at once: of idempotent producers, and only full ones. The broker here
 * counts sequence numbers as a real one does, so that what arrives out of order is refused.
 */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, createTopic, uniqueTopic, waitFor, within } = require('../harness')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')
const { startScriptedBroker } = require('./scriptedBroker')

const NOT_LEADER = 6
const MESSAGE_TOO_LARGE = 10
const NOT_ENOUGH_REPLICAS = 19
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
const TOPIC_AUTHORIZATION_FAILED = 29
const OUT_OF_ORDER_SEQUENCE = 45
const INVALID_RECORD = 87

/** Seven messages fill a batch. */
const BATCH_SIZE = 1000
const RETRY = { initialRetryTime: 5, maxRetryTime: 20, retries: 1000 }

const range = (from, to) => Array.from({ length: to - from }, (_, i) => from + i)
const messageOf = i => ({ value: String(i).padStart(90, '0'), partition: 0 })
const valuesOf = ({ bytes }) => (`${bytes}`.match(/\d{90}/g) ?? []).map(Number)

/** A log that counts as a broker does: of a producer that it has not heard of it takes what comes for the beginning. */
class Log {
  constructor() {
    this.next = new Map()
    this.values = []
  }

  /** @returns {number} error code */
  append(batch) {
    const { producerId, sequence, records } = batch
    const expected = this.next.get(producerId) ?? sequence
    if (producerId >= 0n) {
      if (sequence < expected) return 0
      if (sequence > expected) return OUT_OF_ORDER_SEQUENCE
      this.next.set(producerId, sequence + records)
    }
    this.values.push(...valuesOf(batch))
    return 0
  }
}

/**
 * @param {import('node:test').TestContext} t
 * @param {(batch: object, log: Log) => unknown} [trouble]  a verdict, or undefined: what the log says
 * @param {object} [options]  of the producer
 */
async function start(t, trouble = () => undefined, options = {}) {
  const log = new Log()
  let gate = Promise.resolve()
  let underWay = 0
  let most = 0
  const broker = await startScriptedBroker({
    topics: { t: 1 },
    concurrent: true,
    produce: async batch => {
      underWay += 1
      most = Math.max(most, underWay)
      await gate
      underWay -= 1
      return trouble(batch, log) ?? log.append(batch)
    },
  })
  const producer = await connectProducer(t, broker, {
    idempotent: true,
    batchSize: BATCH_SIZE,
    retry: RETRY,
    ...options,
  })
  /** @returns {() => void} lets answers go again */
  const hold = () => {
    let release
    gate = new Promise(resolve => {
      release = resolve
    })
    return release
  }
  const send = i => producer.send({ topic: 't', messages: [messageOf(i)] })
  await send(0)
  return { broker, send, hold, log, most: () => most }
}

const producerIds = broker => new Set(broker.attempts.map(({ producerId }) => producerId)).size

for (const [name, options, expected] of [
  ['idempotent: five', {}, 5],
  ['idempotent, maxInFlightRequests 2: two', { maxInFlightRequests: 2 }, 2],
  ['not idempotent: one, as nothing else keeps the order', { idempotent: false }, 1],
]) {
  test(`batches under way, ${name}`, async t => {
    const { broker, send, hold, log, most } = await start(t, undefined, options)
    const release = hold()
    const before = broker.attempts.length
    const sends = range(1, 100).map(send)
    await waitFor(() => broker.attempts.length === before + expected, { message: 'requests' })
    release()
    await within(10_000, Promise.all(sends), 'sends')
    assert.deepEqual(log.values, range(0, 100))
    assert.equal(most(), expected)
  })
}

test('what is not full waits for company, also where more may be under way', async t => {
  const { broker, send, hold, log } = await start(t)
  const release = hold()
  const sends = [send(1)]
  await waitFor(() => broker.attempts.length === 2, { message: 'the first request' })
  sends.push(send(2), send(3), send(4))
  release()
  await within(10_000, Promise.all(sends), 'sends')
  assert.deepEqual(
    broker.attempts.map(({ records }) => records),
    [1, 1, 3]
  )
  assert.deepEqual(log.values, range(0, 5))
})

test('the first batch of a partition is alone: its broker has no number to compare with', async t => {
  const log = new Log()
  const broker = await startScriptedBroker({
    topics: { t: 1 },
    concurrent: true,
    produce: batch => (batch.attempt === 0 ? NOT_LEADER : log.append(batch)),
  })
  const producer = await connectProducer(t, broker, {
    idempotent: true,
    batchSize: BATCH_SIZE,
    retry: RETRY,
  })
  const sends = range(0, 100).map(i => producer.send({ topic: 't', messages: [messageOf(i)] }))
  await within(10_000, Promise.all(sends), 'sends')
  assert.deepEqual(log.values, range(0, 100))
  assert.equal(broker.attempts[0].sequence, broker.attempts[1].sequence)
  assert.equal(producerIds(broker), 1)
})

for (const [name, verdict] of Object.entries({
  'the leader moved': NOT_LEADER,
  'too few replicas': NOT_ENOUGH_REPLICAS,
  'a connection that breaks': 'hang up',
})) {
  test(`${name} at the first of several: all in order, with the same id`, async t => {
    let troubled = false
    const { broker, send, log } = await start(t, batch => {
      if (troubled || !valuesOf(batch).includes(1)) return undefined
      troubled = true
      return verdict
    })
    await within(10_000, Promise.all(range(1, 100).map(send)), 'sends')
    assert.deepEqual(log.values, range(0, 100))
    assert.equal(producerIds(broker), 1)
  })
}

test('stored, but not acknowledged, with others behind: nothing twice', async t => {
  let troubled = false
  const { broker, send, log } = await start(t, (batch, stored) => {
    if (troubled || !valuesOf(batch).includes(1)) return undefined
    troubled = true
    assert.equal(stored.append(batch), 0)
    return 'hang up'
  })
  await within(10_000, Promise.all(range(1, 100).map(send)), 'sends')
  assert.deepEqual(log.values, range(0, 100))
  assert.equal(producerIds(broker), 1)
})

for (const code of [TOPIC_AUTHORIZATION_FAILED, INVALID_RECORD]) {
  test(`error ${code} at the first of several: the others are stored once and in order`, async t => {
    const { send, log } = await start(t, batch => (valuesOf(batch).includes(1) ? code : undefined))
    const results = await within(10_000, Promise.allSettled(range(1, 100).map(send)), 'sends')
    const stored = range(1, 100).filter((_, i) => results[i].status === 'fulfilled')
    assert.deepEqual(log.values, [0, ...stored])
    const refused = results.filter(({ status }) => status === 'rejected')
    assert.equal(refused.length, 100 - log.values.length)
    assert.ok(refused.length >= 1 && refused.length < 12, `${refused.length} refused`)
  })
}

test('given up after a doubtful answer, with others under way: those are stored once and in order', async t => {
  const isFirst = batch => valuesOf(batch).includes(1)
  const { send, log } = await start(
    t,
    batch => (isFirst(batch) ? NOT_ENOUGH_REPLICAS_AFTER_APPEND : undefined),
    { retry: { ...RETRY, retries: 2 } }
  )
  const results = await within(10_000, Promise.allSettled(range(1, 100).map(send)), 'sends')
  const stored = range(1, 100).filter((_, i) => results[i].status === 'fulfilled')
  assert.deepEqual(log.values, [0, ...stored])
  assert.ok(stored.length > 80, `${stored.length} stored`)
})

/** Numbers that look random, and are the same in every run (mulberry32). */
function random(seed) {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** PRODUCER_SEEDS=200 tries so many. */
for (let seed = 1; seed <= Number(process.env.PRODUCER_SEEDS ?? 5); seed++) {
  test(`every kind of trouble, seed ${seed}: each message once and in order`, async t => {
    const next = random(seed)
    const { send, log } = await start(t, (batch, stored) => {
      const dice = next()
      if (dice < 0.05) return NOT_LEADER
      if (dice < 0.1) return NOT_ENOUGH_REPLICAS
      if (dice < 0.15) return 'hang up'
      if (dice < 0.2) return stored.append(batch) === 0 ? 'hang up' : OUT_OF_ORDER_SEQUENCE
      if (dice < 0.25) {
        return stored.append(batch) === 0 ? NOT_ENOUGH_REPLICAS_AFTER_APPEND : OUT_OF_ORDER_SEQUENCE
      }
      // What is stored was not too large.
      const isNew = batch.sequence >= stored.next.get(batch.producerId)
      return dice < 0.3 && isNew && batch.records > 1 ? MESSAGE_TOO_LARGE : undefined
    })
    await within(30_000, Promise.all(range(1, 1000).map(send)), 'sends')
    assert.deepEqual(log.values, range(0, 1000))
  })
}

for (const compression of [0, 1]) {
  test(`on a real broker, compression ${compression}: 20,000 in order, each once`, async t => {
    const topic = await createTopic(uniqueTopic())
    const producer = await connectProducer(t, await brokers(), {
      idempotent: true,
      batchSize: 50_000,
    })
    const send = i =>
      producer.send({ topic, compression, messages: [{ value: `${i}`.padEnd(200) }] })
    await within(60_000, Promise.all(range(0, 20_000).map(send)), 'sends')
    const read = await readTopic(await brokers(), topic)
    assert.deepEqual(
      read.map(({ value }) => Number(value)),
      range(0, 20_000)
    )
  })
}
