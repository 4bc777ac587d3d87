'use strict'

/** Calls that share a batch do not share its limits: what a real broker refuses, and whom that concerns. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, createTopic, uniqueTopic, waitFor, within } = require('../harness')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')
const { startScriptedBroker } = require('./scriptedBroker')

/** Sends all values at once, so that they share batches; tells which were stored. */
async function sendTogether(producer, topic, messages) {
  // The first one leaves alone, the others gather behind it.
  const results = await Promise.allSettled(
    messages.map(message => producer.send({ topic, messages: [message] }))
  )
  return results.map(({ status, reason }) => (status === 'fulfilled' ? 'stored' : reason.type))
}

const LIMITS = {
  'MESSAGE_TOO_LARGE: the broker takes less than our batchSize': {
    config: { 'max.message.bytes': '10000' },
    error: 'MESSAGE_TOO_LARGE',
  },
  'RECORD_LIST_TOO_LARGE: a segment takes less': {
    config: { 'internal.segment.bytes': '10000' },
    error: 'RECORD_LIST_TOO_LARGE',
  },
}

for (const idempotent of [false, true]) {
  for (const [name, { config, error }] of Object.entries(LIMITS)) {
    test(`${name}, idempotent ${idempotent}`, async t => {
      const topic = await createTopic(uniqueTopic(), { config })
      const producer = await connectProducer(t, await brokers(), { idempotent })
      await producer.send({ topic, messages: [{ value: 'the topic is known' }] })
      const messages = Array.from({ length: 100 }, (_, i) => ({
        value: `${i}`.padEnd(i % 25 === 24 ? 12_000 : 900),
      }))
      const outcome = await sendTogether(producer, topic, messages)
      const expected = messages.map((_, i) => (i % 25 === 24 ? error : 'stored'))
      assert.deepEqual(outcome, expected)

      const read = await readTopic(await brokers(), topic)
      assert.deepEqual(
        read.slice(1).map(({ value }) => Number(value)),
        messages.map((_, i) => i).filter(i => i % 25 !== 24)
      )
    })
  }

  test(`INVALID_TIMESTAMP concerns the message that has it, idempotent ${idempotent}`, async t => {
    const config = { 'message.timestamp.after.max.ms': '1000' }
    const topic = await createTopic(uniqueTopic(), { config })
    const producer = await connectProducer(t, await brokers(), { idempotent })
    await producer.send({ topic, messages: [{ value: 'the topic is known' }] })
    const future = String(Date.now() + 3_600_000)
    const messages = Array.from({ length: 30 }, (_, i) => ({
      value: `${i}`,
      ...(i % 10 === 5 && { timestamp: future }),
    }))
    const outcome = await sendTogether(producer, topic, messages)
    assert.deepEqual(
      outcome,
      messages.map(({ timestamp }) => (timestamp ? 'INVALID_TIMESTAMP' : 'stored'))
    )
  })
}

test('one call that is larger than the broker takes is refused as a whole, as by kafkajs', async t => {
  const topic = await createTopic(uniqueTopic(), { config: { 'max.message.bytes': '10000' } })
  const producer = await connectProducer(t, await brokers())
  const messages = Array.from({ length: 20 }, () => ({ value: 'x'.repeat(1000) }))
  await assert.rejects(producer.send({ topic, messages }), { type: 'MESSAGE_TOO_LARGE' })
  assert.equal((await readTopic(await brokers(), topic)).length, 0)
})

test('a batch that is divided while a new epoch is waited for', async t => {
  const MESSAGE_TOO_LARGE = 10
  const OUT_OF_ORDER_SEQUENCE_NUMBER = 45
  const logs = []
  let release
  const released = new Promise(resolve => {
    release = resolve
  })
  const broker = await startScriptedBroker({
    topics: { t: 2 },
    produce: async ({ partition, attempt, records }) => {
      if (partition === 0) return attempt === 1 ? OUT_OF_ORDER_SEQUENCE_NUMBER : 0
      if (attempt === 1) await released
      if (records < 2) return 0
      // Refused when the epoch that it belongs to is known to be of no more use.
      await waitFor(() => logs.some(({ log }) => log.message.includes('out of order')))
      return MESSAGE_TOO_LARGE
    },
  })
  const settings = { logLevel: 1, logCreator: () => line => logs.push(line) }
  const producer = await connectProducer(t, broker, { idempotent: true }, settings)
  // Another timeout, so that partition 0 has a request of its own whenever it leaves.
  const send = partition =>
    producer.send({
      topic: 't',
      timeout: partition === 0 ? 20_000 : 30_000,
      messages: [{ value: `${partition}`, partition }],
    })
  for (const partition of [0, 1]) await send(partition)
  const held = send(1)
  await waitFor(() => broker.attempts.length === 3)
  const others = [send(0), send(1), send(1)]
  release()
  await within(10_000, Promise.all([held, ...others]), 'all of them')
  assert.deepEqual(
    broker.attempts.filter(({ partition }) => partition === 1).map(({ records }) => records),
    [1, 1, 2, 1, 1]
  )
})
