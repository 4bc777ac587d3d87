'use strict'

/** TLS: what a client shows of itself, in every form that Node takes, and options that cannot be used. */

const assert = require('node:assert/strict')
const { errorOf } = require('../contract/observe')
const { contract, within } = require('../harness')
const { keyAs, pfxOf, selfSigned, signedBy } = require('./certificates')
const { DEADLINE_MS, QUICK, connect } = require('./connecting')
const { NO_TOPIC, fails, judges, serve } = require('./judging')

const ca = selfSigned()
const server = signedBy(ca)
const client = signedBy(ca, { subject: 'client', names: ['DNS:client'], type: 'rsa' })
const ssl = { ca: ca.cert }

const MTLS = { requestCert: true, rejectUnauthorized: true, ca: ca.cert }
fails('no client certificate where one is required, TLS 1.3', {
  certificate: server,
  options: MTLS,
  ssl,
  code: 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED',
})
fails('no client certificate where one is required, TLS 1.2', {
  certificate: server,
  options: { ...MTLS, maxVersion: 'TLSv1.2' },
  ssl,
  code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
})

const PASS = 'a passphrase'
const ecClient = signedBy(ca, { subject: 'client', names: ['DNS:client'] })
const edClient = signedBy(ca, { subject: 'client', names: ['DNS:client'], type: 'ed25519' })
const encrypted = keyAs(client, '-aes256', '-passout', `pass:${PASS}`)
const { cert } = client
/** @type {[name: string, ssl: object][]} */
const IDENTITIES = [
  ['a PKCS#8 key', { cert, key: client.key }],
  ['a PKCS#1 key', { cert, key: keyAs(client, '-traditional') }],
  ['a SEC1 key', { cert: ecClient.cert, key: keyAs(ecClient, '-traditional') }],
  ['an Ed25519 key', { cert: edClient.cert, key: edClient.key }],
  ['an encrypted PKCS#8 key', { cert, key: encrypted, passphrase: PASS }],
  [
    'an encrypted PKCS#1 key',
    {
      cert,
      key: keyAs(client, '-traditional', '-aes256', '-passout', `pass:${PASS}`),
      passphrase: PASS,
    },
  ],
  [
    'an encrypted SEC1 key',
    {
      cert: ecClient.cert,
      key: keyAs(ecClient, '-traditional', '-aes256', '-passout', `pass:${PASS}`),
      passphrase: PASS,
    },
  ],
  ['a key that is not encrypted and a passphrase', { cert, key: client.key, passphrase: PASS }],
  ['Buffers', { cert: Buffer.from(cert), key: Buffer.from(client.key) }],
  ['lists', { cert: [cert], key: [client.key] }],
  [
    'a list of keys with passphrases',
    { cert: [cert], key: [{ pem: encrypted, passphrase: PASS }] },
  ],
  ['a key with a passphrase of its own', { cert, key: [{ pem: encrypted }], passphrase: PASS }],
  ['two keys, in another order', { cert: [ecClient.cert, cert], key: [client.key, ecClient.key] }],
  ['a pfx', { pfx: pfxOf(client, { passphrase: PASS }), passphrase: PASS }],
  [
    'a pfx with old ciphers',
    { pfx: pfxOf(client, { passphrase: PASS, legacy: true }), passphrase: PASS },
  ],
  ['a pfx without a passphrase', { pfx: pfxOf(client, { passphrase: '' }) }],
  ['a list of pfx', { pfx: [{ buf: pfxOf(client, { passphrase: PASS }), passphrase: PASS }] }],
  ['a chain', { cert: cert + ca.cert, key: client.key }],
]
for (const [name, identity] of IDENTITIES) {
  contract(`a client certificate: ${name}`, NO_TOPIC, async context => {
    const { port, sockets } = await serve(context, { cert: server.cert, key: server.key, ...MTLS })
    const brokers = [`localhost:${port}`]
    context.record('connect', await connect(context, { brokers, ssl: { ...ssl, ...identity } }))
    context.record('shown', sockets.at(-1)?.getPeerCertificate().subject.CN)
  })
}

judges('the ca of a pfx is trusted', {
  certificate: server,
  ssl: { pfx: pfxOf(client, { passphrase: PASS, ca }), passphrase: PASS },
})
judges('a certificate without its key is no identity', {
  certificate: server,
  ssl: { ...ssl, cert },
})
judges('a key without its certificate is no identity', {
  certificate: server,
  ssl: { ...ssl, key: client.key },
})

/** Ours names the option, at once; kafkajs tries again and again, with OpenSSL's words. */
const UNUSABLE = [
  ['a ca that is none', { ca: 'garbage' }, /^ssl\.ca is no certificate in PEM format$/],
  [
    'a ca of the wrong type',
    { ca: 5 },
    /^The "ssl\.ca" property must be of type string .* number$/,
  ],
  [
    'a cert that is none',
    { ...ssl, cert: 'garbage' },
    /^ssl\.cert is no certificate in PEM format/,
  ],
  ['a key that is none', { ...ssl, cert, key: 'garbage' }, /^ssl\.key cannot be read/],
  [
    'a key of another certificate',
    { ...ssl, cert: ecClient.cert, key: signedBy(ca).key },
    /^ssl\.key is not the key of ssl\.cert: key values mismatch$/,
  ],
  [
    'an encrypted key without a passphrase',
    { ...ssl, cert, key: encrypted },
    /^ssl\.key is encrypted and there is no ssl\.passphrase$/,
  ],
  [
    'an encrypted key with the wrong passphrase',
    { ...ssl, cert, key: encrypted, passphrase: 'wrong' },
    /^ssl\.key cannot be read: .*bad decrypt/,
  ],
  [
    'a pfx with the wrong passphrase',
    { ...ssl, pfx: pfxOf(client, { passphrase: PASS }), passphrase: 'wrong' },
    /^ssl\.pfx cannot be opened: mac verify failure, is ssl\.passphrase right\?$/,
  ],
  ['a pfx that is none', { ...ssl, pfx: Buffer.from('garbage') }, /^ssl\.pfx cannot be opened/],
  [
    'a version that does not exist',
    { ...ssl, minVersion: 'TLSv9' },
    /^ssl\.minVersion: "TLSv9" is not a valid minimum TLS protocol version$/,
  ],
  [
    'versions before 1.2',
    { ...ssl, minVersion: 'TLSv1', maxVersion: 'TLSv1.1' },
    /^no TLS version from TLSv1 to TLSv1\.1 is supported, expected ssl\.maxVersion/,
  ],
  [
    'a checkServerIdentity that is no function',
    { ...ssl, checkServerIdentity: 5 },
    /^ssl\.checkServerIdentity is not a function$/,
  ],
  ['ALPNProtocols that are no text', { ...ssl, ALPNProtocols: [5] }, /^ssl\.ALPNProtocols: /],
]
for (const [name, options, expected] of UNUSABLE) {
  contract(name, NO_TOPIC, async context => {
    const { port } = await serve(context, { cert: server.cert, key: server.key })
    const { KafkaJSNonRetriableError } = context.kafkajs
    const producer = context
      .kafka({ ...QUICK, brokers: [`localhost:${port}`], ssl: options })
      .producer()
    const error = await errorOf(() => within(DEADLINE_MS, producer.connect()))
    context.record('not to be tried again', error instanceof KafkaJSNonRetriableError)
    if (context.library === 'kafkajs-rs') {
      assert.match(error.message, /^Failed to connect: /)
      assert.match(error.message.replace('Failed to connect: ', ''), expected)
    }
  })
}
