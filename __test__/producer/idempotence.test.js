'use strict'

/** Idempotence: section 3.8 of kafkajs' behaviour. What a batch becomes after each error is in delivery.test.js. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, contract, createTopic, uniqueTopic, within } = require('../harness')
const { errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')
const { startScriptedBroker } = require('./scriptedBroker')

const RETRY = { initialRetryTime: 5, retries: 3 }

async function idempotentProducer(context, script) {
  const broker = await startScriptedBroker({ topics: { t: 2 }, ...script })
  context.onEnd(() => broker.close())
  const kafka = context.kafka({ brokers: broker.brokers, retry: RETRY })
  const producer = kafka.producer({ idempotent: true })
  return { broker, producer }
}

const numbers = ({ producerId, epoch, sequence, records }) => [
  String(producerId),
  epoch,
  sequence,
  records,
]

contract('3.8 sequences: one count per partition, by records', { partitions: 0 }, async context => {
  const { broker, producer } = await idempotentProducer(context)
  await producer.connect()
  for (const partitions of [[0], [0, 0, 1], [1], [0, 1, 1]]) {
    const messages = partitions.map(partition => ({ value: 'v', partition }))
    await producer.send({ topic: 't', messages })
  }
  for (const partition of [0, 1]) {
    const batches = broker.attempts.filter(batch => batch.partition === partition)
    context.record(`partition ${partition}`, batches.map(numbers))
  }
})

contract('3.8 a producer without idempotence writes no id', { partitions: 0 }, async context => {
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  context.onEnd(() => broker.close())
  const producer = context.kafka({ brokers: broker.brokers }).producer()
  await producer.connect()
  for (let i = 0; i < 2; i++) await producer.send({ topic: 't', messages: [{ value: 'v' }] })
  context.record('numbers', broker.attempts.map(numbers))
  context.record('requests', broker.requests)
})

contract('3.8 a retry has the same numbers', { partitions: 0 }, async context => {
  const { broker, producer } = await idempotentProducer(context, {
    produce: ({ attempt }) => (attempt === 1 ? 6 : 0),
  })
  await producer.connect()
  for (let i = 0; i < 3; i++) {
    await producer.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
  }
  context.record('numbers', broker.attempts.map(numbers))
})

for (const [type, code] of Object.entries({
  COORDINATOR_LOAD_IN_PROGRESS: 14,
  COORDINATOR_NOT_AVAILABLE: 15,
  NOT_COORDINATOR: 16,
  CONCURRENT_TRANSACTIONS: 51,
})) {
  contract(`3.8 InitProducerId, ${type}: asked again`, { partitions: 0 }, async context => {
    let asked = 0
    const { producer } = await idempotentProducer(context, {
      identify: () => (asked++ < 2 ? code : 0),
    })
    context.record('connect', await producer.connect())
    context.record('asked', asked)
    context.record('sent', (await producer.send({ topic: 't', messages: [{ value: 'v' }] })).length)
  })
}

for (const [type, code] of Object.entries({
  CLUSTER_AUTHORIZATION_FAILED: 31,
  INVALID_PRODUCER_ID_MAPPING: 49,
  UNKNOWN: -1,
})) {
  contract(
    `3.8 InitProducerId, ${type}: connect rejects with it`,
    { partitions: 0 },
    async context => {
      const { broker, producer } = await idempotentProducer(context, { identify: () => code })
      const error = await errorOf(() => producer.connect())
      context.record('error', [error.constructor.name, error.type, error.code, error.message])
      context.record('asked', broker.requests.length)
    }
  )
}

contract(
  '3.8 InitProducerId, CLUSTER_AUTHORIZATION_FAILED: a later connect asks again',
  { partitions: 0 },
  async context => {
    let code = 31
    const { producer } = await idempotentProducer(context, { identify: () => code })
    await errorOf(() => producer.connect())
    code = 0
    context.record('connect', await producer.connect())
    context.record('sent', (await producer.send({ topic: 't', messages: [{ value: 'v' }] })).length)
  }
)

contract(
  '3.8 errors of sequences',
  {
    partitions: 0,
    differences: {
      outcome: {
        reason:
          'kafkajs hands DUPLICATE, OUT_OF_ORDER and UNKNOWN_PRODUCER_ID to the caller, although the first says that ' +
          'all is well and the others can be helped',
        kafkajs: [
          'DUPLICATE_SEQUENCE_NUMBER',
          'OUT_OF_ORDER_SEQUENCE_NUMBER',
          'UNKNOWN_PRODUCER_ID',
        ],
        ours: ['sent', 'sent', 'sent'],
      },
    },
  },
  async context => {
    for (const code of [46, 45, 59]) {
      const { producer } = await idempotentProducer(context, {
        produce: ({ attempt }) => (attempt === 1 ? code : 0),
      })
      await producer.connect()
      const send = () => producer.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
      await send()
      context.record(
        'outcome',
        await send().then(
          () => 'sent',
          error => error.type ?? error.cause.type
        )
      )
    }
  }
)

contract(
  '3.8 concurrent sends: each message once',
  {
    partitions: 3,
    differences: {
      order: { reason: 'kafkajs keeps no order of sends that were not awaited', ours: [true] },
    },
  },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer({ idempotent: true, retry: { retries: 100 } })
    await producer.connect()
    const values = Array.from({ length: 300 }, (_, i) => String(i).padStart(3, '0'))
    await Promise.all(
      values.map((value, i) => producer.send({ topic, messages: [{ value, partition: i % 3 }] }))
    )
    const read = await readTopic(context.brokers, topic)
    record('stored', read.map(({ value }) => `${value}`).sort())
    if (context.library !== 'kafkajs') {
      record(
        'order',
        [0, 1, 2].every(index => {
          const own = read.filter(({ partition }) => partition === index)
          return own.every(({ value }, i) => i === 0 || `${own[i - 1].value}` < `${value}`)
        })
      )
    }
  }
)

test('the producer id is kept over disconnect and connect, and so is the count', async t => {
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  const producer = await connectProducer(t, broker, { idempotent: true })
  await producer.send({ topic: 't', messages: [{ value: 'a' }] })
  await producer.disconnect()
  await producer.connect()
  await producer.send({ topic: 't', messages: [{ value: 'b' }] })
  assert.deepEqual(
    broker.stored.map(({ sequence }) => sequence),
    [0, 1]
  )
  assert.equal(broker.stored[0].producerId, broker.stored[1].producerId)
})

test('an id that cannot be renewed rejects what waits, and the next send asks again', async t => {
  let refuse = false
  const broker = await startScriptedBroker({
    topics: { t: 1 },
    identify: () => (refuse ? 31 : 0),
    produce: ({ attempt }) => (attempt === 1 ? 45 : 0),
  })
  const producer = await connectProducer(t, broker, { idempotent: true, retry: RETRY })
  const send = () =>
    within(20_000, producer.send({ topic: 't', messages: [{ value: 'v' }] }), 'send')
  await send()
  refuse = true
  assert.equal((await errorOf(send)).type, 'CLUSTER_AUTHORIZATION_FAILED')
  assert.equal((await errorOf(send)).type, 'CLUSTER_AUTHORIZATION_FAILED')
  refuse = false
  assert.equal((await send()).length, 1)
})

test('a compacted topic: a message without a key fails alone, idempotence goes on', async t => {
  const topic = await createTopic(uniqueTopic(), { config: { 'cleanup.policy': 'compact' } })
  const producer = await connectProducer(t, await brokers(), { idempotent: true })
  await producer.send({ topic, messages: [{ key: 'first', value: 'v' }] })
  const keys = ['a', null, 'b', 'c', null, 'd']
  const results = await Promise.allSettled(
    keys.map(key => producer.send({ topic, messages: [{ key, value: 'v' }] }))
  )
  assert.deepEqual(
    results.map(({ status, reason }) => (status === 'rejected' ? reason.type : status)),
    keys.map(key => (key === null ? 'INVALID_RECORD' : 'fulfilled'))
  )
  await producer.send({ topic, messages: [{ key: 'last', value: 'v' }] })
  const read = await readTopic(await brokers(), topic)
  assert.deepEqual(
    read.map(({ key }) => `${key}`),
    ['first', 'a', 'b', 'c', 'd', 'last']
  )
})
