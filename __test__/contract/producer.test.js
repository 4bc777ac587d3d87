'use strict'

/** kafka.producer(): connect, send, sendBatch, disconnect. Sections 3.1, 3.2, 3.5 and 3.10 of kafkajs' behaviour. */

const { readStoredBatch } = require('../../examples/lesson/broker-view/stored-batch')
const { contract, createTopic, uniqueTopic, waitFor } = require('../harness')
const { endOffsets, errorOf } = require('./observe')

const byPartition = (a, b) => a.partition - b.partition

async function connectProducer({ kafka }, options) {
  const producer = kafka().producer(options)
  await producer.connect()
  return producer
}

contract('3.2 producer: own members, in order', { partitions: 0 }, async ({ kafka, record }) => {
  const producer = kafka().producer()

  record('keys', Object.keys(producer))
  record('events', Object.entries(producer.events))
  record('isIdempotent', producer.isIdempotent())
  record('isIdempotent', kafka().producer({ idempotent: true }).isIdempotent())
  record('unknown event', await errorOf(() => producer.on('NOTHING', () => {})))
})

contract(
  '3.2 producer: connect and disconnect resolve undefined and emit, each time',
  async context => {
    const producer = context.kafka().producer()
    const { CONNECT, DISCONNECT } = producer.events
    context.recordEvents(producer, [CONNECT, DISCONNECT], ({ type, payload }) => [type, payload])

    context.record('result', await producer.connect())
    context.record('result', await producer.connect())
    context.record('result', await producer.disconnect())
    context.record('result', await producer.connect())
    context.record('result', await producer.disconnect())
    context.record('result', await producer.disconnect())
  }
)

for (const acks of [-1, 1, undefined]) {
  contract(
    `3.5 send, acks ${acks}: one RecordMetadata per partition`,
    { partitions: 3 },
    async context => {
      const { topic, record } = context
      const producer = await connectProducer(context)
      const messages = [0, 1, 1].map(partition => ({ value: 'v', partition }))
      const first = await producer.send({ topic, messages, acks, timeout: 30000 })
      const second = await producer.send({ topic, messages, acks })

      record('first', first.sort(byPartition))
      record('second', second.sort(byPartition))
      record('members', Object.keys(first[0]))
    }
  )
}

contract(
  '3.5 send, acks 0: resolves with an empty array, the message is in the log',
  async context => {
    const { topic, record } = context
    const producer = await connectProducer(context)

    record('result', await producer.send({ topic, acks: 0, messages: [{ value: 'v' }] }))
    record(
      'batch',
      await producer.sendBatch({ acks: 0, topicMessages: [{ topic, messages: [{ value: 'w' }] }] })
    )
    await waitFor(async () => (await endOffsets(topic))[0] === 2, { message: 'both messages' })
  }
)

contract('3.3 send without messages resolves with an empty array', async context => {
  const { topic, record } = context
  const producer = await connectProducer(context)

  record('send', await producer.send({ topic, messages: [] }))
  record('sendBatch', await producer.sendBatch({ topicMessages: [] }))
  record('sendBatch', await producer.sendBatch({}))
})

contract('3.2 sendBatch: several topics, entries of one topic merged in order', async context => {
  const { topic, brokers, record } = context
  const other = uniqueTopic()
  await createTopic(other)
  context.mask(other, '<other>')
  const producer = await connectProducer(context)

  const metadata = await producer.sendBatch({
    acks: -1,
    timeout: 30000,
    topicMessages: [
      { topic, messages: [{ value: '1' }] },
      { topic: other, messages: [{ value: 'a' }] },
      { topic, messages: [{ value: '2' }, { value: '3' }] },
    ],
  })

  const sorted = metadata.sort(({ topicName }) => (topicName === topic ? -1 : 1))
  record('metadata', sorted)
  record('stored', await readStoredBatch(brokers[0], { topic, partition: 0, offset: '0' }))
})

contract('3.7 send, GZIP: the stored batch is compressed', async context => {
  const { kafkajs, topic, brokers, record } = context
  const { GZIP, None } = kafkajs.CompressionTypes
  const producer = await connectProducer(context)
  const messages = Array.from({ length: 50 }, (_, index) => ({ value: `value ${index}` }))

  for (const compression of [GZIP, None, undefined]) {
    const [{ baseOffset: offset }] = await producer.send({ topic, compression, messages })
    record('stored', await readStoredBatch(brokers[0], { topic, partition: 0, offset }))
  }
})

contract('3.10 a key chooses the partition, as in kafkajs', { partitions: 12 }, async context => {
  const { topic, record } = context
  const keys = ['a', 'key1', 'hello', '', 'éè', '123456789', 'the quick brown fox', 'order-123']
  const producer = await connectProducer(context)

  for (const key of [...keys, Buffer.from([0xff, 0xfe, 0x80])]) {
    const [{ partition }] = await producer.send({ topic, messages: [{ key, value: 'v' }] })
    record('partition', [key, partition])
  }
})

contract('3.10 messages without a key are spread one by one', { partitions: 3 }, async context => {
  const { topic, record } = context
  const producer = await connectProducer(context)
  const messages = Array.from({ length: 12 }, () => ({ value: 'v' }))

  await producer.send({ topic, messages })
  record('ends', await endOffsets(topic))
  for (const message of messages) await producer.send({ topic, messages: [message] })
  record('ends', await endOffsets(topic))
})

contract(
  '3.10 message.partition decides, also as text, also against the key',
  { partitions: 3 },
  async context => {
    const { topic, record } = context
    const producer = await connectProducer(context)

    for (const partition of [2, '1', 0]) {
      record(
        'metadata',
        await producer.send({ topic, messages: [{ key: 'a', value: 'v', partition }] })
      )
    }
  }
)

contract(
  '3.10 a custom partitioner is asked once per message',
  { partitions: 3 },
  async context => {
    const { topic, record } = context
    const asked = []
    const createPartitioner =
      () =>
      ({ topic: name, partitionMetadata, message }) => {
        asked.push({
          name,
          message,
          partitions: partitionMetadata.map(({ partitionId }) => partitionId).sort(),
        })
        return 2
      }
    const producer = await connectProducer(context, { createPartitioner })

    record('metadata', await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] }))
    record('asked', asked)
  }
)

contract("3.4 the caller's objects are not changed", async context => {
  const { topic, record } = context
  const producer = await connectProducer(context)
  const message = Object.freeze({ key: 'k', value: 'v', headers: Object.freeze({ h: 'x' }) })

  const sent = await producer.send(Object.freeze({ topic, messages: Object.freeze([message]) }))
  record('sent', sent)
})

contract('3.3 send when not connected', async context => {
  const { topic, record } = context
  const producer = context.kafka().producer()
  const send = () => producer.send({ topic, messages: [{ value: 'v' }] })

  record('before connect', await errorOf(send))
  await producer.connect()
  await send()
  const ending = producer.disconnect()
  record('while disconnecting', await errorOf(send))
  await ending
  record('after disconnect', await errorOf(send))
  await producer.connect()
  // Where it is stored says how often kafkajs repeated the first one, which on a busy machine it may.
  const [{ baseOffset, ...metadata }] = await send()
  record('connected again', metadata)
  record('behind the first one', typeof baseOffset === 'string' && Number(baseOffset) >= 1)
})

contract('3.2 disconnect waits for what is being sent', async context => {
  const { topic, record } = context
  const producer = await connectProducer(context)
  await producer.send({ topic, messages: [{ value: 'first' }] })

  const sending = producer.send({ topic, messages: [{ value: 'second' }] })
  await new Promise(resolve => setImmediate(resolve))
  await producer.disconnect()
  record('in the log', await endOffsets(topic))
  record('sent', await sending)
})
