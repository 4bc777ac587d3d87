'use strict'

/** Contract 8.4, 8.5 and 11 (45): lines about connections and answers, as a program gets them. */

const net = require('node:net')
const { setImmediate: nextTurn } = require('node:timers/promises')

const { contract, uniqueTopic, waitFor } = require('../harness')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const QUICK = { retries: 1, initialRetryTime: 20, maxRetryTime: 50 }
const NOBODY = '127.0.0.1:1'

const linesOf = logs => logs.map(({ namespace, label, log }) => [namespace, label, log.message])

/** Names of the fields besides the message, by namespace. */
const fieldsOf = logs => {
  const fields = {}
  for (const { namespace, log } of logs) {
    fields[namespace] ??= Object.keys(log).filter(name => name !== 'message')
  }
  return fields
}

const FIELDS = {
  fields: {
    reason:
      'all seeds are tried in one attempt, so a seed has no number and no wait of its own; errors of sockets have no frames of the program',
    ours: [{ Connection: ['broker', 'clientId'], BrokerPool: [] }],
  },
}

contract(
  '8.5 nobody listens: lines of Connection and BrokerPool',
  { ...NO_TOPIC, differences: FIELDS },
  async context => {
    const { kafka, logs, record } = context
    await errorOf(() =>
      kafka({ brokers: [NOBODY], retry: QUICK })
        .admin()
        .connect()
    )
    await waitFor(() => logs.length >= 4)
    record('lines', linesOf(logs))
    record('fields', fieldsOf(logs))
    const { broker, clientId } = logs[0].log
    record('connection', { broker, clientId })
  }
)

contract('8.5 a connection that takes too long: Connection timeout', NO_TOPIC, async context => {
  const { kafka, logs, record } = context
  const error = await errorOf(() =>
    kafka({
      brokers: [NOBODY],
      connectionTimeout: 100,
      retry: { retries: 0 },
      // Never connects.
      socketFactory: () => new net.Socket(),
    })
      .admin()
      .connect()
  )
  await waitFor(() => logs.length >= 2)
  record('error', [error.name, error.message])
  record('lines', linesOf(logs))
})

const isResponse = ({ namespace, log }) =>
  namespace === 'Connection' && log.message.startsWith('Response ')

contract(
  '8.5 an answer with an error code',
  {
    ...NO_TOPIC,
    differences: {
      lines: {
        reason: 'who called gets the error; what the library deals with is told by who does',
        kafkajs: [
          [
            [
              'ERROR',
              'Response Metadata(key: 3, version: 6)',
              ['broker', 'clientId', 'error', 'correlationId', 'size'],
            ],
          ],
        ],
        ours: [[]],
      },
    },
  },
  async context => {
    const { kafka, logs, record } = context
    const admin = kafka().admin()
    await admin.connect()
    const error = await errorOf(() =>
      admin.fetchTopicMetadata({ topics: [uniqueTopic('missing')] })
    )
    // Lines come with the turns of the event loop.
    await nextTurn()
    record('error', error.type)
    record(
      'lines',
      logs
        .filter(isResponse)
        .map(({ label, log }) => [
          label,
          log.message,
          Object.keys(log).filter(name => name !== 'message'),
        ])
    )
  }
)

for (const [name, value] of [
  ['not set', undefined],
  ['set', '1'],
]) {
  contract(
    `8.4 DEBUG, KAFKAJS_DEBUG_PROTOCOL_BUFFERS ${name}`,
    {
      ...NO_TOPIC,
      differences: {
        requests: {
          reason: 'REQUEST events tell of requests; a line each costs more than the request',
          kafkajs: [{ requests: true, answers: true }],
          ours: [{ requests: false, answers: false }],
        },
        payload: {
          reason: 'there are no lines of answers which it could be added to',
          kafkajs: [value === undefined ? '[filtered]' : 'bytes'],
          ours: ['no line'],
        },
      },
    },
    async context => {
      const { kafka, kafkajs, logs, onEnd, record } = context
      onEnd(async () => delete process.env.KAFKAJS_DEBUG_PROTOCOL_BUFFERS)
      if (value !== undefined) process.env.KAFKAJS_DEBUG_PROTOCOL_BUFFERS = value
      const admin = kafka({ logLevel: kafkajs.logLevel.DEBUG }).admin()
      await admin.connect()
      await errorOf(() => admin.fetchTopicMetadata({ topics: [uniqueTopic('missing')] }))
      await nextTurn()
      const has = text => logs.some(({ log }) => log.message.startsWith(text))
      record('requests', { requests: has('Request Metadata'), answers: has('Response Metadata') })
      const line = logs.find(({ label, log }) => label === 'DEBUG' && log.payload !== undefined)
      const payload = line?.log.payload
      const seen = Buffer.isBuffer(payload) ? 'bytes' : payload?.data
      record('payload', seen ?? 'no line')
    }
  )
}
