'use strict'

/** TLS of a real broker: by name and address, with and without client certificates, with SASL on top. */

const assert = require('node:assert/strict')
const { contract, createTopic, uniqueTopic } = require('../harness')
const { pfxOf, selfSigned } = require('./certificates')
const { QUICK, connect } = require('./connecting')
const { ADMIN, secured } = require('./secured')

const NO_TOPIC = { partitions: 0 }

/** A contract: what is sent arrives. */
function sends(name, optionsOf) {
  contract(name, NO_TOPIC, async context => {
    const kafka = await secured()
    const topic = await createTopic(uniqueTopic(), { on: kafka.brokers })
    context.mask(topic, '<topic>')
    const producer = context.kafka({ ...QUICK, ...optionsOf(kafka) }).producer()
    await producer.connect()
    const messages = Array.from({ length: 30 }, (_, i) => ({ value: 'x'.repeat(i * 1000) }))
    context.record('sent', await producer.send({ topic, messages }))
  })
}

sends('TLS by name', ({ listeners, tls }) => ({ brokers: listeners.ssl, ssl: { ca: tls.ca } }))
sends('TLS by address', ({ listeners, tls }) => ({
  brokers: listeners.ssl.map(address => address.replace('localhost', '127.0.0.1')),
  ssl: { ca: tls.ca },
}))
sends('TLS 1.2', ({ listeners, tls }) => ({
  brokers: listeners.ssl,
  ssl: { ca: tls.ca, maxVersion: 'TLSv1.2' },
}))
sends('TLS with anybody', ({ listeners }) => ({
  brokers: listeners.ssl,
  ssl: { rejectUnauthorized: false },
}))
sends('TLS with a client certificate', ({ listeners, tls: { ca, cert, key } }) => ({
  brokers: listeners.mtls,
  ssl: { ca, cert, key },
}))
sends('SASL over TLS', ({ listeners, tls }) => ({
  brokers: listeners.saslSsl,
  ssl: { ca: tls.ca },
  sasl: { ...ADMIN['scram-sha-512'] },
}))

contract('TLS with the wrong ca', NO_TOPIC, async context => {
  const { listeners, tls } = await secured()
  context.record(
    'connect',
    await connect(context, { brokers: listeners.ssl, ssl: { ca: tls.otherCa } })
  )
})

contract('no client certificate where the broker wants one', NO_TOPIC, async context => {
  const { listeners, tls } = await secured()
  const error = await connect(context, { brokers: listeners.mtls, ssl: { ca: tls.ca } })
  context.record('error', [error.class, error.cause.class, error.cause.code])
})

contract('a client certificate that the broker does not trust', NO_TOPIC, async context => {
  const { listeners, tls } = await secured()
  const stranger = selfSigned({ subject: 'stranger' })
  const pfx = pfxOf(stranger, { passphrase: 'p' })
  const ssl = { ca: tls.ca, pfx, passphrase: 'p' }
  const error = await connect(context, { brokers: listeners.mtls, ssl })
  context.record('error', [error.class, error.cause.class, error.cause.code])
})

contract('TLS to a listener of plain text', NO_TOPIC, async context => {
  const { brokers, tls } = await secured()
  const error = await connect(context, { brokers, ssl: { ca: tls.ca } })
  context.record('error', [error.class, error.cause.class, error.cause.code])
  if (context.library === 'kafkajs-rs') assert.match(error.message, /the peer does not speak TLS/)
})

contract(
  'plain text to a listener of TLS',
  {
    ...NO_TOPIC,
    differences: { error: { reason: 'ours says what it means; kafkajs: Closed connection' } },
  },
  async context => {
    const { listeners } = await secured()
    const error = await connect(context, { brokers: listeners.ssl })
    context.record('error', [error.class, error.cause.class, error.message])
    if (context.library === 'kafkajs-rs') assert.match(error.message, /the peer speaks TLS/)
  }
)
