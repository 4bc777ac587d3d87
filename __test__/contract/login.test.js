'use strict'

/** Contract 7.7 and the SASL options of 2: what goes over the wire, with a peer for a broker. */

const { describe: suite } = require('node:test')
const { contract, waitFor } = require('../harness')
const { describe } = require('../security/connecting')
const { errorOf } = require('./observe')
const { API, startLoginPeer } = require('./loginPeer')

const NO_TOPIC = { partitions: 0 }
const PLAIN = { mechanism: 'plain', username: 'admin', password: 'admin-secret' }
const PATIENT = {
  connectionTimeout: 10_000,
  authenticationTimeout: 30_000,
  retry: { retries: 2, initialRetryTime: 10 },
}

async function start(context, script, options) {
  const peer = await startLoginPeer(script)
  context.onEnd(() => peer.close())
  context.mask(peer.port, '<port>')
  const sasl = { ...PLAIN, ...options?.sasl }
  const kafka = context.kafka({ brokers: [peer.address], ...PATIENT, ...options, sasl })
  return { peer, kafka, admin: kafka.admin() }
}

const handshakes = ({ seen }) => seen.filter(({ apiKey }) => apiKey === API.SASL_HANDSHAKE)

suite('what goes over the wire at a log-in', { concurrency: 6 }, () => {
  contract(
    '7.7 the mechanism travels in capitals, handshake and answer in v1',
    NO_TOPIC,
    async context => {
      const messages = []
      const authenticate = message => {
        messages.push(message)
        return ''
      }
      const { peer, admin } = await start(
        context,
        { authenticate },
        { sasl: { mechanism: 'pLaIn' } }
      )
      await admin.connect()
      const asked = peer.seen.filter(({ apiKey }) => apiKey !== API.API_VERSIONS)
      context.record(
        'asked',
        asked.map(({ apiKey, apiVersion, mechanism }) => [apiKey, apiVersion, mechanism])
      )
      context.record('messages', messages)
    }
  )

  contract('7.7 plain: authorizationIdentity goes first', NO_TOPIC, async context => {
    const authenticate = message => {
      context.record('message', message)
      return ''
    }
    const sasl = { authorizationIdentity: 'bob' }
    const { admin } = await start(context, { authenticate }, { sasl })
    context.record('connect', await admin.connect())
  })

  const RAW = { 3: [6, 6], 17: [0, 0], 18: [0, 0] }

  const NO_RAW = {
    reason: 'ours speaks SaslAuthenticate only, which brokers have since Kafka 1.0 (KIP-152)',
  }

  contract(
    '7.7 a broker without SaslAuthenticate',
    { ...NO_TOPIC, differences: { message: NO_RAW, connect: NO_RAW, handshake: NO_RAW } },
    async context => {
      const authenticate = message => {
        context.record('message', message)
        return ''
      }
      const { peer, admin } = await start(context, { versions: RAW, authenticate })
      const connected = admin.connect().then(() => 'connected', describe)
      context.record('connect', await connected)
      context.record(
        'handshake',
        handshakes(peer).map(({ apiVersion }) => apiVersion)
      )
    }
  )

  const BREAKS = {
    reason: 'a connection that breaks says nothing about the credentials, so it is tried again',
  }

  contract(
    '7.7 a broker that hangs up during authentication',
    {
      ...NO_TOPIC,
      differences: { connect: BREAKS, attempts: { ...BREAKS, kafkajs: [1], ours: [3] } },
    },
    async context => {
      const { admin, peer } = await start(context, { authenticate: () => 'hang up' })
      context.record('connect', describe(await errorOf(() => admin.connect())))
      context.record('attempts', peer.connections)
    }
  )

  contract(
    '7.7 a provider that fails: only what says that it is retriable is tried again',
    NO_TOPIC,
    async context => {
      for (const [label, retriable] of [
        ['says nothing', undefined],
        ['is not retriable', false],
        ['is retriable', true],
      ]) {
        let asked = 0
        const thrown = Object.assign(new Error('not now'), { retriable })
        const authenticationProvider = () => ({
          authenticate: async () => {
            asked += 1
            throw thrown
          },
        })
        const { admin } = await start(context, {}, { sasl: { authenticationProvider } })
        const error = await errorOf(() => admin.connect())
        context.record(label, [error.constructor.name, error.message, error === thrown])
        context.record(label, [asked, error.retryCount, error.cause === thrown])
      }
    }
  )

  contract(
    '7.7 oauthbearer: the message, with and without authorizationIdentity',
    {
      ...NO_TOPIC,
      differences: {
        'as bob': {
          reason:
            'kafkajs puts a quote before the identity, which no broker understands; ours goes by RFC 7628',
          kafkajs: ['n,"a=bob,\u0001auth=Bearer token\u0001\u0001'],
          ours: ['n,a=bob,\u0001auth=Bearer token\u0001\u0001'],
        },
      },
    },
    async context => {
      const oauthBearerProvider = async () => ({ value: 'token' })
      for (const [label, more] of [
        ['plain', {}],
        ['as bob', { authorizationIdentity: 'bob' }],
      ]) {
        const authenticate = message => {
          context.record(label, message)
          return ''
        }
        const sasl = { mechanism: 'oauthbearer', oauthBearerProvider, ...more }
        const { admin } = await start(
          context,
          { mechanisms: ['OAUTHBEARER'], authenticate },
          { sasl }
        )
        await admin.connect()
      }
    }
  )

  const SCRAM = { mechanism: 'scram-sha-256' }
  const nonceOf = message => message.split('r=')[1]
  const SALT = Buffer.from('salt').toString('base64')

  /** What a server may answer to the first and to the second message. */
  const SERVERS = {
    'a nonce of its own': [() => `r=other,s=${SALT},i=4096`],
    'few iterations': [first => `r=${nonceOf(first)}x,s=${SALT},i=4095`],
    'an error': [first => `r=${nonceOf(first)}x,s=${SALT},i=4096`, () => 'e=other-error'],
    'a wrong signature': [first => `r=${nonceOf(first)}x,s=${SALT},i=4096`, () => 'v=d3Jvbmc='],
  }

  for (const [name, replies] of Object.entries(SERVERS)) {
    const doubled = {
      reason: 'kafkajs repeats the prefix of the text',
    }
    const differences = replies.length === 1 ? { message: doubled } : {}
    contract(`7.7 scram: a server with ${name}`, { ...NO_TOPIC, differences }, async context => {
      for (const mechanism of ['scram-sha-256', 'scram-sha-512']) {
        const authenticate = (message, index) => replies[index](message)
        const script = { mechanisms: [mechanism.toUpperCase()], authenticate }
        const { admin, peer } = await start(context, script, { sasl: { ...SCRAM, mechanism } })
        const error = await errorOf(() => admin.connect())
        context.record('class', [error.constructor.name, error.retriable])
        context.record('message', error.message)
        context.record('connections', peer.connections)
      }
    })
  }

  contract(
    '7.7 scram: user names and passwords as they are, but for , and =',
    NO_TOPIC,
    async context => {
      // Kelvin sign and a soft hyphen: SASLprep would change both.
      const sasl = { ...SCRAM, username: 'a=b,c\u212a\u00ad', password: '\u212a' }
      const authenticate = message => {
        context.record('user', message.split(',r=')[0])
        return 'r=other,s=c2FsdA==,i=4096'
      }
      const { admin } = await start(
        context,
        { mechanisms: ['SCRAM-SHA-256'], authenticate },
        { sasl }
      )
      await errorOf(() => admin.connect())
    }
  )

  contract(
    '7.7 a session is renewed before the next request, once it is due',
    { ...NO_TOPIC, concurrent: true },
    async context => {
      const LIFETIME_MS = 14_000
      // Due 4 s after the log-in: 10 s, the default threshold, before its end.
      const { peer, admin } = await start(context, { lifetime: LIFETIME_MS })
      await admin.connect()
      await admin.listTopics()
      context.record('at first', handshakes(peer).length)
      const due = handshakes(peer)[0].at + 5000
      await waitFor(() => Date.now() > due, { message: 'the session to be due' })
      context.record('idle', handshakes(peer).length)
      await admin.listTopics()
      context.record('then', handshakes(peer).length)
      context.record('connections', peer.connections)
    }
  )

  contract('7.7 a session without end is not renewed', NO_TOPIC, async context => {
    const { peer, admin } = await start(context, {}, { reauthenticationThreshold: 1e9 })
    await admin.connect()
    for (let round = 0; round < 3; round++) await admin.listTopics()
    context.record('handshakes', handshakes(peer).length)
  })

  contract(
    '2 authenticationTimeout: a broker that leaves the handshake open',
    {
      ...NO_TOPIC,
      concurrent: true,
      differences: {
        after: {
          reason:
            'ours gives the log-in that long; kafkajs gives each of its requests requestTimeout',
          kafkajs: ['requestTimeout'],
          ours: ['authenticationTimeout'],
        },
      },
    },
    async context => {
      const options = {
        connectionTimeout: 10_000,
        authenticationTimeout: 1000,
        requestTimeout: 8000,
        retry: { retries: 0 },
      }
      const handshake = () => new Promise(() => {})
      const { admin } = await start(context, { handshake }, options)
      const began = Date.now()
      const { name, message } = await errorOf(() => admin.connect())
      const isLong = Date.now() - began >= options.requestTimeout - 100
      context.record('error', [name, message])
      context.record('after', isLong ? 'requestTimeout' : 'authenticationTimeout')
    }
  )

  contract('7.2 connects at once share one attempt, and its failure', NO_TOPIC, async context => {
    const options = { authenticationTimeout: 2000, requestTimeout: 2000, retry: { retries: 0 } }
    const handshake = () => new Promise(() => {})
    const { admin, peer } = await start(context, { handshake }, options)
    const errors = await Promise.all([1, 2, 3].map(() => errorOf(() => admin.connect())))
    for (const { name, message } of errors) context.record('errors', [name, message])
    context.record('connections', peer.connections)
  })
})
