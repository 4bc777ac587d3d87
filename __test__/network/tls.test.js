'use strict'

/** How the `ssl` option crosses to the core. What it leads to is tested against servers in `security/`. */

const assert = require('node:assert/strict')
const { X509Certificate, createPrivateKey } = require('node:crypto')
const { test } = require('node:test')
const nodeTls = require('node:tls')
const { checkIdentity, tlsConfig } = require('../../src/network/tls')
const { cipherSuites, versionRange } = require('../../src/network/tlsProtocol')
const { selfSigned, signedBy } = require('../security/certificates')

const ca = selfSigned()
const server = signedBy(ca)
const text = base64 => Buffer.from(base64, 'base64').toString()

test('falsy is plain TCP', () => {
  for (const ssl of [undefined, null, false, 0, '']) assert.equal(tlsConfig(ssl), null)
})

test('true, and whatever is truthy, is TLS with the roots of Node', () => {
  for (const ssl of [true, 'yes', {}]) {
    const { ca: trusted, ...rest } = tlsConfig(ssl)
    assert.ok(text(trusted[0]).includes(nodeTls.rootCertificates[0]))
    assert.deepEqual(rest, {
      identities: [],
      pfx: [],
      servername: null,
      rejectUnauthorized: true,
      customIdentityCheck: false,
      minVersion: 'TLSv1.2',
      maxVersion: 'TLSv1.3',
      alpnProtocols: [],
      cipherSuites: null,
    })
  }
})

test('a ca replaces the roots', () => {
  assert.deepEqual(tlsConfig({ ca: ca.cert }).ca.map(text), [ca.cert])
  assert.deepEqual(tlsConfig({ ca: [ca.cert, Buffer.from('x')] }).ca.map(text), [ca.cert, 'x'])
  assert.deepEqual(tlsConfig({ ca: new Uint8Array([65, 66]) }).ca.map(text), ['AB'])
})

test('rejectUnauthorized: only false switches it off, or the environment', t => {
  assert.equal(tlsConfig({ rejectUnauthorized: null }).rejectUnauthorized, true)
  assert.equal(tlsConfig({ rejectUnauthorized: 0 }).rejectUnauthorized, true)
  assert.equal(tlsConfig({ rejectUnauthorized: false }).rejectUnauthorized, false)
  const before = process.env.NODE_TLS_REJECT_UNAUTHORIZED
  t.after(() => {
    if (before === undefined) delete process.env.NODE_TLS_REJECT_UNAUTHORIZED
    else process.env.NODE_TLS_REJECT_UNAUTHORIZED = before
  })
  process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0'
  assert.equal(tlsConfig(true).rejectUnauthorized, false)
  assert.equal(tlsConfig({ rejectUnauthorized: true }).rejectUnauthorized, true)
})

test('a key crosses as PKCS#8, not encrypted', () => {
  const [{ cert, key }] = tlsConfig({ cert: server.cert, key: server.key }).identities
  assert.equal(text(cert), server.cert)
  const crossed = createPrivateKey({
    key: Buffer.from(key, 'base64'),
    format: 'der',
    type: 'pkcs8',
  })
  assert.ok(crossed.equals(createPrivateKey(server.key)))
})

test('options that the core cannot honour are refused, each by name', () => {
  const refused = {
    secureContext: {},
    socket: {},
    host: 'kafka',
    port: 9093,
    path: '/run/kafka',
    lookup: () => {},
    pskCallback: () => {},
    crl: 'x',
    clientCertEngine: 'x',
    privateKeyEngine: 'x',
    privateKeyIdentifier: 'x',
  }
  for (const [name, value] of Object.entries(refused)) {
    assert.throws(() => tlsConfig({ ca: ca.cert, [name]: value }), {
      name: 'KafkaJSNonRetriableError',
      message: new RegExp(`^Failed to connect: ssl\\.${name} is not supported, `),
    })
    assert.ok(tlsConfig({ ca: ca.cert, [name]: undefined }))
  }
})

test('options without meaning for the core are ignored', () => {
  assert.deepEqual(
    tlsConfig({ ca: ca.cert, ecdhCurve: 'auto', sigalgs: 'x', timeout: 5, enableTrace: false }),
    tlsConfig({ ca: ca.cert })
  )
})

test('versions', () => {
  const both = { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' }
  const only = version => ({ minVersion: version, maxVersion: version })
  assert.deepEqual(versionRange({}), both)
  assert.deepEqual(versionRange({ minVersion: 'TLSv1' }), both)
  assert.deepEqual(versionRange({ maxVersion: 'TLSv1.2' }), only('TLSv1.2'))
  assert.deepEqual(versionRange({ minVersion: 'TLSv1.3' }), only('TLSv1.3'))
  assert.deepEqual(versionRange({ secureProtocol: 'TLS_method' }), both)
  assert.deepEqual(versionRange({ secureProtocol: 'SSLv23_method' }), both)
  assert.deepEqual(versionRange({ secureProtocol: 'TLSv1_2_client_method' }), only('TLSv1.2'))
  for (const options of [
    { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' },
    { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' },
    { secureProtocol: 'TLSv1_method' },
    { minVersion: 'SSLv3' },
    { maxVersion: 5 },
  ]) {
    assert.throws(() => versionRange(options), { name: 'KafkaJSNonRetriableError' })
  }
})

test('ciphers', () => {
  assert.equal(cipherSuites(undefined), null)
  assert.equal(cipherSuites(''), null)
  assert.deepEqual(cipherSuites('TLS_AES_128_GCM_SHA256'), ['TLS_AES_128_GCM_SHA256'])
  assert.deepEqual(cipherSuites('TLS_AES_128_GCM_SHA256:ECDHE-RSA-AES256-GCM-SHA384'), [
    'TLS_AES_128_GCM_SHA256',
    'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  ])
  assert.equal(cipherSuites('HIGH:!aNULL').length, 9)
  assert.equal(cipherSuites('AES256-SHA').length, 3)
})

test("identity: Node decides, or the user's function, and never throws", () => {
  const chain = [new X509Certificate(server.cert).raw, new X509Certificate(ca.cert).raw]
  assert.deepEqual(checkIdentity(true)({ host: 'localhost' }, chain), { value: null })
  const { value } = checkIdentity({})({ host: 'kafka' }, chain)
  assert.equal(value.code, 'ERR_TLS_CERT_ALTNAME_INVALID')
  const seen = []
  const checkServerIdentity = (host, certificate) => {
    seen.push(host, certificate.issuerCertificate.subject.CN)
    throw 'a text'
  }
  assert.deepEqual(checkIdentity({ checkServerIdentity })({ host: 'kafka' }, chain), {
    value: { message: 'a text', code: undefined },
  })
  assert.deepEqual(seen, ['kafka', 'a ca'])
})
