'use strict'

/** @moleculer/channels: its Kafka adapter, with groups, redelivery and a dead letter topic. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { Middleware } = require('@moleculer/channels')
const { Loggers, ServiceBroker } = require('moleculer')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor, withAdmin } = require('../harness')

const OPTIONS = { timeout: 60_000 }

const seen = { orders: [], flaky: [], hopeless: [], dead: [], logs: [] }
const topics = {}
const group = uniqueGroup()
let broker

/** Moleculer ends the process when a version does not suit it: that would be a failure without a word. */
function loggerOf(lines) {
  const note =
    level =>
    (...args) =>
      void lines.push([level, ...args].map(String).join(' '))
  return Object.fromEntries(
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal'].map(level => [level, note(level)])
  )
}

before(async () => {
  for (const name of ['orders', 'flaky', 'hopeless', 'dead']) {
    topics[name] = await createTopic(uniqueTopic(name))
  }
  const kafka = { fromBeginning: true, maxWaitTimeInMs: 200 }
  const service = {
    name: 'shop',
    channels: {
      [topics.orders]: {
        group,
        kafka,
        handler(payload, raw) {
          seen.orders.push({ payload, offset: raw.offset, headers: { ...raw.headers } })
        },
      },
      [topics.flaky]: {
        group,
        kafka,
        maxRetries: 5,
        handler(payload, raw) {
          const count = raw.headers['x-redelivered-count']
          seen.flaky.push({ payload, count: count && String(count), key: raw.key })
          if (seen.flaky.length < 3) throw new Error('not yet')
        },
      },
      [topics.hopeless]: {
        group,
        kafka,
        maxRetries: 2,
        deadLettering: { enabled: true, queueName: topics.dead },
        handler(payload) {
          seen.hopeless.push(payload)
          throw new Error('never')
        },
      },
      [topics.dead]: {
        group,
        kafka,
        handler(payload, raw) {
          const entries = Object.entries(raw.headers)
          seen.dead.push({
            payload,
            headers: Object.fromEntries(entries.map(([name, value]) => [name, String(value)])),
          })
        },
      },
    },
  }
  class Noting extends Loggers.Base {
    getLogHandler(bindings) {
      const logger = loggerOf(seen.logs)
      return (type, args) => logger[type](bindings.mod, ...args)
    }
  }
  broker = new ServiceBroker({
    logger: new Noting(),
    middlewares: [
      Middleware({
        adapter: { type: 'Kafka', options: { kafka: { brokers: await brokers() } } },
      }),
    ],
  })
  broker.createService(service)
  await broker.start()
}, OPTIONS)

after(() => broker?.stop(), OPTIONS)

test('a message is handled, and committed with the number Moleculer gives', OPTIONS, async () => {
  await broker.sendToChannel(topics.orders, { id: 1 })
  await broker.sendToChannel(topics.orders, { id: 2 }, { headers: { origin: 'web' }, key: 'k' })
  await waitFor(() => seen.orders.length === 2, { message: 'two orders' })
  assert.deepEqual(
    seen.orders.map(({ payload, offset }) => ({ payload, offset })),
    [
      { payload: { id: 1 }, offset: '0' },
      { payload: { id: 2 }, offset: '1' },
    ]
  )
  assert.equal(String(seen.orders[1].headers.origin), 'web')
  const groupId = `${group}:${topics.orders}`
  await waitFor(
    () =>
      withAdmin(undefined, async admin => {
        const [{ partitions }] = await admin.fetchOffsets({ groupId, topics: [topics.orders] })
        return partitions[0].offset === '2'
      }),
    { message: 'the committed offset' }
  )
})

test('a message whose handler fails is sent again, with a count', OPTIONS, async () => {
  await broker.sendToChannel(topics.flaky, { id: 3 }, { key: 'flaky' })
  await waitFor(() => seen.flaky.length === 3, { message: 'the third delivery' })
  assert.deepEqual(
    seen.flaky.map(({ count, key }) => [count, String(key)]),
    [
      [undefined, 'flaky'],
      ['1', 'flaky'],
      ['2', 'flaky'],
    ]
  )
})

test('after the last attempt it goes to the dead letter topic', OPTIONS, async () => {
  await broker.sendToChannel(topics.hopeless, { id: 4 })
  await waitFor(() => seen.dead.length === 1, { message: 'the dead letter' })
  assert.deepEqual(seen.hopeless, [{ id: 4 }, { id: 4 }])
  const [{ payload, headers }] = seen.dead
  assert.deepEqual(payload, { id: 4 })
  assert.equal(headers['x-original-channel'], topics.hopeless)
  assert.equal(headers['x-original-partition'], '0')
})

test('log lines reach Moleculer', OPTIONS, () => {
  const joined = new RegExp(
    `info CHANNELS.KAFKAJS \\[ConsumerGroup:${group}:.*\\] Consumer has joined the group`,
    'i'
  )
  assert.ok(
    seen.logs.some(line => joined.test(line)),
    seen.logs.join('\n')
  )
})
