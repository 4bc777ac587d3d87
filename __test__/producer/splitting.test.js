'use strict'

/** Calls that share a batch do not share its limits: what a real broker refuses, and whom that concerns. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, createTopic, uniqueTopic } = require('../harness')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')

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
