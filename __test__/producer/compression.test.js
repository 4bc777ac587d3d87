'use strict'

/** Codecs: section 3.7 of kafkajs' behaviour, those built in, and levels. */

const assert = require('node:assert/strict')
const test = require('node:test')
const zlib = require('node:zlib')
const kafkajs = require('kafkajs')
const { brokers, contract, createTopic, subject, uniqueTopic } = require('../harness')
const { errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')
const { arrived, startScriptedBroker } = require('./scriptedBroker')

const HEADER = 61
const ATTRIBUTES = 21
const SNAPPY = 2
const TIMESTAMP = '1700000000000'
const MESSAGES = [
  { key: 'k', value: 'a message that compresses, a message that compresses', timestamp: TIMESTAMP },
  { value: null, headers: { h: 'x' }, timestamp: TIMESTAMP },
]

/** Registers a codec for the time of a contract run. */
function register(context, type, factory) {
  const { CompressionCodecs } = context.kafkajs
  const before = CompressionCodecs[type]
  CompressionCodecs[type] = factory
  context.onEnd(() => {
    CompressionCodecs[type] = before
  })
}

/** In the manner of the published codecs: reads `encoder.buffer`; its "compression" is its own, to be told apart. */
const fakeCodec = calls => () => {
  calls.push('factory')
  return {
    async compress(encoder) {
      calls.push(['compress', Buffer.isBuffer(encoder.buffer)])
      return Buffer.concat([Buffer.from('fake:'), zlib.gzipSync(encoder.buffer)])
    },
    async decompress(buffer) {
      calls.push('decompress')
      return zlib.gunzipSync(buffer.subarray(5))
    },
  }
}

for (const type of [SNAPPY, 1]) {
  contract(
    `3.7 a registered codec is called for every batch, also in the place of ${type === 1 ? 'GZIP' : 'Snappy'}`,
    { partitions: 0 },
    async context => {
      const { record } = context
      const calls = []
      register(context, type, fakeCodec(calls))
      const broker = await startScriptedBroker({ topics: { t: 2 } })
      context.onEnd(() => broker.close())
      const producer = context.kafka({ brokers: broker.brokers }).producer()
      await producer.connect()
      for (const partition of [0, 1]) {
        const messages = MESSAGES.map(message => ({ ...message, partition }))
        await producer.send({ topic: 't', compression: type, messages })
      }
      record('calls', calls)
      for (const { bytes } of broker.attempts) {
        record('attributes', bytes.readInt16BE(ATTRIBUTES))
        record('header', bytes.subarray(ATTRIBUTES, HEADER).toString('hex'))
        record('marker', bytes.subarray(HEADER, HEADER + 5).toString())
        record('content', zlib.gunzipSync(bytes.subarray(HEADER + 5)).toString('hex'))
      }
    }
  )
}

contract(
  '3.7 a codec that fails: its own error, nothing is sent',
  { partitions: 0 },
  async context => {
    const failure = Object.assign(new Error('out of memory in the codec'), { own: 1 })
    register(context, SNAPPY, () => ({
      async compress() {
        throw failure
      },
    }))
    const broker = await startScriptedBroker({ topics: { t: 1 } })
    context.onEnd(() => broker.close())
    const producer = context
      .kafka({ brokers: broker.brokers, retry: { retries: 2, initialRetryTime: 5 } })
      .producer()
    await producer.connect()
    const error = await errorOf(() =>
      producer.send({ topic: 't', compression: SNAPPY, messages: MESSAGES })
    )
    context.record('is the very error', error === failure)
    context.record('error', [error.name, error.message, error.own])
    context.record('attempts', broker.attempts.length)
    context.record('later', (await producer.send({ topic: 't', messages: MESSAGES })).length)
  }
)

contract('3.7 a factory that throws', { partitions: 0 }, async context => {
  register(context, SNAPPY, () => {
    throw new RangeError('no such codec here')
  })
  const error = await arrived(context, MESSAGES, { compression: SNAPPY }).catch(e => e)
  context.record('error', [error.name, error.message])
})

contract(
  '3.7 a codec of another realm: a Uint8Array is taken',
  { partitions: 0 },
  async context => {
    register(context, SNAPPY, () => ({
      compress: async ({ buffer }) => zlib.gzipSync(buffer),
    }))
    const [{ bytes }] = await arrived(context, MESSAGES, { compression: SNAPPY })
    context.record('content', zlib.gunzipSync(bytes.subarray(HEADER)).toString('hex'))
  }
)

test('codecs of calls that share nothing are not mixed', async t => {
  const { CompressionTypes } = subject.load()
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers())
  const codecs = Object.values(CompressionTypes)
  const values = Array.from({ length: 100 }, (_, i) => `value ${i}`)
  await Promise.all(
    values.map((value, i) =>
      producer.send({ topic, compression: codecs[i % codecs.length], messages: [{ value }] })
    )
  )
  // kafkajs reads them back with our codecs: it has none of its own.
  const ours = subject.load().CompressionCodecs
  const theirs = kafkajs.CompressionCodecs
  const before = { ...theirs }
  Object.assign(theirs, { 2: ours[2], 3: ours[3], 4: ours[4] })
  t.after(() => Object.assign(theirs, before))
  const read = await readTopic(await brokers(), topic)
  assert.deepEqual(
    read.map(({ value }) => `${value}`),
    values
  )
})

test('compressionLevel: a higher one makes smaller batches; a wrong one is named', async t => {
  const { CompressionTypes } = subject.load()
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  const producer = await connectProducer(t, broker)
  const words = ['order', 'payment', 'user', 'event', 'session', 'invoice', 'cart', 'refund']
  const value = Array.from(
    { length: 20000 },
    (_, i) => words[(i * i * 31 + i) % 8] + (i % 97)
  ).join()
  const size = async (compression, compressionLevel) => {
    await producer.send({ topic: 't', compression, compressionLevel, messages: [{ value }] })
    return broker.attempts.at(-1).bytes.length
  }
  for (const [codec, low, high] of [
    ['GZIP', 1, 9],
    ['ZSTD', 1, 19],
  ]) {
    const compression = CompressionTypes[codec]
    const [small, large] = [await size(compression, high), await size(compression, low)]
    assert.ok(small < large, `${codec}: level ${high} ${small} bytes, level ${low} ${large} bytes`)
    assert.ok((await size(compression, undefined)) > 0)
  }
  for (const bad of ['high', 1.5, Number.NaN]) {
    const error = await errorOf(() => size(CompressionTypes.GZIP, bad))
    assert.equal(error.name, 'KafkaJSNonRetriableError')
    assert.match(error.message, /Invalid compressionLevel/)
  }
})
