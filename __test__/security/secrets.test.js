'use strict'

/** Passwords, tokens and keys are in nothing that a program or an operator may see. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const util = require('node:util')
const { subject, waitFor, within } = require('../harness')
const { pfxOf, selfSigned, signedBy } = require('./certificates')
const { DEADLINE_MS } = require('./connecting')
const { ADMIN, secured, tokenFor } = require('./secured')

const { Kafka, logLevel } = subject.load()

const PASSWORD = 'hunter2-hunter2-hunter2'
const ca = selfSigned()
const client = signedBy(ca, { subject: 'client', names: ['DNS:client'] })
const keyLine = client.key.split('\n')[1]

/** @returns {{ outputs: string[], keep: (...values: unknown[]) => void }} what is kept, as text of every kind */
function keeper() {
  const outputs = []
  const keep = (...values) => {
    for (const value of values) {
      outputs.push(util.inspect(value, { depth: 20, showHidden: true, maxStringLength: null }))
      if (value instanceof Error)
        outputs.push(value.stack, JSON.stringify(value), `${value.cause?.stack}`)
    }
  }
  return { outputs, keep }
}

/** All that is told about connecting, right or wrong: log lines of every level, events, errors, inspected objects. */
async function outputsOf(options) {
  const { outputs, keep } = keeper()
  const kafka = new Kafka({
    connectionTimeout: 3000,
    retry: { retries: 1, initialRetryTime: 10 },
    logLevel: logLevel.DEBUG,
    logCreator: () => entry => keep(entry),
    ...options,
  })
  const clients = [kafka.producer(), kafka.admin(), kafka.consumer({ groupId: 'g' })]
  for (const each of clients) {
    for (const event of Object.values(each.events)) each.on(event, keep)
    try {
      await within(DEADLINE_MS, each.connect(), 'connect')
    } catch (error) {
      keep(error)
    } finally {
      await each.disconnect()
    }
  }
  keep(kafka, ...clients)
  return outputs.join('\n')
}

/** Not as text, and not as the base64 in which it crosses. */
function assertHidden(outputs, secret) {
  for (const form of [
    secret,
    Buffer.from(secret).toString('base64').replace(/=+$/, '').slice(0, -1),
  ]) {
    const at = outputs.indexOf(form)
    assert.equal(at, -1, `a secret shows: ${outputs.slice(Math.max(at - 200, 0), at + 50)}`)
  }
}

const CREDENTIALS = {
  'plain, wrong': { mechanism: 'plain', username: 'admin', password: PASSWORD },
  'scram-sha-256, wrong': { mechanism: 'scram-sha-256', username: 'admin', password: PASSWORD },
  'scram-sha-512, wrong': { mechanism: 'scram-sha-512', username: 'admin', password: PASSWORD },
  'aws, not enabled': {
    mechanism: 'aws',
    authorizationIdentity: 'a',
    accessKeyId: 'b',
    secretAccessKey: PASSWORD,
  },
  'oauthbearer, wrong': {
    mechanism: 'oauthbearer',
    oauthBearerProvider: async () => ({ value: PASSWORD, extensions: { secret: PASSWORD } }),
  },
}
for (const [name, sasl] of Object.entries(CREDENTIALS)) {
  test(`sasl ${name}`, async () => {
    const { listeners } = await secured()
    const outputs = await outputsOf({ brokers: listeners.saslPlaintext, sasl })
    assert.match(outputs, /SASL|mechanism/, 'something was told')
    assertHidden(outputs, PASSWORD)
  })
}

for (const [mechanism, sasl] of Object.entries(ADMIN)) {
  test(`sasl ${mechanism}, right`, async () => {
    const { listeners } = await secured()
    const value = tokenFor('admin')
    const given = sasl.password
      ? { ...sasl }
      : { ...sasl, oauthBearerProvider: async () => ({ value }) }
    const outputs = await outputsOf({ brokers: listeners.saslPlaintext, sasl: given })
    assert.match(outputs, /SaslAuthenticator/, 'something was told')
    assertHidden(outputs, sasl.password ?? value)
  })
}

test('a token of an expired login', async () => {
  const { listeners } = await secured()
  const value = tokenFor('admin', -500)
  const sasl = { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value }) }
  assertHidden(await outputsOf({ brokers: listeners.saslPlaintext, sasl }), value)
})

test('keys and passphrases, right and unusable', async () => {
  const { listeners, tls } = await secured()
  const pfx = pfxOf(client, { passphrase: PASSWORD })
  const { cert, key } = client
  const brokers = listeners.mtls
  for (const ssl of [
    { ca: tls.ca, cert: tls.cert, key: tls.key, passphrase: PASSWORD },
    { ca: tls.ca, cert, key },
    { ca: tls.ca, cert: tls.cert, key },
    { ca: tls.ca, cert, key: key.replace('A', '!') },
    { ca: tls.ca, pfx, passphrase: PASSWORD },
    { ca: tls.ca, pfx, passphrase: `${PASSWORD}, but wrong` },
    { ca: tls.ca, pfx: PASSWORD, passphrase: 5 },
    { ca: key, cert, key },
    { ca: tls.ca, cert: key, key: cert },
  ]) {
    const outputs = await outputsOf({ brokers, ssl })
    for (const secret of [PASSWORD, keyLine, tls.key.split('\n')[1]]) assertHidden(outputs, secret)
  }
})

test('credentials that are no longer right when a session is renewed', async t => {
  const { listeners } = await secured()
  const { outputs, keep } = keeper()
  const sasl = { ...ADMIN.plain }
  const kafka = new Kafka({
    brokers: listeners.saslReauth,
    sasl,
    // Of sessions of 5 s: each is renewed after one.
    reauthenticationThreshold: 4000,
    logLevel: logLevel.DEBUG,
    logCreator: () => entry => keep(entry),
  })
  const admin = kafka.admin()
  t.after(() => admin.disconnect())
  for (const event of Object.values(admin.events)) admin.on(event, keep)
  await admin.connect()
  sasl.password = PASSWORD
  const refused = async () => {
    try {
      await admin.listTopics()
      return false
    } catch (error) {
      keep(error)
      return true
    }
  }
  await waitFor(refused, { message: 'the renewal', deadline: 30_000 })
  keep(kafka, admin)
  assert.match(outputs.join('\n'), /SASL PLAIN authentication failed/)
  for (const secret of [PASSWORD, ADMIN.plain.password]) {
    assertHidden(outputs.join('\n'), secret)
  }
})
