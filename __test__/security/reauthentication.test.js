'use strict'

/** Sessions that end (KIP-368): on this listener after 5 s, and the broker hangs up on whoever goes on. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { createTopic, subject, uniqueGroup, uniqueTopic, waitFor } = require('../harness')
const { ADMIN, secured, tokenFor } = require('./secured')

const SESSION_MS = 5000
/** Two sessions and a half. */
const LOAD_MS = 12_500
const WORKERS = 8

const { Kafka, logLevel } = subject.load()

/** A producer under load for a while; gives what it saw. */
async function load(options, { milliseconds = LOAD_MS } = {}) {
  const { listeners, brokers } = await secured()
  const topic = await createTopic(uniqueTopic(), { on: brokers, partitions: 3 })
  const errors = []
  const logCreator = () => entry => errors.push(entry.log.message)
  const kafka = new Kafka({
    brokers: listeners.saslReauth,
    logLevel: logLevel.ERROR,
    logCreator,
    retry: { retries: 0 },
    ...options,
  })
  // Any failure is seen: nothing is tried again.
  const producer = kafka.producer({ retry: { retries: 0 } })
  const authentications = []
  const ports = new Set()
  producer.on(producer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === 'SaslHandshake') authentications.push(payload.sentAt)
    ports.add(payload.broker)
  })
  await producer.connect()
  const end = Date.now() + milliseconds
  let sent = 0
  const work = async () => {
    while (Date.now() < end) {
      await producer.send({ topic, messages: [{ value: 'v' }] })
      sent += 1
    }
  }
  try {
    await Promise.all(Array.from({ length: WORKERS }, work))
  } finally {
    await producer.disconnect()
  }
  return { sent, authentications, errors, topic, brokers }
}

/** How often each session was renewed: by connection, as the client has no more than two. */
function assertRenewed({ sent, authentications, errors }, { atLeast, atMost }) {
  assert.ok(sent > 100, `${sent} sends under load`)
  assert.deepEqual(errors, [], 'no connection was lost')
  const { length } = authentications
  assert.ok(length >= atLeast && length <= atMost, `${length} authentications`)
}

/** Credentials that are right at first: what spoils them, and what the broker says then. */
const SPOILED = {
  'a password that is wrong': () => {
    const sasl = { ...ADMIN.plain }
    return {
      sasl,
      spoil: () => {
        sasl.password = 'changed'
      },
      mend: () => Object.assign(sasl, ADMIN.plain),
      text: /^SASL PLAIN authentication failed: /,
    }
  },
  'a token that has expired': () => {
    let lifetime = 1000
    return {
      sasl: {
        mechanism: 'oauthbearer',
        oauthBearerProvider: async () => ({ value: tokenFor('admin', lifetime) }),
      },
      spoil: () => {
        lifetime = -500
      },
      mend: () => {
        lifetime = 1000
      },
      text: /^SASL OAUTHBEARER authentication failed: /,
    }
  },
}

describe('sessions that end', { concurrency: 4 }, () => {
  const RENEWING = { plain: ADMIN.plain, 'scram-sha-256': ADMIN['scram-sha-256'] }
  for (const [mechanism, sasl] of Object.entries(RENEWING)) {
    test(`${mechanism}: a session is renewed under load, nothing fails`, async () => {
      const seen = await load({ sasl: { ...sasl }, reauthenticationThreshold: 1000 })
      // One connection is idle; the other one begins, and renews after 4, 8 and 12 s.
      assertRenewed(seen, { atLeast: 4, atMost: 8 })
    })
  }

  test('oauthbearer: each renewal asks for a token', async () => {
    let tokens = 0
    const oauthBearerProvider = async () => {
      tokens += 1
      return { value: tokenFor('admin') }
    }
    const sasl = { mechanism: 'oauthbearer', oauthBearerProvider }
    const seen = await load({ sasl, reauthenticationThreshold: 1000 })
    assertRenewed(seen, { atLeast: 4, atMost: 8 })
    assert.equal(tokens, seen.authentications.length)
  })

  test('a threshold above the lifetime renews about once a second, and nothing fails', async () => {
    const seen = await load({ sasl: { ...ADMIN.plain } }, { milliseconds: 4500 })
    assertRenewed(seen, { atLeast: 4, atMost: 10 })
  })

  test('a consumer that polls for long goes on over several sessions', async () => {
    const { listeners, brokers } = await secured()
    const topic = await createTopic(uniqueTopic(), { on: brokers })
    const errors = []
    const kafka = new Kafka({
      brokers: listeners.saslReauth,
      sasl: { ...ADMIN.plain },
      reauthenticationThreshold: 1000,
      logLevel: logLevel.ERROR,
      logCreator: () => entry => errors.push(entry.log.message),
    })
    const [producer, consumer] = [
      kafka.producer(),
      // Longer than what is left of a session when it is due.
      kafka.consumer({ groupId: uniqueGroup(), maxWaitTimeInMs: 3000 }),
    ]
    const read = []
    const crashes = []
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error))
    await producer.connect()
    try {
      await consumer.connect()
      await consumer.subscribe({ topics: [topic], fromBeginning: true })
      await consumer.run({
        eachMessage: async ({ message }) => {
          read.push(message.value.toString())
        },
      })
      const began = Date.now()
      for (const round of [0, 1, 2]) {
        const due = began + round * (SESSION_MS + 1000)
        await waitFor(() => Date.now() >= due, { message: 'the next round' })
        await producer.send({ topic, messages: [{ value: `${round}` }] })
        await waitFor(() => read.length > round, { message: 'the message', deadline: 10_000 })
      }
      assert.deepEqual(read, ['0', '1', '2'])
      assert.deepEqual(crashes, [])
      assert.deepEqual(errors, [])
    } finally {
      await consumer.disconnect()
      await producer.disconnect()
    }
  })

  test('a session that ended while nothing was sent is renewed by the next request', async () => {
    const { listeners, brokers } = await secured()
    const topic = await createTopic(uniqueTopic(), { on: brokers })
    const lines = []
    const kafka = new Kafka({
      brokers: listeners.saslReauth,
      sasl: { ...ADMIN.plain },
      reauthenticationThreshold: 100,
      logLevel: logLevel.ERROR,
      logCreator: () => entry => lines.push(entry.log.message),
      retry: { retries: 0 },
    })
    const producer = kafka.producer({ retry: { retries: 0 } })
    const authentications = []
    producer.on(producer.events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'SaslHandshake') authentications.push(payload.sentAt)
    })
    await producer.connect()
    try {
      await producer.send({ topic, messages: [{ value: 'first' }] })
      const before = authentications.length
      const ended = authentications.at(-1) + SESSION_MS + 500
      await waitFor(() => Date.now() > ended, { message: 'the end of the session' })
      await producer.send({ topic, messages: [{ value: 'second' }] })
      assert.ok(authentications.length > before)
      assert.deepEqual(lines, [])
    } finally {
      await producer.disconnect()
    }
  })

  test('credentials that are no longer right fail the next request after the session, once', async () => {
    const { listeners, brokers } = await secured()
    const topic = await createTopic(uniqueTopic(), { on: brokers })
    const sasl = { ...ADMIN.plain }
    const kafka = new Kafka({
      brokers: listeners.saslReauth,
      sasl,
      reauthenticationThreshold: 4000,
      logLevel: logLevel.NOTHING,
    })
    const producer = kafka.producer()
    const authentications = []
    producer.on(producer.events.REQUEST, ({ payload }) => {
      if (payload.apiName === 'SaslAuthenticate') authentications.push(payload.sentAt)
    })
    await producer.connect()
    try {
      await producer.send({ topic, messages: [{ value: 'first' }] })
      sasl.password = 'changed'
      const due = authentications.at(-1) + 1500
      await waitFor(() => Date.now() > due, { message: 'the session to be due' })
      const before = authentications.length
      await assert.rejects(producer.send({ topic, messages: [{ value: 'second' }] }), {
        name: 'KafkaJSSASLAuthenticationError',
        message: /^SASL PLAIN authentication failed: /,
      })
      assert.ok(authentications.length - before <= 2, 'no storm of attempts')
    } finally {
      await producer.disconnect()
    }
  })

  for (const [name, make] of Object.entries(SPOILED)) {
    test(`${name}, under load: each send is told so, without a storm; then it is right again`, async t => {
      const { sasl, spoil, mend, text } = make()
      const { listeners, brokers } = await secured()
      const topic = await createTopic(uniqueTopic(), { on: brokers, partitions: 3 })
      const kafka = new Kafka({
        brokers: listeners.saslReauth,
        sasl,
        reauthenticationThreshold: 2000,
        logLevel: logLevel.NOTHING,
      })
      const producer = kafka.producer()
      t.after(() => producer.disconnect())
      const seen = { authentications: 0, sent: 0 }
      producer.on(producer.events.REQUEST, ({ payload }) => {
        if (payload.apiName === 'SaslAuthenticate') seen.authentications += 1
      })
      await producer.connect()
      const send = () => producer.send({ topic, messages: [{ value: 'v' }] })
      await send()
      spoil()
      const before = seen.authentications
      // The session has to be renewed before its 5 s are over: nobody goes on after that.
      const end = Date.now() + 30_000
      const work = async () => {
        while (Date.now() < end) {
          await send()
          seen.sent += 1
        }
      }
      const outcomes = await Promise.allSettled(Array.from({ length: WORKERS }, work))
      for (const { reason } of outcomes) {
        assert.equal(reason?.name, 'KafkaJSSASLAuthenticationError')
        assert.match(reason.message, text)
      }
      assert.ok(seen.sent > 0, 'the old session served until it was due')
      const attempts = seen.authentications - before
      assert.ok(attempts >= 1 && attempts <= 2 * WORKERS, `${attempts} attempts`)
      mend()
      await send()
    })
  }
})
