'use strict'

/** What the producer does with the objects of its caller: section 3.4 of kafkajs' behaviour, and what ours promises. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, contract, createTopic, uniqueTopic } = require('../harness')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')

class Order {
  get key() {
    return 'key of the class'
  }

  get value() {
    return 'value of the class'
  }
}

contract(
  '3.4 key and value that a class gives',
  {
    differences: {
      stored: {
        reason: 'kafkajs copies own members only, and stores a tombstone',
        kafkajs: [[null, null]],
        ours: [['key of the class', 'value of the class']],
      },
    },
  },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    await producer.send({ topic, messages: [new Order()] })
    const [{ key, value }] = await readTopic(context.brokers, topic)
    record(
      'stored',
      [key, value].map(bytes => bytes && `${bytes}`)
    )
  }
)

/** Everything an object of a call could be frozen at. */
function deepFreeze(value) {
  if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
    Object.values(value).forEach(deepFreeze)
    Object.freeze(value)
  }
  return value
}

contract(
  '3.4 frozen objects can be sent, and are as they were',
  { partitions: 2 },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    const call = deepFreeze({
      acks: -1,
      topicMessages: [
        { topic, messages: [{ key: 'a', value: 'v', headers: { h: ['x', Buffer.from('y')] } }] },
        { topic, messages: [{ value: Buffer.from('w'), partition: 1 }] },
      ],
    })
    const before = JSON.stringify(call)
    record('sent', (await producer.sendBatch(call)).length)
    record('unchanged', JSON.stringify(call) === before)
  }
)

const PARTITIONERS = { own: undefined, custom: () => () => 0 }

for (const [name, createPartitioner] of Object.entries(PARTITIONERS)) {
  test(`objects may be changed as soon as send returns, also before the topic is known: ${name} partitioner`, async t => {
    const topic = await createTopic(uniqueTopic())
    const producer = await connectProducer(t, await brokers(), { createPartitioner })
    for (const round of ['unknown topic', 'known topic']) {
      const value = Buffer.from(`value, ${round}`)
      const key = Buffer.from('key')
      const header = Buffer.from('header')
      const list = ['first', Buffer.from('second')]
      const headers = { header, list }
      const message = { key, value, headers, partition: 0 }
      const messages = [message]
      const sent = producer.send({ topic, messages })
      for (const bytes of [value, key, header, list[1]]) bytes.fill('!')
      list.push('third')
      headers.later = 'x'
      message.value = 'another'
      message.partition = 9
      messages.push({ value: 'too late' })
      await sent
    }
    const read = await readTopic(await brokers(), topic)
    assert.deepEqual(
      read.map(({ key, value, headers }) => [
        `${key}`,
        `${value}`,
        Object.entries(headers).map(([header, content]) => [header, `${content}`]),
      ]),
      ['unknown topic', 'known topic'].map(round => [
        'key',
        `value, ${round}`,
        [
          ['header', 'header'],
          ['list', 'first,second'],
        ],
      ])
    )
  })
}

test('a custom partitioner is given messages with their class', async t => {
  const topic = await createTopic(uniqueTopic())
  const given = []
  const producer = await connectProducer(t, await brokers(), {
    createPartitioner:
      () =>
      ({ message }) => {
        given.push([message instanceof Order, message.value])
        return 0
      },
  })
  for (let i = 0; i < 2; i++) await producer.send({ topic, messages: [new Order()] })
  assert.deepEqual(given, [
    [true, 'value of the class'],
    [true, 'value of the class'],
  ])
})
