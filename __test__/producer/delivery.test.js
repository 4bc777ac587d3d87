'use strict'

/** What becomes of a batch after each kind of answer, of a broker that says what a test wants (scriptedBroker.js). */

const assert = require('node:assert/strict')
const test = require('node:test')
const { waitFor, within } = require('../harness')
const { connectProducer } = require('./clients')
const { startScriptedBroker } = require('./scriptedBroker')

const QUICK_RETRY = { initialRetryTime: 5, maxRetryTime: 20, retries: 5 }

const NOT_LEADER = 6
const REQUEST_TIMED_OUT = 7
const MESSAGE_TOO_LARGE = 10
const RECORD_LIST_TOO_LARGE = 18
const NOT_ENOUGH_REPLICAS = 19
const NOT_ENOUGH_REPLICAS_AFTER_APPEND = 20
const TOPIC_AUTHORIZATION_FAILED = 29
const INVALID_TIMESTAMP = 32
const OUT_OF_ORDER_SEQUENCE = 45
const DUPLICATE_SEQUENCE = 46
const UNKNOWN_PRODUCER_ID = 59
const INVALID_RECORD = 87

async function start(t, script, { settings, ...options } = {}) {
  const broker = await startScriptedBroker({ topics: { t: 3 }, ...script })
  const producer = await connectProducer(t, broker, { retry: QUICK_RETRY, ...options }, settings)
  return { broker, producer }
}

const send = (producer, value, partition = 0) =>
  producer.send({ topic: 't', messages: [{ value, partition }] })

const has = (batch, text) => batch.bytes.includes(text)
const outcomes = promises =>
  Promise.all(
    promises.map(promise =>
      promise.then(
        ([{ baseOffset }]) => `at ${baseOffset}`,
        error => error.type ?? error.message
      )
    )
  )

for (const code of [
  NOT_LEADER,
  REQUEST_TIMED_OUT,
  NOT_ENOUGH_REPLICAS,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND,
]) {
  test(`error ${code}: the same records again, to the same partition`, async t => {
    const { broker, producer } = await start(t, {
      produce: ({ attempt }) => (attempt < 2 ? code : 0),
    })

    const [{ partition }] = await producer.send({ topic: 't', messages: [{ value: 'v' }] })

    assert.deepEqual(
      broker.attempts.map(batch => batch.partition),
      [partition, partition, partition]
    )
    const [first, ...others] = broker.attempts.map(({ bytes }) => bytes)
    assert.ok(others.every(bytes => bytes.equals(first)))
  })
}

for (const verdict of ['hang up', 'silence']) {
  test(`${verdict}: idempotent, repeated with the same sequence, so that a broker can tell`, async t => {
    const { broker, producer } = await start(
      t,
      { produce: ({ attempt }) => (attempt === 1 ? verdict : 0) },
      { idempotent: true, settings: { requestTimeout: 200 } }
    )

    await send(producer, 'a')
    await send(producer, 'b')
    await send(producer, 'c')

    assert.deepEqual(
      broker.attempts.map(({ sequence }) => sequence),
      [0, 1, 1, 2]
    )
    assert.equal(new Set(broker.attempts.map(({ producerId }) => producerId)).size, 1)
  })
}

test('a request that is not answered within requestTimeout is repeated on another connection', async t => {
  const { broker, producer } = await start(
    t,
    { produce: ({ attempt }) => (attempt === 0 ? 'silence' : 0) },
    { settings: { requestTimeout: 200 } }
  )
  const began = Date.now()
  await within(20_000, send(producer, 'a'), 'send')

  assert.ok(Date.now() - began >= 200)
  assert.equal(broker.attempts.length, 2)
})

test('order is kept: what was sent later waits for what is repeated', async t => {
  const { broker, producer } = await start(t, {
    produce: batch => (has(batch, 'first') && batch.attempt < 4 ? NOT_LEADER : 0),
  })
  await send(producer, 'the topic is known now')
  const sends = [send(producer, 'first')]
  await waitFor(() => broker.attempts.length > 1, { message: 'the first attempt' })
  sends.push(send(producer, 'second'), send(producer, 'third'))
  await Promise.all(sends)

  const [, first, later] = broker.stored
  assert.equal(broker.stored.length, 3)
  assert.ok(has(first, 'first') && !has(first, 'second'))
  assert.ok(has(later, 'second') && has(later, 'third'))
})

test('a partition in trouble holds up no other one', async t => {
  let recovered = false
  const { producer } = await start(
    t,
    { produce: ({ partition }) => (partition === 0 && !recovered ? NOT_LEADER : 0) },
    { retry: { ...QUICK_RETRY, retries: 1000 } }
  )
  const stuck = send(producer, 'a', 0)

  for (let i = 0; i < 20; i++) await within(20_000, send(producer, 'b', 1), 'the other partition')
  recovered = true
  await stuck
})

test('an error for good fails its own partition and no other', async t => {
  const { producer } = await start(t, {
    produce: ({ partition }) => (partition === 1 ? TOPIC_AUTHORIZATION_FAILED : 0),
  })

  const results = await outcomes([0, 1, 2].map(partition => send(producer, 'v', partition)))
  assert.deepEqual(results, ['at 0', 'TOPIC_AUTHORIZATION_FAILED', 'at 0'])
})

for (const code of [MESSAGE_TOO_LARGE, RECORD_LIST_TOO_LARGE, INVALID_TIMESTAMP, INVALID_RECORD]) {
  for (const idempotent of [false, true]) {
    test(`error ${code}, idempotent ${idempotent}: calls that share a batch fail each for itself`, async t => {
      const { broker, producer } = await start(
        t,
        { produce: batch => (has(batch, 'bad') ? code : 0) },
        { idempotent }
      )
      // The first one leaves alone, the others gather behind it.
      const values = ['first', 'a', 'b', 'bad', 'c', 'd', 'bad', 'bad', 'e']
      const results = await outcomes(values.map(value => send(producer, value)))

      assert.deepEqual(
        results.map(result => (result.startsWith('at') ? 'stored' : 'refused')),
        values.map(value => (value === 'bad' ? 'refused' : 'stored'))
      )
      const offsets = results.filter(result => result.startsWith('at'))
      assert.deepEqual(offsets, ['at 0', 'at 1', 'at 2', 'at 3', 'at 4', 'at 5'])
      if (!idempotent) return
      // No gap that a broker would take for a lost batch: sequences go on where the last stored one ended.
      let expected = new Map()
      for (const { producerId, sequence, records } of broker.stored) {
        assert.equal(sequence, expected.get(producerId) ?? 0)
        expected = new Map([[producerId, sequence + records]])
      }
    })
  }
}

test('idempotent: DUPLICATE_SEQUENCE_NUMBER says that the broker has it', async t => {
  const { producer } = await start(
    t,
    { produce: ({ attempt }) => (attempt === 0 ? 'hang up' : DUPLICATE_SEQUENCE) },
    { idempotent: true }
  )
  assert.deepEqual(await outcomes([send(producer, 'a')]), ['at -1'])
})

for (const code of [OUT_OF_ORDER_SEQUENCE, UNKNOWN_PRODUCER_ID]) {
  test(`idempotent, error ${code}: numbers begin anew where the broker lost count`, async t => {
    const { broker, producer } = await start(
      t,
      { produce: ({ partition, attempt }) => (partition === 0 && attempt === 2 ? code : 0) },
      { idempotent: true }
    )
    for (let i = 0; i < 4; i++) {
      await within(20_000, Promise.all([send(producer, 'a', 0), send(producer, 'b', 1)]), 'sends')
    }

    const [old] = broker.attempts.map(({ producerId }) => producerId)
    const stored = broker.stored.filter(({ partition }) => partition === 0)
    assert.deepEqual(
      stored.map(({ producerId, sequence }) => [producerId === old, sequence]),
      [
        [true, 0],
        [true, 1],
        [false, 0],
        [false, 1],
      ]
    )
    assert.equal(broker.stored.filter(({ partition }) => partition === 1).length, 4)
  })

  test(`idempotent, error ${code}: recovers while another partition is in trouble, too`, async t => {
    const { broker, producer } = await start(
      t,
      {
        produce: ({ partition, attempt }) => {
          if (attempt !== 1) return 0
          return partition === 0 ? code : NOT_LEADER
        },
      },
      { idempotent: true }
    )
    for (let i = 0; i < 3; i++) {
      await within(
        20_000,
        producer.send({
          topic: 't',
          messages: [
            { value: 'a', partition: 0 },
            { value: 'b', partition: 1 },
          ],
        }),
        'send'
      )
    }
    assert.equal(broker.stored.length, 6)
  })
}

for (const [verdict, numbers] of [
  // Certainly not stored: its numbers are free again.
  [NOT_ENOUGH_REPLICAS, ['1000 0', '1000 1', '1000 2', '1000 3']],
  // Perhaps stored: used again, they would pass for a repetition, and the next message would be lost.
  [NOT_ENOUGH_REPLICAS_AFTER_APPEND, ['1000 0', '1000 1', '1001 0', '1001 1']],
  ['hang up', ['1000 0', '1000 1', '1001 0', '1001 1']],
]) {
  test(`idempotent: a batch that was given up after ${verdict} leaves no gap behind`, async t => {
    let trouble = false
    const { broker, producer } = await start(
      t,
      { produce: ({ partition }) => (partition === 0 && trouble ? verdict : 0) },
      { idempotent: true, retry: { ...QUICK_RETRY, retries: 2 } }
    )
    await send(producer, 'a')
    await send(producer, 'b')
    trouble = true
    const [given] = await outcomes([send(producer, 'given up')])
    trouble = false
    for (const value of ['c', 'd']) await within(20_000, send(producer, value), 'send')
    await within(20_000, send(producer, 'elsewhere', 1), 'send')

    assert.doesNotMatch(given, /^at/)
    const first = broker.stored[0].producerId
    assert.deepEqual(
      broker.stored
        .filter(({ partition }) => partition === 0)
        .map(({ producerId, sequence }) => `${1000n + producerId - first} ${sequence}`),
      numbers
    )
  })
}

test('a throttled producer stays quiet for that long (KIP-219)', async t => {
  const { producer } = await start(t, {
    produce: ({ attempt }) => ({ code: 0, throttle: attempt === 0 ? 400 : 0 }),
  })
  const began = Date.now()
  await send(producer, 'a')
  await send(producer, 'b')

  assert.ok(Date.now() - began >= 400, `waited ${Date.now() - began} ms`)
})

test('an answer that leaves out a partition counts as none', async t => {
  const { broker, producer } = await start(t, {
    topics: { t: 1, u: 1 },
    produce: ({ topic, attempt }) => (topic === 'u' && attempt === 0 ? 'left out' : 0),
  })
  await producer.sendBatch({
    topicMessages: ['t', 'u'].map(topic => ({ topic, messages: [{ value: 'v' }] })),
  })
  assert.equal(broker.stored.length, 2)
})

test('a topic without a leader: its sends wait, others go on', async t => {
  const { broker, producer } = await start(
    t,
    { topics: { t: 3, u: 1 } },
    { retry: { ...QUICK_RETRY, retries: 1000 } }
  )
  const sendToU = () => producer.send({ topic: 'u', messages: [{ value: 'v' }] })
  broker.leaderless.add('u')
  let stillWaits = true
  const waiting = sendToU().then(() => {
    stillWaits = false
  })
  for (let i = 0; i < 10; i++) await within(20_000, send(producer, 'v'), 'the other topic')
  assert.equal(stillWaits, true)
  broker.leaderless.clear()
  await within(20_000, waiting, 'the topic that has a leader now')
  assert.equal(broker.stored.length, 11)
})

test('disconnect: what the broker does not answer is rejected by name, once its time is up', async t => {
  const { broker, producer } = await start(
    t,
    { produce: () => 'silence' },
    { settings: { requestTimeout: 300 }, retry: { ...QUICK_RETRY, retries: 100000 } }
  )
  const sends = ['a', 'b', 'c'].map(value => send(producer, value))
  const settled = Promise.allSettled(sends)
  await waitFor(() => broker.attempts.length > 0, { message: 'the first attempt' })

  await within(20_000, producer.disconnect(), 'disconnect')
  const results = await within(10_000, settled, 'the sends')
  for (const { status, reason } of results) {
    assert.equal(status, 'rejected')
    assert.match(reason.message, /disconnect/i)
  }
  const before = broker.attempts.length
  await producer.connect()
  await within(20_000, producer.disconnect(), 'disconnect')
  assert.equal(broker.attempts.length, before, 'nothing is sent after it was rejected')
})
