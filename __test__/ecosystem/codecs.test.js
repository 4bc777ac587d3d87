'use strict'

/** Codecs of others, registered in CompressionCodecs as their documentation says. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { compressFrame, decompressFrame } = require('lz4-napi')
const kafkajs = require('kafkajs')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor } = require('../harness')

const { CompressionCodecs, CompressionTypes } = kafkajs
const OPTIONS = { timeout: 60_000 }

/** lz4 is native, and built where it can be. */
function loadLz4() {
  try {
    return require('kafkajs-lz4')
  } catch (error) {
    if (!['MODULE_NOT_FOUND', 'ERR_DLOPEN_FAILED'].includes(error.code)) throw error
    return null
  }
}

const LZ4 = loadLz4()

/** A library without an adapter for kafkajs, which comes with its binaries. */
const lz4Napi = () => ({
  compress: encoder => compressFrame(encoder.buffer),
  decompress: buffer => decompressFrame(buffer),
})

const codecs = [
  { name: 'kafkajs-snappy', type: CompressionTypes.Snappy, codec: require('kafkajs-snappy') },
  { name: 'lz4-napi', type: CompressionTypes.LZ4, codec: lz4Napi },
  {
    name: 'kafkajs-lz4',
    type: CompressionTypes.LZ4,
    codec: LZ4 && new LZ4().codec,
    skip: LZ4 === null && 'its native module lz4 is not built here',
  },
]

let kafka
let producer

before(async () => {
  kafka = new kafkajs.Kafka({ brokers: await brokers(), logLevel: kafkajs.logLevel.NOTHING })
  producer = kafka.producer()
  await producer.connect()
}, OPTIONS)
after(() => producer.disconnect(), OPTIONS)

const messages = Array.from({ length: 200 }, (_, id) => ({
  key: `order-${id}`,
  value: `${id} ${'laptop '.repeat(20)}`,
  headers: { source: 'web' },
}))

for (const { name, type, codec, skip } of codecs) {
  test(`${name} compresses what is sent and decompresses what is fetched`, {
    ...OPTIONS,
    skip,
  }, async () => {
    const calls = { compress: 0, decompress: 0 }
    const before = CompressionCodecs[type]
    // After connect: the table is read when a codec is needed.
    CompressionCodecs[type] = () => {
      const made = codec()
      return {
        compress: async encoder => {
          calls.compress += 1
          assert.ok(Buffer.isBuffer(encoder.buffer))
          return made.compress(encoder)
        },
        decompress: async buffer => {
          calls.decompress += 1
          assert.ok(Buffer.isBuffer(buffer))
          return made.decompress(buffer)
        },
      }
    }
    const topic = await createTopic(uniqueTopic())
    const consumer = kafka.consumer({ groupId: uniqueGroup(), maxWaitTimeInMs: 200 })
    try {
      await producer.send({ topic, compression: type, messages })
      const read = []
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message }) =>
          read.push({
            key: String(message.key),
            value: String(message.value),
            headers: { source: String(message.headers.source) },
          }),
      })
      await waitFor(() => read.length === messages.length, { message: 'all messages' })
      assert.deepEqual(read, messages)
      assert.ok(calls.compress > 0 && calls.decompress > 0, JSON.stringify(calls))
    } finally {
      await consumer.disconnect()
      CompressionCodecs[type] = before
    }
  })
}
