'use strict'

/**
 * TLS: who is trusted, and what is said when somebody is not. Section 7.6 of kafkajs' behaviour, which is to pass
 * everything on to Node.
 */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const tls = require('node:tls')
const { contract, startPeer, subject } = require('../harness')
const { selfSigned, signedBy } = require('./certificates')
const { connect } = require('./connecting')
const { NO_TOPIC, fails, judges, serve } = require('./judging')
const { startTerminator } = require('./terminator')

const ca = selfSigned()
const other = selfSigned({ subject: 'another ca' })
const server = signedBy(ca)
const intermediate = signedBy(ca, {
  subject: 'an intermediate ca',
  names: [],
  extensions: ['basicConstraints=critical,CA:true', 'keyUsage=keyCertSign'],
})

const ssl = { ca: ca.cert }

judges('a trusted certificate, by name', { certificate: server, ssl })
judges('a trusted certificate, by address', { certificate: server, ssl, host: '127.0.0.1' })
judges('a trusted certificate with an RSA key', { certificate: signedBy(ca, { type: 'rsa' }), ssl })
judges('ca as a Buffer', { certificate: server, ssl: { ca: Buffer.from(ca.cert) } })
judges('ca as a list', { certificate: server, ssl: { ca: [other.cert, Buffer.from(ca.cert)] } })
judges('ca as one text with several', { certificate: server, ssl: { ca: other.cert + ca.cert } })
judges('ca with comments around it', {
  certificate: server,
  ssl: { ca: `# ours\n${ca.cert}# end` },
})

judges('ssl: true does not trust a private ca', { certificate: server, ssl: true })
judges('the wrong ca', { certificate: server, ssl: { ca: other.cert } })
judges('the wrong ca, the right one in the chain', {
  certificate: { ...server, cert: server.cert + ca.cert },
  ssl: { ca: other.cert },
})
judges('a certificate that signed itself', {
  certificate: selfSigned({ subject: 'localhost' }),
  ssl,
})
const own = selfSigned({ subject: 'localhost', names: ['DNS:localhost'] })
judges('a certificate that signed itself and is trusted', {
  certificate: own,
  ssl: { ca: own.cert },
})
judges('an expired certificate', { certificate: signedBy(ca, { from: -5, until: -1 }), ssl })
judges('a certificate for later', { certificate: signedBy(ca, { from: 5 }), ssl })
judges('a certificate for clients', {
  certificate: signedBy(ca, { extensions: ['extendedKeyUsage=clientAuth'] }),
  ssl,
})

const byIntermediate = signedBy(intermediate)
judges('a chain with an intermediate ca', {
  certificate: { ...byIntermediate, cert: byIntermediate.cert + intermediate.cert },
  ssl,
})
judges('a chain that lacks the intermediate ca', { certificate: byIntermediate, ssl })
judges('a chain whose end is missing', {
  certificate: { ...byIntermediate, cert: byIntermediate.cert + intermediate.cert },
  ssl: { ca: other.cert },
})

judges('a certificate for another name', {
  certificate: signedBy(ca, { names: ['DNS:kafka.example'] }),
  ssl,
})
judges('a certificate for another address', {
  certificate: signedBy(ca, { names: ['IP:127.0.0.9'] }),
  ssl,
  host: '127.0.0.1',
})
judges('a certificate with a wildcard', {
  certificate: signedBy(ca, { names: ['DNS:*.kafka.example'] }),
  ssl: { ...ssl, servername: 'b1.kafka.example' },
})
judges('a wildcard stands for one label only', {
  certificate: signedBy(ca, { names: ['DNS:*.kafka.example'] }),
  ssl: { ...ssl, servername: 'a.b1.kafka.example' },
})
const USAGE = ['keyUsage=digitalSignature']
judges('a common name counts when there are no other names', {
  certificate: signedBy(ca, { names: [], extensions: USAGE }),
  ssl,
})
judges('another common name', {
  certificate: signedBy(ca, { names: [], extensions: USAGE, subject: 'kafka' }),
  ssl,
})
for (const type of ['ec', 'rsa']) {
  judges(`a certificate of version 1, ${type}`, {
    certificate: signedBy(ca, { names: [], type }),
    ssl,
  })
  judges(`a certificate of version 1, ${type}, TLS 1.2`, {
    certificate: signedBy(ca, { names: [], type }),
    ssl,
    options: { maxVersion: 'TLSv1.2' },
  })
}
judges('a certificate of version 1 by the wrong ca', {
  certificate: signedBy(other, { names: [] }),
  ssl,
})
judges('an expired certificate of version 1', {
  certificate: signedBy(ca, { names: [], from: -5, until: -1 }),
  ssl,
})

const BELIEVE = { rejectUnauthorized: false }
judges('rejectUnauthorized: false believes everybody', {
  certificate: signedBy(other, { from: -5, until: -1, names: ['DNS:kafka.example'] }),
  ssl: BELIEVE,
})
judges('rejectUnauthorized: false, version 1', {
  certificate: signedBy(other, { names: [] }),
  ssl: { ...BELIEVE, ca: 'no certificate' },
})
judges('rejectUnauthorized: null still rejects', {
  certificate: server,
  ssl: { rejectUnauthorized: null },
})

judges('servername is the name that is checked', {
  certificate: signedBy(ca, { names: ['DNS:kafka.example'] }),
  ssl: { ...ssl, servername: 'kafka.example' },
  host: '127.0.0.1',
})

contract('the name is asked for unless it is an address', NO_TOPIC, async context => {
  const { cert, key } = server
  const { port, sockets } = await serve(context, { cert, key })
  for (const [host, more] of [
    ['localhost'],
    ['127.0.0.1'],
    ['127.0.0.1', { servername: 'localhost' }],
  ]) {
    await connect(context, { brokers: [`${host}:${port}`], ssl: { ...ssl, ...more } })
    context.record('servername', sockets.at(-1).servername)
  }
})

contract('ALPNProtocols are offered', NO_TOPIC, async context => {
  const { cert, key } = server
  const offered = []
  const ALPNCallback = ({ protocols }) => {
    offered.push(protocols)
    return protocols[0]
  }
  const { port, sockets } = await serve(context, { cert, key, ALPNCallback })
  for (const ALPNProtocols of [['kafka', 'h2'], Buffer.from('\x05kafka')]) {
    const brokers = [`localhost:${port}`]
    context.record('connect', await connect(context, { brokers, ssl: { ...ssl, ALPNProtocols } }))
    context.record('protocol', sockets.at(-1).alpnProtocol)
  }
  context.record('offered', offered)
})

for (const [name, options, more] of [
  ['1.2 alone at the server', { maxVersion: 'TLSv1.2' }, {}],
  ['1.2 alone at the client', {}, { maxVersion: 'TLSv1.2' }],
  ['1.3 alone at the client', {}, { minVersion: 'TLSv1.3' }],
  ['1.2 by secureProtocol', {}, { secureProtocol: 'TLSv1_2_method' }],
  ['an old minimum', {}, { minVersion: 'TLSv1' }],
  ['a cipher by name', {}, { ciphers: 'ECDHE-ECDSA-AES128-GCM-SHA256', maxVersion: 'TLSv1.2' }],
  ['ciphers by keyword', {}, { ciphers: 'HIGH:!aNULL:!MD5' }],
]) {
  contract(`TLS ${name}`, NO_TOPIC, async context => {
    const { cert, key } = server
    const { port, sockets } = await serve(context, { cert, key, ...options })
    const brokers = [`localhost:${port}`]
    context.record('connect', await connect(context, { brokers, ssl: { ...ssl, ...more } }))
    context.record('protocol', sockets.at(-1).getProtocol())
  })
}

fails('no version in common', {
  certificate: server,
  options: { minVersion: 'TLSv1.3' },
  ssl: { ...ssl, maxVersion: 'TLSv1.2' },
  code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION',
})

judges('a secureContext', {
  certificate: server,
  ssl: { secureContext: tls.createSecureContext(ssl) },
  differences: {
    connect: {
      reason: "an OpenSSL context cannot be taken apart, and TLS is rustls'",
      kafkajs: ['connected'],
      ours: [
        {
          class: 'KafkaJSNonRetriableError',
          message:
            'Failed to connect: ssl.secureContext is not supported, pass what it was made of: ca, cert, key, passphrase, pfx',
          name: 'KafkaJSNonRetriableError',
          retriable: false,
        },
      ],
    },
  },
})

contract('checkServerIdentity is asked, with what Node gives it', NO_TOPIC, async context => {
  const { key } = byIntermediate
  const chain = byIntermediate.cert + intermediate.cert
  const { port } = await serve(context, { cert: chain, key })
  const brokers = [`localhost:${port}`]
  const checkServerIdentity = (host, certificate) => {
    const { subject, subjectaltname, valid_to, fingerprint256, raw } = certificate
    context.record('asked', {
      host,
      subject: { ...subject },
      subjectaltname,
      valid_to,
      fingerprint256,
      raw,
    })
    context.record('issuer', certificate.issuerCertificate.subject.CN)
    context.record('members', Object.keys(certificate).sort())
    context.record("Node's own", tls.checkServerIdentity('kafka', certificate)?.message)
  }
  context.record(
    'connect',
    await connect(context, { brokers, ssl: { ...ssl, checkServerIdentity } })
  )
})

contract('checkServerIdentity decides', NO_TOPIC, async context => {
  const { cert: wrong, key } = signedBy(ca, { names: ['DNS:kafka.example'] })
  const { port } = await serve(context, { cert: wrong, key })
  const brokers = [`localhost:${port}`]
  const refusal = Object.assign(new Error('not this one'), { code: 'E_NOT_THIS_ONE' })
  for (const verdict of [undefined, null, refusal]) {
    const checkServerIdentity = () => verdict
    context.record(
      'connect',
      await connect(context, { brokers, ssl: { ...ssl, checkServerIdentity } })
    )
  }
  const asked = []
  const untrusted = { ca: other.cert, checkServerIdentity: host => asked.push(host) }
  context.record('untrusted', await connect(context, { brokers, ssl: untrusted }))
  context.record('not asked about what is not trusted', asked)
})

test('a checkServerIdentity that throws refuses, and does not end the process', async t => {
  const terminator = await startTerminator({ cert: server.cert, key: server.key })
  t.after(() => terminator.close())
  const { Kafka, logLevel } = subject.load()
  const checkServerIdentity = () => {
    throw new Error('thrown')
  }
  const kafka = new Kafka({
    brokers: [`localhost:${terminator.port}`],
    ssl: { ...ssl, checkServerIdentity },
    logLevel: logLevel.NOTHING,
    retry: { retries: 0 },
  })
  await assert.rejects(kafka.producer().connect(), { message: 'Connection error: thrown' })
})

contract(
  'a peer that does not speak TLS',
  {
    ...NO_TOPIC,
    differences: {
      connect: { reason: "ours says what it means: 'the peer does not speak TLS'" },
    },
  },
  async context => {
    const hangsUp = await startPeer({
      connected: socket => socket.once('data', () => socket.end()),
    })
    context.onEnd(() => hangsUp.close())
    const error = await connect(context, { brokers: [hangsUp.address], ssl })
    context.record('class', [error.class, error.cause.class, error.cause.code])
    context.record('connect', error.message)
    assert.match(
      error.message,
      /Client network socket disconnected before secure TLS connection was established/
    )
    if (context.library === 'kafkajs-rs') assert.match(error.message, /the peer does not speak TLS/)
  }
)

contract(
  'a peer that answers TLS with HTTP',
  {
    ...NO_TOPIC,
    differences: {
      code: { reason: 'Node says EPROTO or ERR_SSL_WRONG_VERSION_NUMBER, by version of OpenSSL' },
    },
  },
  async context => {
    const page = 'HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n'
    const http = await startPeer({
      connected: socket => socket.once('data', () => socket.end(page)),
    })
    context.onEnd(() => http.close())
    const error = await connect(context, { brokers: [http.address], ssl })
    context.record('class', [error.class, error.cause.class])
    context.record('code', [context.library, error.cause.code])
    if (context.library === 'kafkajs-rs') assert.match(error.message, /the peer does not speak TLS/)
  }
)

contract('a peer that takes TLS for nothing and is silent', NO_TOPIC, async context => {
  const silent = await startPeer()
  context.onEnd(() => silent.close())
  context.mask(silent.port, '<port>')
  const options = { brokers: [silent.address], ssl, connectionTimeout: 300 }
  context.record('connect', await connect(context, options))
})

contract(
  'a peer that speaks TLS, met by plain text',
  {
    ...NO_TOPIC,
    differences: { connect: { reason: 'ours says what it means; kafkajs: Closed connection' } },
  },
  async context => {
    // What a Kafka broker answers.
    const alert = Buffer.from([21, 3, 3, 0, 2, 2, 80])
    const peer = await startPeer({
      connected: socket => socket.once('data', () => socket.end(alert)),
    })
    context.onEnd(() => peer.close())
    const error = await connect(context, { brokers: [peer.address] })
    context.record('class', error.class)
    context.record('connect', [error.message, error.cause.class])
    if (context.library === 'kafkajs-rs') {
      assert.equal(
        error.message,
        'Connection error: the peer speaks TLS and we do not: the ssl option turns it on'
      )
    }
  }
)
