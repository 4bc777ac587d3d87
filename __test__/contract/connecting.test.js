'use strict'

/**
 * What bad `brokers` and bad peers get: kafkajs' classes and texts, in time, and nothing left behind. Sections 2
 * and 7.2.
 */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const net = require('node:net')
const test = require('node:test')
const {
  apiVersionsBody,
  contract,
  freePorts,
  response,
  startPeer,
  subject,
  within,
} = require('../harness')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const QUICK = { connectionTimeout: 500, retry: { retries: 1, initialRetryTime: 10 } }
/** Two attempts of at most connectionTimeout, and room for a slow machine. */
const DEADLINE_MS = 5000

/** Records what connecting gives, as producer, consumer and admin. */
async function recordConnect({ kafka, record }, options) {
  for (const [kind, settings] of [['producer'], ['consumer', { groupId: 'g' }], ['admin']]) {
    const client = kafka(options)[kind](settings)
    const error = await errorOf(() => within(DEADLINE_MS, client.connect(), 'connect'))
    const { retryTime, ...properties } = error
    record(kind, { class: error.constructor.name, message: error.message, ...properties })
    record(`${kind}: cause`, withoutTimes(error.cause))
  }
}

function withoutTimes(error) {
  if (!(error instanceof Error)) return error
  const { retryTime, ...properties } = error
  return { class: error.constructor.name, message: error.message, ...properties }
}

/** @type {[name: string, brokers: unknown][]} */
const BAD_BROKERS = [
  ['undefined', undefined],
  ['null', null],
  ['empty', []],
  ['a number', [9092]],
  ['an object', [{}]],
  ['an empty text', ['']],
  ['null among others', ['127.0.0.1:1', null]],
  ['without port', ['127.0.0.1']],
  ['a port that is no number', ['127.0.0.1:abc']],
  ['a port out of range', ['127.0.0.1:99999']],
  ['a negative port', ['127.0.0.1:-1']],
  [
    'a function that throws',
    () => {
      throw new Error('no addresses today')
    },
  ],
  ['a function that gives nothing', () => undefined],
  ['a function that gives an empty list', async () => []],
]

for (const [name, brokers] of BAD_BROKERS) {
  contract(`brokers: ${name}`, NO_TOPIC, async context => {
    await recordConnect(context, { ...QUICK, brokers })
  })
}

contract(
  'brokers: a text and no list, which is read character by character',
  NO_TOPIC,
  async context => {
    const producer = context.kafka({ ...QUICK, brokers: 'localhost:9092' }).producer()
    const error = await errorOf(() => producer.connect())

    context.record('error', [error.name, error.message])
    context.record('cause', [error.cause.name, error.cause.message])
  }
)

contract('brokers: left out', NO_TOPIC, async ({ kafkajs, record }) => {
  const { Kafka, logLevel } = kafkajs
  const kafka = new Kafka({ logLevel: logLevel.NOTHING, ...QUICK })

  record('error', await errorOf(() => kafka.producer().connect()))
  record('no options', (await errorOf(() => new Kafka())).constructor.name)
})

contract('brokers: a function that works is called for addresses', async context => {
  const { kafka, brokers, topic, record } = context
  const producer = kafka({ brokers: async () => brokers }).producer()
  await producer.connect()

  record('sent', await producer.send({ topic, messages: [{ value: 'v' }] }))
})

contract('a broker that does not answer is passed over', async context => {
  const { kafka, brokers, topic, record } = context
  const [refused] = await freePorts(1)
  const producer = kafka({ ...QUICK, brokers: [`127.0.0.1:${refused}`, ...brokers] }).producer()
  await producer.connect()

  record('sent', await producer.send({ topic, messages: [{ value: 'v' }] }))
})

contract('a name that cannot be resolved', NO_TOPIC, async context => {
  await recordConnect(context, { ...QUICK, brokers: ['no-such-host.invalid:9092'] })
})

contract('a port where nobody listens', NO_TOPIC, async context => {
  const [port] = await freePorts(1)
  context.mask(port, '<port>')
  await recordConnect(context, { ...QUICK, brokers: [`127.0.0.1:${port}`] })
})

contract('a peer that accepts and hangs up', NO_TOPIC, async context => {
  const peer = await startPeer({ connected: socket => socket.end() })
  context.onEnd(() => peer.close())
  context.mask(peer.port, '<port>')
  await recordConnect(context, { ...QUICK, brokers: [peer.address] })
})

contract('a peer that hangs up on the first request', NO_TOPIC, async context => {
  const peer = await startPeer({ answer: () => 'hang up' })
  context.onEnd(() => peer.close())
  context.mask(peer.port, '<port>')
  await recordConnect(context, { ...QUICK, brokers: [peer.address] })
})

const NO_KAFKA = {
  reason:
    'an answer that cannot be one of Kafka says so; kafkajs waits for 1.2 GB, or for the end of the connection',
}

contract(
  'a peer that speaks HTTP',
  { ...NO_TOPIC, differences: { error: NO_KAFKA, cause: NO_KAFKA } },
  async context => {
    const page = Buffer.from('HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n')
    const peer = await startPeer({ connected: socket => socket.end(page) })
    context.onEnd(() => peer.close())
    const producer = context.kafka({ ...QUICK, brokers: [peer.address] }).producer()
    const error = await errorOf(() => within(DEADLINE_MS, producer.connect(), 'connect'))

    context.record('class', [error.name, error.retriable, error.retryCount])
    context.record('error', error.message)
    context.record('cause', [error.cause.name, error.cause.message])
    if (context.library === 'kafkajs-rs') assert.match(error.message, /is it a Kafka broker\?$/)
  }
)

contract(
  'a client that could not connect can be disconnected, and connects later',
  async context => {
    const { kafka, brokers, topic, record } = context
    const [port] = await freePorts(1)
    const producer = kafka({ ...QUICK, brokers: [`127.0.0.1:${port}`] }).producer()

    record('refused', (await errorOf(() => producer.connect())).name)
    const server = net.createServer(socket => {
      const [host, brokerPort] = brokers[0].split(':')
      const upstream = net.connect({ host, port: Number(brokerPort) })
      socket.pipe(upstream).pipe(socket)
      for (const side of [socket, upstream]) side.on('error', () => {})
    })
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    context.onEnd(() => server.close())

    record('connect', await producer.connect())
    record('sent', await producer.send({ topic, messages: [{ value: 'v' }] }))
    record('disconnect', await producer.disconnect())
  }
)

/** kafkajs resolves connect() after its ApiVersions request has timed out, and never disconnects from there. */
const KAFKAJS_HANGS = subject.isStandIn && 'kafkajs hangs on such a peer'

/** @type {Record<string, Parameters<typeof startPeer>[0]>} */
const SILENT_PEERS = {
  'a peer that never answers': {},
  'a peer that speaks HTTP and waits': {
    connected: socket => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
  },
  'a peer that sends half an answer': {
    answer: request => response(request, apiVersionsBody({ 3: [0, 1] })).subarray(0, 10),
  },
  'a peer that answers what nobody asked': {
    answer: ({ correlationId }) => response({ correlationId: correlationId + 7 }, Buffer.alloc(6)),
  },
}

for (const [name, script] of Object.entries(SILENT_PEERS)) {
  test(`${name}: connect rejects in time, disconnect ends it`, { skip: KAFKAJS_HANGS }, async t => {
    const { Kafka, KafkaJSError, logLevel } = subject.load()
    const peer = await startPeer(script)
    t.after(() => peer.close())
    const kafka = new Kafka({ ...QUICK, brokers: [peer.address], logLevel: logLevel.NOTHING })
    const producer = kafka.producer()

    const error = await errorOf(() => within(DEADLINE_MS, producer.connect(), 'connect'))
    assert.ok(error instanceof KafkaJSError, `${error.name}: ${error.message}`)
    assert.equal(error.name, 'KafkaJSNumberOfRetriesExceeded')
    assert.ok(error.cause instanceof KafkaJSError, 'the last attempt is the cause')
    await within(DEADLINE_MS, producer.disconnect(), 'disconnect')
  })
}
