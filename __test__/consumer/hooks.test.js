'use strict'

/** What tracers rewrite and replace in the consumer: drop-in facts of Sentry, Instana, dd-trace and OpenTelemetry. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const { loadAfresh, replacingModules } = require('../replaceModules')
const { waitFor } = require('../harness')
const { fill, ours } = require('./scene')

const SRC = path.join(__dirname, '../../src')

test('Sentry finds the text of run', () => {
  const text = fs.readFileSync(path.join(SRC, 'consumer/index.js'), 'utf8')
  assert.equal(text.split('const run = async (').length, 2)
})

test('Instana: the runner may be replaced by a plain function that changes the handlers', async t => {
  const context = await ours(t)
  await fill(context, 2)
  const Runner = require('../../src/consumer/runner')
  const wrapped = []
  function Replacement(...args) {
    const [options] = args
    const { eachMessage } = options
    options.eachMessage = payload => {
      wrapped.push(payload.message.offset)
      return eachMessage(payload)
    }
    return new Runner(...args)
  }
  const Kafka = await replacingModules({ [path.join(SRC, 'consumer/runner')]: Replacement }, () =>
    loadAfresh(path.join(SRC, 'index.js'))
  )
  const consumer = new Kafka({ brokers: context.brokers, logLevel: 0 }).consumer({
    groupId: context.group,
  })
  t.after(() => consumer.disconnect())
  const handled = []
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => handled.push(message.offset) })
  await waitFor(() => handled.length === 2)
  assert.deepEqual(wrapped, handled)
})

test('methods are own, writable and work without this', async t => {
  const context = await ours(t)
  await fill(context, 1)
  const consumer = context.kafka().consumer({ groupId: context.group })
  const { subscribe, run } = consumer
  let eachMessages = 0
  consumer.run = async config => {
    const { eachMessage } = config
    return run({
      ...config,
      // New Relic's wrapper gives nothing back.
      eachMessage: payload => {
        eachMessages++
        eachMessage(payload)
      },
      eachBatch: undefined,
    })
  }
  consumer[Symbol('traced')] = true
  const handled = []
  await subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => handled.push(message.offset) })
  await waitFor(() => handled.length === 1)
  assert.equal(eachMessages, 1)
})

test('payload.batch can be spread and assigned to, messages can be extended', async t => {
  const context = await ours(t)
  await fill(context, 3)
  let seen
  const consumer = context.kafka().consumer({ groupId: context.group })
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      const copy = { ...batch }
      batch.messages = batch.messages.map(message => Object.assign(message, { topic: batch.topic }))
      delete batch.messages[0].headers.anything
      seen = {
        keys: Object.keys(copy),
        topics: batch.messages.map(({ topic }) => topic),
        offsets: [batch.firstOffset(), batch.lastOffset(), batch.offsetLag(), batch.isEmpty()],
      }
    },
  })
  await waitFor(() => seen)
  assert.deepEqual(seen, {
    keys: [
      'fetchedOffset',
      'topic',
      'partition',
      'highWatermark',
      'rawMessages',
      'messagesWithinOffset',
      'messages',
    ],
    topics: Array(3).fill(context.topic),
    offsets: ['0', '2', '0', false],
  })
})
