'use strict'

/**
 * Which partition a message goes to, all the way: section 3.10 of kafkajs' behaviour. The partitioners themselves are
 * tested beside them, `partitioners/`.
 */

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const test = require('node:test')
const { Partitioners } = require('kafkajs')
const { brokers, contract, createTopic, subject, uniqueTopic } = require('../harness')
const { endOffsets, errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')
const { startScriptedBroker } = require('./scriptedBroker')

const KEYS = [
  '',
  'a',
  'key1',
  'đơn hàng 📦',
  '\ud800',
  'x'.repeat(5000),
  Buffer.from([0xff, 0xfe, 0x80]),
  Buffer.alloc(0),
  Buffer.from('a'),
]

for (const name of [
  undefined,
  'DefaultPartitioner',
  'LegacyPartitioner',
  'JavaCompatiblePartitioner',
]) {
  contract(`3.10 ${name ?? 'no createPartitioner'}: keys`, { partitions: 12 }, async context => {
    const { kafka, topic, record } = context
    const createPartitioner = context.kafkajs.Partitioners[name]
    const producer = kafka().producer({ createPartitioner })
    await producer.connect()
    for (const key of KEYS) {
      const [{ partition }] = await producer.send({ topic, messages: [{ key, value: 'v' }] })
      record('partition', partition)
    }
  })
}

test('the core chooses as kafkajs does for 100,000 keys', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 12 })
  const producer = await connectProducer(t, await brokers(), {
    createPartitioner: subject.load().Partitioners.DefaultPartitioner,
  })
  const partition = Partitioners.DefaultPartitioner()
  const partitionMetadata = Array.from({ length: 12 }, (_, partitionId) => ({
    partitionId,
    leader: 1,
  }))
  const keys = Array.from({ length: 100_000 }, (_, i) => {
    const bytes = crypto.randomBytes(i % 64)
    return i % 2 === 0 ? bytes : bytes.toString(i % 3 === 0 ? 'utf8' : 'latin1')
  })
  const counts = new Array(12).fill(0)
  for (let at = 0; at < keys.length; at += 5000) {
    const messages = keys.slice(at, at + 5000).map(key => ({ key, value: null }))
    for (const message of messages) {
      counts[partition({ topic, partitionMetadata, message })] += 1
    }
    await producer.send({ topic, messages })
  }
  assert.deepEqual(await endOffsets(topic), counts)
  // And each where it belongs, not only as many.
  for (const message of await readTopic(await brokers(), topic)) {
    assert.equal(message.partition, partition({ topic, partitionMetadata, message }))
  }
})

contract('3.10 a custom partitioner: what it is given', { partitions: 3 }, async context => {
  const { kafka, topic, record } = context
  const given = []
  const message = { key: 'k', value: 'v', headers: { h: 'x' }, timestamp: '5', foreign: [1] }
  const producer = kafka().producer({
    createPartitioner: () => args => {
      given.push(args)
      return 1
    },
  })
  await producer.connect()
  for (let i = 0; i < 2; i++) await producer.send({ topic, messages: [message] })
  for (const args of given) {
    record('members', Object.keys(args))
    record('topic', args.topic)
    record('message', args.message)
    const sorted = [...args.partitionMetadata].sort((a, b) => a.partitionId - b.partitionId)
    record('metadata', sorted)
    record('order of members', Object.keys(sorted[0]))
  }
  record('the very message', given[1].message === message)
})

contract(
  '3.10 a custom partitioner: numeric text is a partition',
  { partitions: 3 },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer({ createPartitioner: () => () => '2' })
    await producer.connect()
    record('sent', await producer.send({ topic, messages: [{ value: 'v' }] }))
  }
)

contract(
  '3.10 a custom partitioner that gives what no partition is',
  {
    partitions: 3,
    differences: {
      outcome: {
        reason:
          'kafkajs drops the messages in silence; a message that cannot be stored must not be called sent',
        kafkajs: [99, -1, undefined, null, 'x'].map(() => 'resolved: []'),
        ours: [99, -1, undefined, null, 'x'].map(bad => `Invalid partition ${bad} for topic`),
      },
    },
  },
  async context => {
    const { kafka, topic, record } = context
    let answer
    const producer = kafka({ retry: { retries: 0 } }).producer({
      createPartitioner: () => () => answer,
    })
    await producer.connect()
    for (answer of [99, -1, undefined, null, 'x']) {
      const outcome = await producer.send({ topic, messages: [{ value: 'v' }] }).then(
        result => `resolved: ${JSON.stringify(result)}`,
        error => error.message.replace(/ for topic .*/, ' for topic')
      )
      record('outcome', outcome)
    }
    record('nothing was stored', await endOffsets(topic))
  }
)

contract('3.10 a custom partitioner that throws', { partitions: 3 }, async context => {
  const { kafka, topic, record } = context
  let fail = true
  const failure = new RangeError('no partition for you')
  const producer = kafka({ retry: { retries: 1, initialRetryTime: 5 } }).producer({
    createPartitioner: () => () => {
      if (fail) throw failure
      return 0
    },
  })
  await producer.connect()
  const error = await errorOf(() => producer.send({ topic, messages: [{ value: 'v' }] }))
  record('the very error', error === failure)
  record('error', [error.constructor.name, error.message])
  fail = false
  record('later', (await producer.send({ topic, messages: [{ value: 'v' }] })).length)
})

test('a custom partitioner is asked once per message, also when the leader says no', async t => {
  const broker = await startScriptedBroker({
    topics: { t: 4 },
    produce: ({ attempt }) => (attempt < 3 ? 6 : 0),
  })
  let asked = 0
  const producer = await connectProducer(t, broker, {
    createPartitioner: () => () => asked++ % 4,
    retry: { initialRetryTime: 5, retries: 5 },
  })
  const sent = await producer.send({ topic: 't', messages: [{ value: 'a' }, { value: 'b' }] })
  assert.equal(asked, 2)
  assert.deepEqual(
    sent.map(({ partition }) => partition),
    [0, 1]
  )
})

test('un-awaited sends with a custom partitioner keep their order, also before the topic is known', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers(), { createPartitioner: () => () => 0 })
  const values = Array.from({ length: 2000 }, (_, i) => String(i))
  const sends = []
  for (const [i, value] of values.entries()) {
    sends.push(producer.send({ topic, messages: [{ value }] }))
    // Some while it is being looked up, some when it just became known.
    if (i % 50 === 0) await Promise.resolve()
    if (i % 300 === 0) await new Promise(resolve => setImmediate(resolve))
  }
  await Promise.all(sends)
  const read = await readTopic(await brokers(), topic)
  assert.deepEqual(
    read.map(({ value }) => `${value}`),
    values
  )
})
