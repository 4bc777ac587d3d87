'use strict'

/** kafkajs-behaviour.md 7.2 to 7.5: connections, how long requests may take, and throttling. */

const { EventEmitter } = require('node:events')
const net = require('node:net')
const { freePorts, contract, startPeer, waitFor } = require('../harness')
const { startScriptedBroker } = require('../producer/scriptedBroker')
const { API, startLoginPeer } = require('./loginPeer')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const ONCE_MORE = { initialRetryTime: 10, retries: 1 }

/** A socketFactory that counts. */
function counted() {
  const sockets = []
  const socketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    sockets.push(socket)
    return socket
  }
  return { sockets, socketFactory }
}

const BY_ROLE = {
  reason:
    'a broker serves a connection in order: sends, group requests, long polls and the rest do not wait for each other',
}

contract(
  '7.2 one connection for all requests of a producer, one for those of an admin',
  { differences: { producer: { ...BY_ROLE, kafkajs: [1], ours: [2] } } },
  async context => {
    const { sockets, socketFactory } = counted()
    const kafka = context.kafka({ socketFactory })
    const producer = kafka.producer()
    await producer.connect()
    for (const value of ['a', 'b', 'c']) {
      await producer.send({ topic: context.topic, messages: [{ value }] })
    }
    const ofProducer = sockets.length
    context.record('producer', ofProducer)
    const admin = kafka.admin()
    await admin.connect()
    await admin.listTopics()
    await admin.describeCluster()
    context.record('admin', sockets.length - ofProducer)
  }
)

contract(
  '7.2 two connections for a consumer: fetches have their own',
  // The second connection for fetches is made when it is needed.
  { differences: { connections: { ...BY_ROLE, kafkajs: [2] } } },
  async context => {
    const { kafka, topic, group } = context
    const { sockets, socketFactory } = counted()
    const producer = kafka().producer()
    await producer.connect()
    const consumer = kafka({ socketFactory }).consumer({ groupId: group, maxWaitTimeInMs: 200 })
    let read = 0
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        read += 1
      },
    })
    for (let sent = 1; sent <= 3; sent++) {
      await producer.send({ topic, messages: [{ value: 'v' }] })
      await waitFor(() => read >= sent, { message: 'the message', deadline: 30_000 })
    }
    context.record('connections', sockets.length)
  }
)

contract(
  '7.2 a client that connects asks for the versions first',
  {
    ...NO_TOPIC,
    differences: {
      versions: {
        reason: 'ours has version 3, and asks an older broker in version 0, as KIP-511 has it',
        kafkajs: [[2, 1, 0]],
        ours: [[3, 0]],
      },
    },
  },
  async context => {
    const peer = await startLoginPeer()
    context.onEnd(() => peer.close())
    const admin = context.kafka({ brokers: [peer.address] }).admin()
    await admin.connect()
    context.record('first', new Set(peer.seen.map(({ apiKey }) => apiKey)))
    context.record(
      'versions',
      peer.seen.map(({ apiVersion }) => apiVersion)
    )
    const before = peer.seen.length
    await admin.listTopics()
    context.record('then', new Set(peer.seen.slice(before).map(({ apiKey }) => apiKey)))
  }
)

contract(
  '7.2 logs of seeds where nobody listens',
  {
    ...NO_TOPIC,
    differences: {
      fields: {
        reason: 'ours counts attempts at all seeds, not at one; an error of the core has no stack',
        kafkajs: [
          ['broker', 'clientId', 'stack'],
          ['retryCount', 'retryTime'],
          ['broker', 'clientId', 'stack'],
          ['retryCount', 'retryTime'],
        ],
        ours: [['broker', 'clientId'], [], ['broker', 'clientId'], []],
      },
    },
  },
  async context => {
    const [port] = await freePorts(1)
    context.mask(port, '<port>')
    const admin = context.kafka({ brokers: [`127.0.0.1:${port}`], retry: ONCE_MORE }).admin()
    await errorOf(() => admin.connect())
    for (const { namespace, label, log } of context.logs) {
      const { message, ...fields } = log
      context.record('said', [namespace, label, message, fields.broker, fields.clientId])
      context.record('fields', Object.keys(fields).sort())
    }
  }
)

contract('7.2 connects at once share one attempt, and its failure', NO_TOPIC, async context => {
  const [port] = await freePorts(1)
  context.mask(port, '<port>')
  let asked = 0
  const brokers = () => {
    asked += 1
    return [`127.0.0.1:${port}`]
  }
  const admin = context.kafka({ brokers, retry: { retries: 0 } }).admin()
  const errors = await Promise.all([1, 2, 3].map(() => errorOf(() => admin.connect())))
  for (const { name, message } of errors) context.record('errors', [name, message])
  context.record('asked at most twice', asked <= 2)
})

contract('7.2 a connect after a disconnect in the middle of one', NO_TOPIC, async context => {
  const { kafka, brokers, record } = context
  let isReady = false
  const waiting = []
  const admin = kafka({
    brokers: async () => {
      if (!isReady) await new Promise(resolve => waiting.push(resolve))
      return brokers
    },
  }).admin()
  const first = admin.connect().catch(() => {})
  await waitFor(() => waiting.length > 0, { message: 'the question for brokers' })
  await admin.disconnect()
  isReady = true
  const second = admin.connect()
  for (const goOn of waiting) goOn()
  record('connect', await second)
  await first
  record('listed', Array.isArray(await admin.listTopics()))
})

contract(
  '7.2 ApiVersions that is never answered',
  {
    ...NO_TOPIC,
    differences: {
      connect: {
        reason:
          'ours rejects; kafkajs resolves on the second attempt with a client that cannot be used',
        kafkajs: ['resolved'],
        ours: ['KafkaJSNumberOfRetriesExceeded'],
      },
      call: {
        reason: 'as above',
      },
    },
  },
  async ({ kafkajs, record, onEnd }) => {
    const peer = await startPeer()
    onEnd(() => peer.close())
    // Not tracked: kafkajs' disconnect would never settle.
    const admin = new kafkajs.Kafka({
      brokers: [peer.address],
      connectionTimeout: 2000,
      requestTimeout: 2000,
      retry: ONCE_MORE,
      logLevel: kafkajs.logLevel.NOTHING,
    }).admin()
    const outcome = await admin.connect().then(
      () => 'resolved',
      ({ name }) => name
    )
    record('connect', outcome)
    const error = await errorOf(() => admin.listTopics())
    record('call', [error.name, error.message])
  }
)

async function scripted(context, produce, settings) {
  const broker = await startScriptedBroker({ topics: { t: 1 }, produce, concurrent: true })
  context.onEnd(() => broker.close())
  const { sockets, socketFactory } = counted()
  const options = { brokers: broker.brokers, socketFactory, retry: ONCE_MORE, ...settings }
  const producer = context.kafka(options).producer()
  const timeouts = []
  producer.on(producer.events.REQUEST_TIMEOUT, ({ payload }) => timeouts.push(payload.apiName))
  await producer.connect()
  const send = () => producer.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
  return { broker, sockets, send, timeouts }
}

contract('7.3 the text of a request that timed out', NO_TOPIC, async context => {
  const { send } = await scripted(context, () => 'silence', { requestTimeout: 2500 })
  const error = await errorOf(send)
  const { message, retriable } = error.cause
  context.record('error', [error.message, message, retriable])
})

contract('7.3 enforceRequestTimeout false: any time is enough', NO_TOPIC, async context => {
  const settings = { requestTimeout: 100, enforceRequestTimeout: false }
  const produce = async () => {
    const began = Date.now()
    await waitFor(() => Date.now() > began + 1000, { message: 'ten times the limit' })
    return 0
  }
  const { send, timeouts, broker } = await scripted(context, produce, settings)
  const [{ errorCode }] = await send()
  context.record('sent', errorCode)
  context.record('attempts', broker.attempts.length)
  context.record('timeouts', timeouts)
})

const CLOSED = {
  reason: 'ours closes a connection on which a request timed out: what hangs once hangs again',
}

contract(
  '7.3 an answer that comes after the timeout',
  {
    ...NO_TOPIC,
    differences: {
      warnings: { ...CLOSED, kafkajs: ['Response without match'] },
      'new connections': { ...CLOSED, kafkajs: [0], ours: [1] },
    },
  },
  async context => {
    let release
    const again = new Promise(resolve => {
      release = resolve
    })
    const produce = async ({ attempt }) => {
      if (attempt === 1) await again
      if (attempt === 2) release()
      return 0
    }
    const { send, sockets, timeouts } = await scripted(context, produce, { requestTimeout: 2500 })
    await send()
    const before = sockets.length
    const [{ errorCode }] = await send()
    context.record('sent', errorCode)
    context.record('timeouts', timeouts)
    context.record('new connections', sockets.length - before)
    const warnings = context.logs.filter(({ namespace }) => namespace === 'RequestQueue')
    for (const { log } of warnings) context.record('warnings', log.message)
  }
)

contract('7.3 a long poll may take longer than requestTimeout', async context => {
  const { kafka, topic, group, record } = context
  const requestTimeout = 2500
  const producer = kafka().producer()
  await producer.connect()
  // Far more than the poll will take: kafkajs adds no more than 100 ms to it.
  const settings = { groupId: group, maxWaitTimeInMs: 10_000 }
  const consumer = kafka({ requestTimeout }).consumer(settings)
  const [timeouts, durations, starts, read] = [[], [], [], []]
  const { FETCH_START, REQUEST, REQUEST_TIMEOUT } = consumer.events
  consumer.on(REQUEST_TIMEOUT, ({ payload }) => timeouts.push(payload.apiName))
  consumer.on(FETCH_START, ({ timestamp }) => starts.push(timestamp))
  consumer.on(REQUEST, ({ payload }) => {
    if (payload.apiName === 'Fetch') durations.push(payload.duration)
  })
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => read.push(message.offset) })
  await waitFor(() => starts.length > 0, { message: 'a fetch', deadline: 30_000 })
  const late = starts[0] + requestTimeout + 2000
  await waitFor(() => Date.now() > late, { message: 'the time of a request to pass' })
  await producer.send({ topic, messages: [{ value: 'v' }] })
  await waitFor(() => read.length > 0, { message: 'the message', deadline: 30_000 })
  const isLong = duration => duration > requestTimeout
  await waitFor(() => durations.some(isLong), { message: 'the long poll', deadline: 30_000 })
  record('timeouts', timeouts.filter(name => name === 'Fetch').length)
  record('read', read)
})

contract(
  '7.4 a throttle time holds back what comes next on the connection',
  NO_TOPIC,
  async context => {
    const THROTTLE_MS = 1500
    const peer = await startLoginPeer({ throttle: THROTTLE_MS })
    context.onEnd(() => peer.close())
    const admin = context.kafka({ brokers: [peer.address] }).admin()
    await admin.connect()
    await admin.listTopics()
    await admin.listTopics()
    const metadata = peer.seen.filter(({ apiKey }) => apiKey === API.METADATA)
    const [first, second] = metadata
    context.record('waited', second.at - first.at >= THROTTLE_MS - 200)
  }
)

contract(
  '7.4 a throttle time of an answer from before KIP-219',
  {
    ...NO_TOPIC,
    differences: {
      waited: {
        reason:
          'kafkajs leaves it to the broker, which has waited already; ours keeps every throttle time',
        kafkajs: [false],
        ours: [true],
      },
    },
  },
  async context => {
    const THROTTLE_MS = 3000
    const arrivals = []
    const produce = ({ attempt }) => {
      arrivals.push(Date.now())
      return { code: 0, throttle: attempt === 0 ? THROTTLE_MS : 0 }
    }
    const { send } = await scripted(context, produce)
    await send()
    await send()
    const [first, second] = arrivals
    context.record('waited', second - first >= THROTTLE_MS - 200)
  }
)

/** What a socket of the user may emit before it is connected, and in what ours differs. */
const ENDS = {
  timeout: {
    given: [],
    differences: {
      message: {
        reason: 'whatever a socket of the user fails with goes one way with ours',
        kafkajs: ['Connection timeout'],
        ours: ['Connection error: Connection timeout'],
      },
    },
  },
  error: { given: [new Error('of the user')] },
}

for (const [event, { given, differences }] of Object.entries(ENDS)) {
  contract(
    `7.5 a socket of the user that emits ${event}`,
    { ...NO_TOPIC, differences },
    async context => {
      class Own extends EventEmitter {
        write() {}
        end() {}
        unref() {}
      }
      const socketFactory = () => {
        const socket = new Own()
        setImmediate(() => socket.emit(event, ...given))
        return socket
      }
      // The event ends the attempt, not the time.
      const options = { socketFactory, connectionTimeout: 15_000, retry: { retries: 0 } }
      const error = await errorOf(() => context.kafka(options).admin().connect())
      context.record('error', [error.name, error.cause.name])
      context.record('message', error.message)
    }
  )
}
