'use strict'

/**
 * Every retriable error code, once, in every answer that a producer reads. The broker has done what it was asked all the
 * same, so that a repetition shows: idempotent sends and transactions have to end up in the log once.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const {
  createTopic,
  startSingle,
  subject,
  uniqueGroup,
  uniqueTopic,
  within,
} = require('../../harness')
const { readTopic } = require('../../producer/readTopic')
const { RETRIABLE, startInjector } = require('./injector')

const API = {
  Produce: 0,
  Metadata: 3,
  FindCoordinator: 10,
  InitProducerId: 22,
  AddPartitionsToTxn: 24,
  AddOffsetsToTxn: 25,
  EndTxn: 26,
  TxnOffsetCommit: 28,
}
const RETRY = { initialRetryTime: 5, maxRetryTime: 50, retries: 8 }
/** A connection is made, and what is asked for is asked for again: more would be going round in circles. */
const MOST_ANSWERS = 40

let cluster
let older
before(async () => {
  ;[cluster, older] = await Promise.all([
    startSingle(),
    // Partitions are announced to the coordinator (before KIP-890).
    startSingle({ features: { 'transaction.version': 1 } }),
  ])
})
after(() => Promise.all([cluster?.stop(), older?.stop()]))

/** A producer behind an injector of its own, for one code. */
async function connect(broker, options) {
  const { Kafka, logLevel } = subject.load()
  const injector = await startInjector(broker)
  const kafka = new Kafka({
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    retry: RETRY,
    socketFactory: injector.socketFactory,
  })
  const producer = kafka.producer(options)
  return {
    injector,
    producer,
    async close() {
      await producer.disconnect()
      await injector.close()
    },
  }
}

/** @returns {string} what became of it, as one line */
const outcomeOf = promise =>
  within(20_000, promise, 'it').then(
    () => 'done',
    error => `${error.name}: ${error.type ?? error.message}`
  )

/** Asserts that all codes led to what they should, and shows those that did not. */
function assertOutcomes(outcomes, expected = {}) {
  const wrong = [...outcomes].filter(([type, outcome]) => outcome !== (expected[type] ?? 'done'))
  assert.deepEqual(Object.fromEntries(wrong), {})
  assert.equal(outcomes.size, RETRIABLE.length)
}

async function assertOnce(broker, topic, values) {
  const read = await readTopic([broker], topic)
  assert.deepEqual(read.map(({ value }) => `${value}`).sort(), [...values].sort())
}

const SENDS = [
  ['Produce', 'partition'],
  ['Metadata', 'topic'],
  ['Metadata', 'partition'],
  ['InitProducerId', 'answer'],
]

for (const [api, place] of SENDS) {
  test(`idempotent sends: ${api}, ${place}`, { timeout: 120_000 }, async t => {
    const [broker] = cluster.brokers
    const topic = await createTopic(uniqueTopic(), { on: [broker] })
    const outcomes = new Map()
    const stored = []
    let most = 0
    for (const { code, type } of RETRIABLE) {
      const { injector, producer, close } = await connect(broker, { idempotent: true })
      injector.inject(API[api], place, code)
      const run = async () => {
        await producer.connect()
        await producer.send({ topic, messages: [{ value: `${type} 1` }] })
        await producer.send({ topic, messages: [{ value: `${type} 2` }] })
        stored.push(`${type} 1`, `${type} 2`)
      }
      outcomes.set(type, await outcomeOf(run()))
      assert.ok(injector.told(), `${type} was never told`)
      most = Math.max(most, injector.answers())
      await close()
    }
    t.diagnostic(`${most} answers at most`)
    assertOutcomes(outcomes)
    await assertOnce(broker, topic, stored)
    assert.ok(most <= MOST_ANSWERS, `${most} answers`)
  })
}

const TRANSACTIONS = [
  ['Produce', 'partition'],
  ['Metadata', 'partition'],
  ['FindCoordinator', 'answer'],
  ['InitProducerId', 'answer'],
  ['AddPartitionsToTxn', 'partition', 'before Kafka 4.0'],
  ['AddOffsetsToTxn', 'answer', 'before Kafka 4.0'],
  ['TxnOffsetCommit', 'partition'],
  ['EndTxn', 'answer'],
]

for (const [api, place, version = 'of today'] of TRANSACTIONS) {
  test(`transactions ${version}: ${api}, ${place}`, { timeout: 120_000 }, async t => {
    const [broker] = (version === 'of today' ? cluster : older).brokers
    const topic = await createTopic(uniqueTopic(), { on: [broker] })
    const groupId = uniqueGroup()
    const outcomes = new Map()
    const stored = []
    let most = 0
    for (const { code, type } of RETRIABLE) {
      const transactionalId = `${topic}-${code}`
      const { injector, producer, close } = await connect(broker, { transactionalId })
      injector.inject(API[api], place, code)
      const run = async () => {
        await producer.connect()
        const transaction = await producer.transaction()
        await transaction.send({ topic, messages: [{ value: type }] })
        const offsets = [{ topic, partitions: [{ partition: 0, offset: `${code}` }] }]
        await transaction.sendOffsets({ consumerGroupId: groupId, topics: offsets })
        await transaction.commit()
        stored.push(type)
      }
      outcomes.set(type, await outcomeOf(run()))
      assert.ok(injector.told(), `${type} was never told`)
      most = Math.max(most, injector.answers())
      await close()
    }
    t.diagnostic(`${most} answers at most`)
    assertOutcomes(outcomes)
    await assertOnce(broker, topic, stored)
    assert.ok(most <= MOST_ANSWERS, `${most} answers`)
  })
}
