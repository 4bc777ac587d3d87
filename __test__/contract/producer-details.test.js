'use strict'

/** Details of a producer's options, checks and codecs. Sections 3.1, 3.3, 3.5 and 3.7 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { promisify } = require('node:util')
const test = require('node:test')
const zlib = require('node:zlib')
const {
  apiVersionsBody,
  contract,
  reference,
  response,
  startPeer,
  subject,
  waitFor,
} = require('../harness')
const { arrived } = require('../producer/scriptedBroker')
const { SHORT_POLL, errorOf, readAll } = require('./observe')

const GZIP = 1
const SNAPPY = 2
const TIMESTAMP = '1700000000000'
/** Where the records of a batch begin. */
const HEADER = 61

/** A process of its own for each library: the warning is given once in a process. */
const MAKE_PRODUCERS = `
  const { Kafka } = require(process.argv[1])
  const seen = []
  const logCreator = () => ({ label, log }) => seen.push([label, log.message])
  const kafka = new Kafka({ brokers: [], logCreator })
  const idempotent = true
  for (const options of [
    { createPartitioner: 'text' },
    null,
    { createPartitioner: null, idempotent, retry: { retries: 0 } },
    { createPartitioner: null },
    {},
  ]) {
    try {
      kafka.producer(options)
      seen.push('made')
    } catch (error) {
      seen.push(options === null ? error.name : [error.name, error.message])
    }
  }
  console.log(JSON.stringify(seen))`

test('3.1 createPartitioner null: warned about, then refused', async () => {
  const env = { ...process.env }
  delete env.KAFKAJS_NO_PARTITIONER_WARNING
  const seen = {}
  for (const [name, path] of Object.entries({
    [reference.name]: 'kafkajs',
    [subject.name]: subject.isStandIn ? 'kafkajs' : '../..',
  })) {
    const args = ['-e', MAKE_PRODUCERS, require.resolve(path)]
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 })
    seen[name] = JSON.parse(stdout)
  }
  assert.deepEqual(seen[subject.name], seen[reference.name])
  assert.equal(seen[subject.name].filter(([label]) => label === 'WARN').length, 1)
})

contract(
  '3.1 retries of the client count for an idempotent producer',
  { partitions: 0 },
  async context => {
    const { kafka, logs, record } = context
    const error = await errorOf(() =>
      kafka({ retry: { retries: 0 } }).producer({ idempotent: true })
    )
    record('error', error)
    for (const retries of [3, Number.MAX_SAFE_INTEGER]) {
      logs.length = 0
      kafka({ retry: { retries } }).producer({ idempotent: true })
      const said = logs.filter(({ namespace }) => namespace === 'Producer')
      record(
        `${retries}`,
        said.map(({ label, log }) => [label, log.message])
      )
    }
  }
)

contract('3.3 sendBatch: topics, then acks, then messages entry by entry', async context => {
  const { kafka, topic, record } = context
  for (const options of [{}, { idempotent: true }]) {
    const producer = kafka().producer(options)
    for (const state of ['not connected', 'connected']) {
      if (state === 'connected') await producer.connect()
      for (const topicMessages of [
        [{ topic }, { messages: [] }],
        [{ topic, messages: [{}] }, { topic: 'other' }],
        [{ topic, messages: [{ value: 'v' }] }, { topic }],
        [
          { topic, messages: [{ value: 5 }] },
          { topic, messages: [{ key: 'k' }] },
        ],
        null,
        [null],
        {},
      ]) {
        record(state, await errorOf(() => producer.sendBatch({ topicMessages, acks: 1 })))
        record(state, await errorOf(() => producer.sendBatch({ topicMessages })))
      }
    }
  }
})

contract(
  '3.7 GZIP: at the default level',
  {
    partitions: 0,
    differences: {
      "the bytes of Node's zlib": {
        reason: 'the same format by another implementation, of about the same size',
        kafkajs: [true],
        ours: [false],
      },
    },
  },
  async context => {
    const { record } = context
    const value = Array.from({ length: 3000 }, (_, i) => `order ${(i * i) % 977}, ${i % 89}`).join()
    const messages = [{ value, timestamp: TIMESTAMP }]
    const [{ bytes }] = await arrived(context, messages, { compression: GZIP })
    const compressed = bytes.subarray(HEADER)
    const records = zlib.gunzipSync(compressed)
    const expected = zlib.gzipSync(records)
    record('records', records.toString('hex'))
    const ratio = compressed.length / expected.length
    record('of about the same size', ratio > 0.8 && ratio < 1.25)
    record("the bytes of Node's zlib", compressed.equals(expected))
  }
)

contract('3.7 a registered codec is used for producing and for consuming', async context => {
  const { kafka, kafkajs, topic, record, onEnd } = context
  const { CompressionCodecs } = kafkajs
  const before = CompressionCodecs[GZIP]
  onEnd(() => {
    CompressionCodecs[GZIP] = before
  })
  const called = new Set()
  CompressionCodecs[GZIP] = () => ({
    async compress({ buffer }) {
      called.add('compress')
      return zlib.gzipSync(buffer)
    },
    async decompress(buffer) {
      called.add(Buffer.isBuffer(buffer) ? 'decompress a Buffer' : 'decompress')
      return zlib.gunzipSync(buffer)
    },
  })
  const producer = kafka().producer()
  await producer.connect()
  const messages = ['a', 'b'].map(value => ({ value, timestamp: `${Date.now()}` }))
  await producer.send({ topic, messages, compression: GZIP })
  const read = await readAll(context, 2)
  record(
    'read',
    read.map(({ message }) => `${message.value}`)
  )
  record('called', [...called].sort())
})

contract('3.7 a fetched batch of a codec that is not implemented', async context => {
  const { kafka, kafkajs, topic, group, record, onEnd } = context
  const { CompressionCodecs, KafkaJSNotImplemented } = kafkajs
  const ours = require('../..')
  const settings = { brokers: context.brokers, logLevel: ours.logLevel.NOTHING }
  const producer = new ours.Kafka(settings).producer()
  onEnd(() => producer.disconnect())
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'v' }], compression: SNAPPY })

  const before = CompressionCodecs[SNAPPY]
  onEnd(() => {
    CompressionCodecs[SNAPPY] = before
  })
  CompressionCodecs[SNAPPY] = () => {
    throw new KafkaJSNotImplemented('Snappy compression not implemented')
  }
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  const crashes = []
  consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload))
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async () => record('handled', true) })
  await waitFor(() => crashes.length > 0, { deadline: 30_000, message: 'the crash' })
  const [{ error, groupId, restart }] = crashes
  record('crash', [error.name, error.message, error.retriable, groupId, restart])
})

/** Kafka before 0.11: message formats 0 and 1. */
const OLD_VERSIONS = { 0: [0, 2], 3: [0, 1], 18: [0, 0] }
const UNSUPPORTED_VERSION = 35

const int16 = value => Buffer.from(new Uint16Array([value]).buffer).swap16()
const int32 = value => Buffer.from(new Uint32Array([value]).buffer).swap32()
const int64 = value => Buffer.from(new BigUint64Array([BigInt(value)]).buffer).swap64()
const text = value => Buffer.concat([int16(value.length), Buffer.from(value)])

contract(
  '3.5 a broker of Produce v2',
  {
    partitions: 0,
    differences: {
      sent: {
        reason: 'message formats 0 and 1 are not written: they know no headers and no idempotence',
        kafkajs: [
          [{ topicName: 't', partition: 0, errorCode: 0, offset: '5', timestamp: '1700000000000' }],
        ],
        ours: ['KafkaJSServerDoesNotSupportApiKey'],
      },
    },
  },
  async context => {
    const answers = {
      0: () => [
        ...[int32(1), text('t'), int32(1), int32(0), int16(0), int64(5), int64(TIMESTAMP)],
        int32(0),
      ],
      3: () => [
        ...[int32(1), int32(1), text('127.0.0.1'), int32(peer.port), text(''), int32(1)],
        ...[int32(1), int16(0), text('t'), Buffer.of(0)],
        ...[int32(1), int16(0), int32(0), int32(1), int32(1), int32(1), int32(1), int32(1)],
      ],
      18: ({ apiVersion }) => [
        apiVersionsBody(OLD_VERSIONS, apiVersion === 0 ? 0 : UNSUPPORTED_VERSION),
      ],
    }
    const peer = await startPeer({
      answer: request => response(request, Buffer.concat(answers[request.apiKey](request))),
    })
    context.onEnd(() => peer.close())
    const producer = context.kafka({ brokers: [peer.address] }).producer()
    await producer.connect()
    const sent = await producer.send({ topic: 't', messages: [{ value: 'v' }] }).catch(e => e.name)
    context.record('sent', sent)
  }
)
