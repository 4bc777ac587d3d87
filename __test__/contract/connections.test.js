'use strict'

/** Contract 7.2 and 7.5: how clients connect, and what a socket of the user may do. */

const { EventEmitter } = require('node:events')
const { describe } = require('node:test')
const { freePorts, contract, response, startPeer, waitFor } = require('../harness')
const { API, answerVersions, int16, int32, join, metadataBody, string } = require('../harness/wire')
const { counted } = require('./countedSockets')
const { startLoginPeer } = require('./loginPeer')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const ONCE_MORE = { initialRetryTime: 10, retries: 1 }

const BY_ROLE = {
  reason:
    'a broker serves a connection in order: sends, group requests, long polls and the rest do not wait for each other',
}

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

const VERSIONS = {
  [API.METADATA]: [4, 4],
  [API.SASL_HANDSHAKE]: [1, 1],
  [API.API_VERSIONS]: [0, 0],
  [API.DESCRIBE_CONFIGS]: [1, 1],
  [API.SASL_AUTHENTICATE]: [0, 0],
}

/** Two brokers, the second of which never answers a handshake. */
async function oneThatHolds({ onEnd }) {
  const peers = []
  const answers = {
    [API.METADATA]: () => metadataBody({ brokers: { 1: peers[0].port, 2: peers[1].port } }),
    [API.SASL_HANDSHAKE]: () => join(int16(0), int32(1), string('PLAIN')),
    [API.API_VERSIONS]: answerVersions(VERSIONS),
    [API.SASL_AUTHENTICATE]: () => join(int16(0), int16(-1), int32(0)),
  }
  for (const node of [1, 2]) {
    const peer = await startPeer({
      answer: request => {
        const { apiKey } = request
        if (node === 2 && apiKey === API.SASL_HANDSHAKE) return undefined
        return response(request, answers[apiKey](request))
      },
    })
    peers.push(peer)
    onEnd(() => peer.close())
  }
  return peers
}

describe('connections', { concurrency: 6 }, () => {
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
          reason:
            'ours counts attempts at all seeds, not at one; an error of the core has no stack',
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
      concurrent: true,
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
        connectionTimeout: 1500,
        requestTimeout: 1500,
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

  contract(
    '7.2 Not connected: a provider that goes on after the connection has ended',
    {
      ...NO_TOPIC,
      differences: {
        'second message': {
          reason: 'ours says what became of the connection, as it does to whoever asks first',
          kafkajs: [['KafkaJSConnectionError', 'Not connected']],
          ours: [['KafkaJSConnectionClosedError', 'Closed connection']],
        },
      },
    },
    async context => {
      const peer = await startLoginPeer({ mechanisms: ['OWN'], authenticate: () => 'hang up' })
      context.onEnd(() => peer.close())
      context.mask(peer.port, '<port>')
      const request = { encode: () => Buffer.from([0, 0, 0, 1, 7]) }
      const authenticationProvider = ({ saslAuthenticate }) => ({
        authenticate: async () => {
          for (const label of ['first message', 'second message']) {
            const error = await errorOf(() => saslAuthenticate({ request }))
            context.record(label, [error.name, error.message])
            if (label === 'second message') throw error
          }
        },
      })
      const sasl = { mechanism: 'own', authenticationProvider }
      const kafka = context.kafka({ brokers: [peer.address], sasl, retry: { retries: 0 } })
      const error = await errorOf(() => kafka.admin().connect())
      context.record('connect', error.name)
    }
  )

  contract(
    '7.2 who waits for the connection that another is making',
    {
      ...NO_TOPIC,
      concurrent: true,
      differences: {
        outcomes: {
          reason:
            'authenticationTimeout bounds the log-in itself with ours; with kafkajs requestTimeout does, and who waits meanwhile has less patience',
          kafkajs: [
            [
              'KafkaJSLockTimeout',
              'Timeout while acquiring lock (1 waiting locks): "connect to broker 127.0.0.1:<port>"',
            ],
            [
              'KafkaJSNumberOfRetriesExceeded',
              'Request SaslHandshake(key: 17, version: 1) timed out',
            ],
          ],
        },
      },
    },
    async context => {
      const [seed, second] = await oneThatHolds(context)
      context.mask(second.port, '<port>')
      const kafka = context.kafka({
        brokers: [seed.address],
        sasl: { mechanism: 'plain', username: 'a', password: 'b' },
        connectionTimeout: 750,
        authenticationTimeout: 500,
        requestTimeout: 5000,
        retry: { retries: 0 },
      })
      const admin = kafka.admin()
      await admin.connect()
      const ask = () => admin.describeConfigs({ resources: [{ type: 4, name: '2' }] })
      const errors = await Promise.all([errorOf(ask), errorOf(ask)])
      const told = errors.map(({ name, message }) => [name, message])
      for (const outcome of told.sort()) context.record('outcomes', outcome)
    }
  )
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
        const options = { socketFactory, connectionTimeout: 5000, retry: { retries: 0 } }
        const error = await errorOf(() => context.kafka(options).admin().connect())
        context.record('error', [error.name, error.cause.name])
        context.record('message', error.message)
      }
    )
  }
})
