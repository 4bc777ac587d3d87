'use strict'

/** What ours has on top of kafkajs: batches of many calls, linger, batchSize, and order. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, createTopic, uniqueTopic, waitFor, within } = require('../harness')
const { errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')
const { startScriptedBroker } = require('./scriptedBroker')

/** A broker that answers at once, of a topic that the producer knows. */
async function ready(t) {
  const broker = await startScriptedBroker({ topics: { t: 4 } })
  const producer = await connectProducer(t, broker)
  await producer.send({ topic: 't', messages: [{ value: 'the topic is known', partition: 0 }] })
  return { broker, producer }
}

/** A broker that answers nothing until `open()`; the topic is known to the producer. */
async function gated(t, options, settings) {
  let open
  let gate = new Promise(resolve => {
    open = resolve
  })
  const broker = await startScriptedBroker({
    topics: { t: 4 },
    produce: async batch => {
      if (batch.attempt > 0 || batch.partition === 3) await gate
      return 0
    },
  })
  const producer = await connectProducer(t, broker, options, settings)
  const send = (value, partition = 0) =>
    producer.send({ topic: 't', messages: [{ value, partition }] })
  await send('the topic is known')
  const reopen = async () => {
    open()
    gate = Promise.resolve()
  }
  return { broker, producer, send, open: reopen }
}

test('what comes while a request is under way leaves together in the next one', async t => {
  const { broker, send, open } = await gated(t)
  const sends = [send('first')]
  await waitFor(() => broker.attempts.length === 2, { message: 'the first one to leave' })
  for (let i = 0; i < 50; i++) sends.push(send(`later ${i}`))
  await open()
  const offsets = (await Promise.all(sends)).map(([{ baseOffset }]) => Number(baseOffset))

  assert.deepEqual(
    broker.attempts.map(({ records }) => records),
    [1, 1, 50]
  )
  // Each call learns where its own messages are.
  assert.deepEqual(
    offsets,
    Array.from({ length: 51 }, (_, i) => i + 1)
  )
})

test('batches of all partitions of a leader leave in one request', async t => {
  const { broker, producer, open } = await gated(t)
  const requests = []
  producer.on(producer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === 'Produce') requests.push(payload)
  })
  const held = producer.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
  await waitFor(() => broker.attempts.length === 2)
  await open()
  await held
  const before = requests.length
  const messages = [0, 1, 2, 3].map(partition => ({ value: 'v', partition }))
  await producer.send({ topic: 't', messages })
  await waitFor(() => requests.length > before)
  assert.equal(requests.length, before + 1)
})

test('what one turn of the event loop sends leaves together, as if it were one call', async t => {
  const { broker, producer } = await ready(t)
  const send = partition =>
    producer.send({ topic: 't', messages: [{ value: `${partition}`, partition }] })
  await Promise.all([send(1), send(2), send(1)])
  const [, ...turn] = broker.attempts
  assert.deepEqual(
    turn.map(({ partition, records }) => [partition, records]),
    [
      [1, 2],
      [2, 1],
    ]
  )
})

test('what gathers in a turn goes on its way when it becomes much, before the turn ends', async t => {
  const { broker, producer } = await ready(t)
  const value = 'v'.repeat(40_000)
  const send = () => producer.send({ topic: 't', messages: [{ value, partition: 1 }] })
  const sends = Array.from({ length: 10 }, send)
  await Promise.all(sends)
  const records = broker.attempts.slice(1).reduce((sum, attempt) => sum + attempt.records, 0)
  assert.equal(records, 10)
})

test('calls that differ in acks, timeout or codec share no batch, and keep their order', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers())
  const kinds = [
    {},
    { acks: 1 },
    { timeout: 5000 },
    { compression: 1 },
    { compression: 1, acks: 1 },
  ]
  const values = Array.from({ length: 200 }, (_, i) => `${i}`)
  await Promise.all(
    values.map((value, i) =>
      producer.send({ topic, ...kinds[i % kinds.length], messages: [{ value }] })
    )
  )
  const read = await readTopic(await brokers(), topic)
  assert.deepEqual(
    read.map(({ value }) => `${value}`),
    values
  )
})

test('linger: a message waits that long for company, and no longer', async t => {
  const linger = 2000
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  const producer = await connectProducer(t, broker, { linger })
  const send = value => producer.send({ topic: 't', messages: [{ value }] })
  await send('the topic is known')
  const began = Date.now()
  const sends = [send('a')]
  await new Promise(resolve => setTimeout(resolve, linger * 0.75))
  sends.push(send('b'))
  await Promise.all(sends)
  const took = Date.now() - began

  assert.deepEqual(
    broker.attempts.map(({ records }) => records),
    [1, 2]
  )
  assert.ok(took >= linger - 5, `${took} ms`)
  assert.ok(took < linger * 1.7, `the second one started it anew: ${took} ms`)
})

test('linger 0, the default: an awaited send leaves at once', async t => {
  const { broker, producer } = await gated(t)
  const lingering = await connectProducer(t, broker.brokers, { linger: 3000 })
  const send = (from, partition) => from.send({ topic: 't', messages: [{ value: 'v', partition }] })
  // The one that lingers is called first, and overtaken.
  const later = send(lingering, 1)
  await send(producer, 2)
  assert.equal(broker.attempts.length, 2)
  await later
  assert.equal(broker.attempts.length, 3)
})

test('linger: a full batch does not wait', async t => {
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  const producer = await connectProducer(t, broker, { linger: 60_000, batchSize: 10_000 })
  const send = () => producer.send({ topic: 't', messages: [{ value: 'x'.repeat(1000) }] })
  // Nine fit into a batch; what is too much for it begins the next one.
  const sends = Array.from({ length: 19 }, send)
  await within(10_000, Promise.all(sends.slice(0, 18)), 'two full batches')
  assert.deepEqual(
    broker.attempts.map(({ records }) => records),
    [9, 9]
  )
  await producer.disconnect()
  await sends[18]
  assert.equal(broker.attempts.length, 3)
})

test('linger: disconnect sends what still waits, without waiting', async t => {
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  const producer = await connectProducer(t, broker, { linger: 60_000 })
  const sent = producer.send({ topic: 't', messages: [{ value: 'v' }] })
  await within(10_000, Promise.all([producer.disconnect(), sent]), 'disconnect')
  assert.equal(broker.stored.length, 1)
})

test('batchSize bounds a batch of several calls, not one of a single call', async t => {
  const { broker, producer, send, open } = await gated(t, { batchSize: 5000 })
  const sends = [send('first')]
  await waitFor(() => broker.attempts.length === 2)
  for (let i = 0; i < 40; i++) sends.push(send('x'.repeat(1000)))
  const messages = Array.from({ length: 20 }, () => ({ value: 'y'.repeat(1000), partition: 1 }))
  sends.push(producer.send({ topic: 't', messages }))
  await open()
  await Promise.all(sends)

  const shared = broker.attempts.filter(({ partition }) => partition === 0).slice(2)
  assert.ok(shared.every(({ records, bytes }) => records <= 4 && bytes.length <= 5000))
  assert.equal(
    shared.reduce((sum, { records }) => sum + records, 0),
    40
  )
  const [single] = broker.attempts.filter(({ partition }) => partition === 1)
  assert.equal(single.records, 20)
})

test('20,000 sends that nobody waits for are stored in their order', async t => {
  for (const options of [{}, { idempotent: true }, { maxInFlightRequests: 1 }]) {
    const topic = await createTopic(uniqueTopic(), { partitions: 3 })
    const producer = await connectProducer(t, await brokers(), options)
    const sends = Array.from({ length: 20_000 }, (_, i) =>
      producer.send({ topic, messages: [{ value: `${i}`, partition: i % 3 }] })
    )
    const results = await Promise.all(sends)
    const read = await readTopic(await brokers(), topic)
    assert.equal(read.length, 20_000)
    for (const index of [0, 1, 2]) {
      const own = read.filter(({ partition }) => partition === index)
      assert.ok(
        own.every(({ value }, i) => Number(value) === i * 3 + index),
        `partition ${index}`
      )
    }
    // What each call was told is where its message is.
    const at = new Map(
      read.map(({ partition, offset, value }) => [`${partition}/${offset}`, `${value}`])
    )
    assert.ok(
      results.every(
        ([{ partition, baseOffset }], i) => at.get(`${partition}/${baseOffset}`) === `${i}`
      )
    )
  }
})

test('maxBufferedBytes: send waits when it is reached, and nothing is lost or reordered', async t => {
  const { broker, send, open } = await gated(t, { maxBufferedBytes: 20_000, batchSize: 5000 })
  const order = []
  const sends = Array.from({ length: 100 }, (_, i) =>
    send(`${i}`.padEnd(1000)).then(() => order.push(i))
  )
  await waitFor(() => broker.attempts.length === 2)
  const before = broker.attempts.length
  await open()
  await Promise.all(sends)
  assert.equal(before, 2)
  assert.deepEqual(
    order,
    Array.from({ length: 100 }, (_, i) => i)
  )
  assert.equal(
    broker.stored.reduce((sum, { records }) => sum + records, 0),
    101
  )
})

test('maxBufferedBytes: who waits longer than requestTimeout is told why', async t => {
  // Only waiting for room has a deadline here: a request that ran out of time would make room.
  const settings = { requestTimeout: 400, enforceRequestTimeout: false }
  const { send, open } = await gated(t, { maxBufferedBytes: 6000 }, settings)
  const refused = []
  const sends = Array.from({ length: 12 }, () =>
    send('x'.repeat(1000)).catch(error => refused.push(`${error.name}: ${error.message}`))
  )
  // Four fit in.
  await waitFor(() => refused.length === 8, { message: 'those without room' })
  for (const text of refused) {
    assert.match(
      text,
      /^KafkaJSTimeout: Timed out while waiting for \d+ of the 6000 bytes of maxBufferedBytes$/
    )
  }
  await open()
  await within(10_000, Promise.all(sends), 'those that had room')
  assert.equal(refused.length, 8)
})

test('maxBufferedBytes: a call larger than that is let in alone', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers(), { maxBufferedBytes: 1000 })
  const sends = [1, 2, 3].map(i =>
    producer.send({ topic, messages: [{ value: `${i}`.padEnd(100_000) }] })
  )
  const results = await within(10_000, Promise.all(sends), 'sends')
  assert.deepEqual(
    results.map(([{ baseOffset }]) => baseOffset),
    ['0', '1', '2']
  )
})

test('disconnect delivers what was accepted, also what waits for memory', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers(), { maxBufferedBytes: 50_000 })
  const sends = Array.from({ length: 500 }, (_, i) =>
    producer.send({ topic, messages: [{ value: `${i}`.padEnd(1000) }] })
  )
  const settled = Promise.all(sends)
  await producer.disconnect()
  assert.equal((await within(10_000, settled, 'sends')).length, 500)
  assert.equal(
    (await errorOf(() => producer.send({ topic, messages: [{ value: 'v' }] }))).name,
    'KafkaJSError'
  )
  assert.equal((await readTopic(await brokers(), topic)).length, 500)
})

test('a send with an answer behind one without shares no request with it', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 2 })
  const producer = await connectProducer(t, await brokers())
  await producer.send({ topic, messages: [{ partition: 0, value: 'warm' }] })
  for (let i = 0; i < 20; i++) {
    const unanswered = producer.send({ topic, acks: 0, messages: [{ partition: 0, value: 'a' }] })
    const answered = producer.send({ topic, messages: [{ partition: 1, value: 'b' }] })
    assert.deepEqual(await unanswered, [])
    const [{ partition, baseOffset }] = await answered
    assert.deepEqual([partition, baseOffset], [1, `${i}`])
  }
})
