'use strict'

/** The diagnostics channels of ours: what a tracer that patches nothing gets to see. kafkajs has none. */

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const diagnostics = require('node:diagnostics_channel')
const { describe, test } = require('node:test')

const { Kafka, logLevel } = require('..')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor } = require('./harness')

const SEND = 'kafkajs-rs:producer:send'
const PROCESS = 'kafkajs-rs:consumer:process'
const PHASES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']
const SHORT_POLL = { maxWaitTimeInMs: 100 }

/** Subscribes until the test ends. */
function hear(t, name, handlers) {
  const channel = diagnostics.tracingChannel(name)
  channel.subscribe(handlers)
  t.after(() => channel.unsubscribe(handlers))
}

/** Hears every phase of a channel. */
function record(t, name) {
  const heard = []
  const note = phase => [phase, message => heard.push({ phase, message, seen: { ...message } })]
  hear(t, name, Object.fromEntries(PHASES.map(note)))
  return heard
}

async function setUp(t, options = {}) {
  const topic = await createTopic(uniqueTopic(), options)
  const kafka = new Kafka({
    clientId: 'traced',
    brokers: await brokers(),
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, maxRetryTime: 100 },
  })
  const producer = kafka.producer()
  t.after(() => producer.disconnect())
  await producer.connect()
  return { kafka, topic, producer }
}

function makeConsumer(t, { kafka }) {
  const consumer = kafka.consumer({ groupId: uniqueGroup(), ...SHORT_POLL })
  t.after(() => consumer.disconnect())
  return consumer
}

const phasesOf = heard => heard.map(({ phase }) => phase)

describe(SEND, () => {
  test('a send: start and end around the call, asyncStart and asyncEnd with its result', async t => {
    const { topic, producer } = await setUp(t)
    const heard = record(t, SEND)
    const messages = [{ key: 'k', value: 'v' }]
    const promise = producer.send({ topic, messages, acks: 1 })
    assert.deepEqual(phasesOf(heard), ['start', 'end'])
    const result = await promise
    assert.deepEqual(phasesOf(heard), ['start', 'end', 'asyncStart', 'asyncEnd'])
    const [{ message, seen }] = heard
    assert.deepEqual(seen, {
      clientId: 'traced',
      transactionalId: null,
      acks: 1,
      compression: undefined,
      topicMessages: [{ topic, messages }],
    })
    assert.ok(heard.every(entry => entry.message === message))
    assert.deepEqual(message.result, result)
  })

  test('sendBatch: entries of one topic are one', async t => {
    const { topic, producer } = await setUp(t)
    const heard = record(t, SEND)
    const entry = value => ({ topic, messages: [{ value }] })
    const topicMessages = [entry('a'), entry('b')]
    await producer.sendBatch({ topicMessages })
    assert.deepEqual(heard[0].seen.topicMessages, [
      { topic, messages: [{ value: 'a' }, { value: 'b' }] },
    ])
    assert.equal(heard[0].seen.acks, -1)
  })

  test('a transaction says its id', async t => {
    const { kafka, topic } = await setUp(t)
    const transactionalId = uniqueGroup()
    const producer = kafka.producer({ transactionalId, idempotent: true, maxInFlightRequests: 1 })
    t.after(() => producer.disconnect())
    await producer.connect()
    const transaction = await producer.transaction()
    const heard = record(t, SEND)
    await transaction.send({ topic, messages: [{ value: 'a' }] })
    await transaction.abort()
    assert.equal(heard[0].seen.transactionalId, transactionalId)
  })

  test('a failure: error, with the error the caller gets, whose stack names the caller', async t => {
    const { topic, producer } = await setUp(t)
    const heard = record(t, SEND)
    const call = producer.send({ topic, messages: [{ partition: 99, value: 'a' }] })
    const error = await call.then(assert.fail, given => given)
    assert.deepEqual(phasesOf(heard), ['start', 'end', 'error', 'asyncStart', 'asyncEnd'])
    assert.equal(heard.at(-1).message.error, error)
    assert.ok(error instanceof Error)

    async function theCaller() {
      await producer.send({ topic, messages: [{ partition: 99, value: 'a' }] })
    }
    await assert.rejects(theCaller, ({ stack }) => stack.includes('theCaller'))
  })

  test('what is refused before anything is sent is not traced', async t => {
    const { topic, producer } = await setUp(t)
    const heard = record(t, SEND)
    await assert.rejects(producer.send({ topic, messages: [{}] }))
    assert.deepEqual(heard, [])
  })

  test('a tracer can put headers on what is sent without touching what the caller gave', async t => {
    const scene = await setUp(t)
    const { topic, producer } = scene
    hear(t, SEND, {
      start(context) {
        for (const entry of context.topicMessages) {
          entry.messages = entry.messages.map(message => ({ ...message, headers: { trace: '1' } }))
        }
      },
    })
    const given = Object.freeze({ value: 'v' })
    await producer.sendBatch({ topicMessages: [{ topic, messages: [given] }] })
    const consumer = makeConsumer(t, scene)
    await consumer.subscribe({ topic, fromBeginning: true })
    const headers = await new Promise(resolve => {
      consumer.run({ eachMessage: ({ message }) => resolve(message.headers) })
    })
    assert.deepEqual(headers, { trace: Buffer.from('1') })
  })
})

describe(PROCESS, () => {
  for (const isAsync of [true, false]) {
    test(`eachMessage, ${isAsync ? 'asynchronous' : 'synchronous'}: a message each`, async t => {
      const scene = await setUp(t)
      const { topic, producer } = scene
      await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
      const heard = record(t, PROCESS)
      const consumer = makeConsumer(t, scene)
      const groupId = (await consumer.describeGroup()).groupId
      await consumer.subscribe({ topic, fromBeginning: true })
      const handled = []
      const note = ({ message }) => handled.push(message)
      await consumer.run({ eachMessage: isAsync ? async payload => note(payload) : note })
      await waitFor(() => phasesOf(heard).filter(phase => phase === 'asyncEnd').length === 2)
      const each = ['start', 'end', 'asyncStart', 'asyncEnd']
      assert.deepEqual(phasesOf(heard), [...each, ...each])
      const { message, ...seen } = heard[0].seen
      assert.deepEqual(seen, { clientId: 'traced', groupId, topic, partition: 0 })
      assert.equal(message, handled[0])
    })
  }

  test('eachBatch: the batch', async t => {
    const scene = await setUp(t)
    const { topic, producer } = scene
    await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    const heard = record(t, PROCESS)
    const consumer = makeConsumer(t, scene)
    await consumer.subscribe({ topic, fromBeginning: true })
    const handled = []
    await consumer.run({ eachBatch: async ({ batch }) => handled.push(batch) })
    await waitFor(() => heard.length >= 4)
    const { batch, topic: ofTopic, partition } = heard[0].seen
    assert.deepEqual([ofTopic, partition], [topic, 0])
    assert.equal(batch, handled[0])
  })

  test('a handler that throws: error, and the message comes again', async t => {
    const scene = await setUp(t)
    const { topic, producer } = scene
    await producer.send({ topic, messages: [{ value: 'a' }] })
    const heard = record(t, PROCESS)
    const consumer = makeConsumer(t, scene)
    await consumer.subscribe({ topic, fromBeginning: true })
    const failure = new Error('not yet')
    let calls = 0
    await consumer.run({
      eachMessage() {
        if (++calls === 1) throw failure
      },
    })
    await waitFor(() => phasesOf(heard).filter(phase => phase === 'asyncEnd').length === 2)
    assert.deepEqual(phasesOf(heard), [
      ...['start', 'end', 'error', 'asyncStart', 'asyncEnd'],
      ...['start', 'end', 'asyncStart', 'asyncEnd'],
    ])
    assert.equal(heard[2].seen.error, failure)
  })

  test('a store bound to start is the handler’s context; stop within it resolves', async t => {
    const scene = await setUp(t)
    const { topic, producer } = scene
    await producer.send({ topic, messages: [{ value: 'a' }] })
    const storage = new AsyncLocalStorage()
    const { start } = diagnostics.tracingChannel(PROCESS)
    start.bindStore(storage, context => ({ span: `${context.topic}/${context.partition}` }))
    t.after(() => start.unbindStore(storage))
    const consumer = makeConsumer(t, scene)
    await consumer.subscribe({ topic, fromBeginning: true })
    const store = await new Promise(resolve => {
      consumer.run({
        async eachMessage({ heartbeat }) {
          await heartbeat()
          await consumer.stop()
          resolve(storage.getStore())
        },
      })
    })
    assert.deepEqual(store, { span: `${topic}/0` })
  })
})

test('two copies of the module speak on the same channels', t => {
  const channels = require('../src/channels')
  const file = require.resolve('../src/channels')
  delete require.cache[file]
  const copy = require('../src/channels')
  t.after(() => {
    require.cache[file].exports = channels
  })
  assert.notEqual(copy, channels)
  for (const phase of PHASES) assert.equal(copy.SEND[phase], channels.SEND[phase])
  assert.equal(channels.SEND.start, diagnostics.channel(`tracing:${SEND}:start`))
  assert.equal(channels.isHeard(channels.SEND), false)
})
