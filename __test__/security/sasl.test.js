'use strict'

/** SASL: every mechanism, right and wrong, in kafkajs' words. Section 7.7 of its behaviour. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { errorOf } = require('../contract/observe')
const { contract, createTopic, startPeer, subject, uniqueTopic, within } = require('../harness')
const { apiVersionsBody, response } = require('../harness')
const { DEADLINE_MS, QUICK, connect, describe } = require('./connecting')
const { ADMIN, secured, tokenFor, withLength } = require('./secured')

const NO_TOPIC = { partitions: 0 }
const PLAIN = ADMIN.plain
/** Attempts are left, so an error that comes at once was not tried again. */
const PATIENT = { retry: { retries: 3, initialRetryTime: 10 } }

/** Connects, and records what comes of it and how often the broker was asked. */
async function recordConnect(context, options, label = 'connect') {
  const asked = []
  const kafka = (...args) => {
    const made = context.kafka(...args)
    const { producer } = made
    made.producer = () => {
      const client = producer()
      client.on(client.events.REQUEST, ({ payload: { apiName } }) => {
        if (apiName !== 'ApiVersions') asked.push(apiName)
      })
      return client
    }
    return made
  }
  context.record(label, await connect({ ...context, kafka }, { ...PATIENT, ...options }))
  context.record('asked', asked)
}

for (const listener of ['saslPlaintext', 'saslSsl']) {
  for (const [mechanism, sasl] of Object.entries(ADMIN)) {
    contract(`${mechanism} on ${listener}: what was sent arrives`, NO_TOPIC, async context => {
      const { listeners, tls, brokers } = await secured()
      const topic = await createTopic(uniqueTopic(), { on: brokers })
      context.mask(topic, '<topic>')
      const ssl = listener === 'saslSsl' ? { ca: tls.ca } : undefined
      const producer = context
        .kafka({ ...QUICK, brokers: listeners[listener], sasl: { ...sasl }, ssl })
        .producer()
      await producer.connect()
      context.record('sent', await producer.send({ topic, messages: [{ value: 'v' }] }))
    })
  }
}

/** @type {[name: string, sasl: object, differences?: object][]} */
const REFUSED = [
  ['plain, wrong password', { ...PLAIN, password: 'wrong' }],
  ['plain, unknown user', { ...PLAIN, username: 'nobody' }],
  ['plain, a user that may not act as another', { ...PLAIN, authorizationIdentity: 'bob' }],
  ['plain, no password', { mechanism: 'plain', username: 'admin' }],
  ['plain, null', { mechanism: 'plain', username: null, password: null }],
  ['plain, an empty password', { ...PLAIN, password: '' }],
  ['scram-sha-256, wrong password', { ...ADMIN['scram-sha-256'], password: 'wrong' }],
  ['scram-sha-512, wrong password', { ...ADMIN['scram-sha-512'], password: 'wrong' }],
  ['scram-sha-256, unknown user', { ...ADMIN['scram-sha-256'], username: 'nobody' }],
  ['scram-sha-256, no password', { mechanism: 'scram-sha-256', username: 'admin' }],
  ['scram-sha-512, no username', { mechanism: 'scram-sha-512', password: 'x' }],
  ['oauthbearer, no provider', { mechanism: 'oauthbearer' }],
  ['oauthbearer, no token', { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({}) }],
  [
    'oauthbearer, nothing',
    { mechanism: 'oauthbearer', oauthBearerProvider: async () => undefined },
  ],
  [
    'oauthbearer, a provider that is no function',
    { mechanism: 'oauthbearer', oauthBearerProvider: 5 },
  ],
  ['a mechanism that is not enabled', { mechanism: 'aws', accessKeyId: 'x' }],
  ['a mechanism nobody knows', { mechanism: 'gssapi' }],
  ['a mechanism in capitals', { ...PLAIN, mechanism: 'PLAIN', password: 'wrong' }],
]
for (const [name, sasl] of REFUSED) {
  contract(`${name}: refused once`, NO_TOPIC, async context => {
    const { listeners } = await secured()
    await recordConnect(context, { brokers: listeners.saslPlaintext, sasl: { ...sasl } })
  })
}

contract(
  'an expired token',
  {
    ...NO_TOPIC,
    differences: {
      connect: {
        reason: 'kafkajs does not look at the answer: it connects, and the first request fails',
        kafkajs: ['connected'],
        ours: [
          {
            class: 'KafkaJSSASLAuthenticationError',
            message: 'SASL OAUTHBEARER authentication failed: {"status":"invalid_token"}',
            name: 'KafkaJSSASLAuthenticationError',
            retriable: false,
          },
        ],
      },
      asked: {
        reason: 'a refusal is acknowledged, as RFC 7628 has it, so that the broker says why',
      },
    },
  },
  async context => {
    const { listeners } = await secured()
    const oauthBearerProvider = async () => ({ value: tokenFor('admin', -500) })
    const sasl = { mechanism: 'oauthbearer', oauthBearerProvider }
    await recordConnect(context, { brokers: listeners.saslPlaintext, sasl })
  }
)

contract('a listener without SASL', NO_TOPIC, async context => {
  const { brokers } = await secured()
  await recordConnect(context, { brokers, sasl: { ...PLAIN } })
})

contract(
  'no mechanism',
  {
    ...NO_TOPIC,
    differences: {
      connect: { reason: 'names the option; kafkajs: Cannot read properties of undefined' },
    },
  },
  async context => {
    const { listeners } = await secured()
    await recordConnect(context, { brokers: listeners.saslPlaintext, sasl: {} })
    if (context.library === 'kafkajs-rs') {
      const error = await connect(context, { brokers: listeners.saslPlaintext, sasl: {} })
      const { class: name, message } = error
      assert.deepEqual(
        [name, message],
        ['KafkaJSNonRetriableError', 'Invalid sasl.mechanism, expected a string received undefined']
      )
    }
  }
)

contract('what a provider throws is what connect rejects with', NO_TOPIC, async context => {
  class TokenError extends Error {}
  const { listeners } = await secured()
  const thrown = new TokenError('no token today')
  const fail = async () => {
    throw thrown
  }
  for (const sasl of [
    { mechanism: 'oauthbearer', oauthBearerProvider: fail },
    { mechanism: 'plain', authenticationProvider: () => ({ authenticate: fail }) },
  ]) {
    const producer = context
      .kafka({ ...PATIENT, brokers: listeners.saslPlaintext, sasl })
      .producer()
    const error = await errorOf(() => within(DEADLINE_MS, producer.connect()))
    context.record('the same object', error === thrown)
  }
})

contract(
  'a token provider is asked for each connection, extensions are sent',
  NO_TOPIC,
  async context => {
    const { listeners } = await secured()
    let asked = 0
    const oauthBearerProvider = async () => {
      asked += 1
      return { value: tokenFor('admin'), extensions: { traceId: '12', logicalCluster: 'a-b' } }
    }
    const sasl = { mechanism: 'oauthbearer', oauthBearerProvider }
    await recordConnect(context, { brokers: listeners.saslPlaintext, sasl })
    await recordConnect(context, { brokers: listeners.saslPlaintext, sasl })
    context.record('asked for tokens', asked)
  }
)

contract(
  'credentials that a program has changed count from the next connection on',
  NO_TOPIC,
  async context => {
    const { listeners } = await secured()
    const sasl = { ...PLAIN, password: 'wrong' }
    const producer = context.kafka({ ...QUICK, brokers: listeners.saslPlaintext, sasl }).producer()
    context.record('before', describe(await errorOf(() => producer.connect())))
    sasl.password = PLAIN.password
    context.record('after', await producer.connect())
  }
)

contract(
  "the user's object",
  {
    ...NO_TOPIC,
    differences: {
      members: {
        reason: 'kafkajs puts its provider into it',
        kafkajs: [['mechanism', 'username', 'password', 'authenticationProvider']],
        ours: [['mechanism', 'username', 'password']],
      },
    },
  },
  async context => {
    const { listeners } = await secured()
    const sasl = { ...PLAIN }
    await recordConnect(context, { brokers: listeners.saslPlaintext, sasl })
    context.record('members', Object.keys(sasl))
  }
)

contract(
  'a frozen object',
  {
    ...NO_TOPIC,
    differences: {
      connect: { reason: 'ours is only read' },
      asked: { reason: 'kafkajs fails after the handshake' },
    },
  },
  async context => {
    const { listeners } = await secured()
    await recordConnect(context, {
      brokers: listeners.saslPlaintext,
      sasl: Object.freeze({ ...PLAIN }),
    })
    if (context.library === 'kafkajs-rs') {
      const sasl = Object.freeze({ ...PLAIN })
      assert.equal(await connect(context, { brokers: listeners.saslPlaintext, sasl }), 'connected')
    }
  }
)

contract('a custom provider', NO_TOPIC, async context => {
  const { listeners, brokers } = await secured()
  const topic = await createTopic(uniqueTopic(), { on: brokers })
  context.mask(topic, '<topic>')
  const authenticationProvider = given => ({
    authenticate: async () => {
      const { host, port, logger, saslAuthenticate } = given
      context.record('given', [Object.keys(given), host, typeof port, Object.keys(logger).sort()])
      const request = { encode: () => withLength('\0admin\0admin-secret') }
      const answer = {
        decode: raw => {
          context.record('decode', raw)
          return { raw }
        },
        parse: async decoded => {
          context.record('parse', decoded)
          return 'parsed'
        },
      }
      context.record('gives', await saslAuthenticate({ request, response: answer }))
    },
  })
  const sasl = { mechanism: 'plain', authenticationProvider }
  const producer = context
    .kafka({ ...QUICK, brokers: listeners.saslPlaintext, sasl, connectionTimeout: 5000 })
    .producer()
  await producer.connect()
  context.record('connected', true)
})

contract('a custom provider of several messages, without a response', NO_TOPIC, async context => {
  const { listeners } = await secured()
  const authenticationProvider = ({ saslAuthenticate }) => ({
    authenticate: async () => {
      const encode = async () => withLength(`n,,\x01auth=Bearer ${tokenFor('admin')}\x01\x01`)
      context.record('gives', await saslAuthenticate({ request: { encode } }))
    },
  })
  const sasl = { mechanism: 'oauthbearer', authenticationProvider }
  await recordConnect(context, { brokers: listeners.saslPlaintext, sasl })
})

contract('a custom provider with wrong credentials', NO_TOPIC, async context => {
  const { listeners } = await secured()
  const authenticationProvider = ({ saslAuthenticate }) => ({
    authenticate: async () => {
      const request = { encode: async () => withLength('\0admin\0wrong') }
      const refusal = await errorOf(() => saslAuthenticate({ request }))
      context.record('refused', describe(refusal))
      throw refusal
    },
  })
  const sasl = { mechanism: 'plain', authenticationProvider }
  await recordConnect(context, { brokers: listeners.saslPlaintext, sasl })
})

test('a custom provider whose bytes lack their length', async t => {
  const { Kafka, logLevel } = subject.load()
  const { listeners } = await secured()
  for (const bytes of [Buffer.from('\0admin\0admin-secret'), Buffer.alloc(2), 'text', undefined]) {
    const authenticationProvider = ({ saslAuthenticate }) => ({
      authenticate: () => saslAuthenticate({ request: { encode: () => bytes } }),
    })
    const sasl = { mechanism: 'plain', authenticationProvider }
    const kafka = new Kafka({ brokers: listeners.saslPlaintext, sasl, logLevel: logLevel.NOTHING })
    await t.test(`${typeof bytes}`, () =>
      assert.rejects(kafka.producer().connect(), {
        name: 'KafkaJSNonRetriableError',
        message: /^Invalid result of saslAuthenticate's request\.encode\(\), expected a Buffer/,
      })
    )
  }
})

/** AWS needs a plug-in in the broker, so its bytes are read by a peer. */
contract('aws: the bytes on the wire', NO_TOPIC, async context => {
  const ranges = { 3: [0, 1], 17: [0, 1], 18: [0, 0], 36: [0, 1] }
  const enabled = Buffer.from([0, 0, 0, 0, 0, 1, 0, 3, ...Buffer.from('AWS')])
  const peer = await startPeer({
    answer: request => {
      if (request.apiKey === 18 && request.apiVersion > 0)
        return response(request, apiVersionsBody({}, 35))
      if (request.apiKey === 18) return response(request, apiVersionsBody(ranges))
      if (request.apiKey === 17) return response(request, enabled)
      context.record('message', request.bytes.subarray(request.bytes.indexOf('identity') - 4))
      return response(request, Buffer.alloc(16))
    },
  })
  context.onEnd(() => peer.close())
  const sasl = {
    mechanism: 'aws',
    authorizationIdentity: 'identity',
    accessKeyId: 'key',
    secretAccessKey: 'secret',
  }
  await recordConnect(context, { brokers: [peer.address], sasl: { ...sasl } })
  await recordConnect(context, {
    brokers: [peer.address],
    sasl: { ...sasl, sessionToken: 'token' },
  })
  for (const missing of ['authorizationIdentity', 'accessKeyId', 'secretAccessKey']) {
    await recordConnect(context, { brokers: [peer.address], sasl: { ...sasl, [missing]: '' } })
  }
})

contract('a broker without the mechanism that does not say so by code', NO_TOPIC, async context => {
  const ranges = { 3: [0, 1], 17: [0, 1], 18: [0, 0], 36: [0, 1] }
  const peer = await startPeer({
    answer: request => {
      if (request.apiKey === 18 && request.apiVersion > 0)
        return response(request, apiVersionsBody({}, 35))
      if (request.apiKey === 18) return response(request, apiVersionsBody(ranges))
      return response(request, Buffer.alloc(6))
    },
  })
  context.onEnd(() => peer.close())
  await recordConnect(context, { brokers: [peer.address], sasl: { ...PLAIN } })
})

contract('an authorization that lacks: TOPIC_AUTHORIZATION_FAILED', NO_TOPIC, async context => {
  const { listeners, brokers } = await secured()
  const topic = await createTopic(uniqueTopic(), { on: brokers })
  context.mask(topic, '<topic>')
  const sasl = { mechanism: 'plain', username: 'alice', password: 'alice-secret' }
  const producer = context.kafka({ ...QUICK, brokers: listeners.saslPlaintext, sasl }).producer()
  await producer.connect()
  const error = await errorOf(() => producer.send({ topic, messages: [{ value: 'v' }] }))
  context.record('error', describe(error))
})
