'use strict'

/**
 * The `ssl` option, read the way Node's `tls.connect` reads it, for the core: keys decrypted, defaults filled in,
 * everything as base64. What the core cannot honour is refused and not ignored, if it would matter.
 */

const crypto = require('node:crypto')
const fs = require('node:fs')
const tls = require('node:tls')
const { KafkaJSNonRetriableError } = require('../errors')
const { cipherSuites, versionRange } = require('./tlsProtocol')

/** Options of `tls.connect` that change what a connection is and have no counterpart in the core. */
const REFUSED = {
  secureContext: 'pass what it was made of: ca, cert, key, passphrase, pfx',
  socket: 'use socketFactory',
  host: 'brokers and servername say where to connect and whom to expect',
  port: 'brokers say where to connect',
  path: 'use socketFactory',
  lookup: 'use socketFactory',
  pskCallback: 'use socketFactory',
  crl: 'use socketFactory',
  clientCertEngine: 'use socketFactory',
  privateKeyEngine: 'use socketFactory',
  privateKeyIdentifier: 'use socketFactory',
}

const unusable = text => new KafkaJSNonRetriableError(`Failed to connect: ${text}`)

const listOf = value => (Array.isArray(value) ? value : [value]).filter(Boolean)

/** Bytes of an option; its value is never part of the error, it may be a key. */
const bytesOf = (name, value) => {
  if (typeof value === 'string') return Buffer.from(value)
  if (ArrayBuffer.isView(value)) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength)
  }
  throw unusable(
    `The "${name}" property must be of type string or an instance of Buffer, TypedArray, or DataView. Received type ${typeof value}`
  )
}

const base64Of = (name, value) => bytesOf(name, value).toString('base64')

/** The certificates that Node trusts when it is given none, with those of NODE_EXTRA_CA_CERTS. */
const defaultRoots = () => {
  if (tls.getCACertificates) return tls.getCACertificates('default')
  const extra = process.env.NODE_EXTRA_CA_CERTS
  if (!extra) return tls.rootCertificates
  try {
    return [...tls.rootCertificates, fs.readFileSync(extra, 'utf8')]
  } catch {
    // Node itself has warned of it.
    return tls.rootCertificates
  }
}

/** A list stays the same object until a program replaces it, and its encoding takes a while. */
const encodedRoots = new WeakMap()

const encodeRoots = () => {
  const roots = defaultRoots()
  if (!encodedRoots.has(roots)) {
    encodedRoots.set(roots, Buffer.from(roots.join('\n')).toString('base64'))
  }
  return encodedRoots.get(roots)
}

const readKey = (pem, passphrase) => {
  const key = bytesOf('ssl.key', pem)
  if (passphrase == null && key.includes('ENCRYPTED')) {
    throw unusable('ssl.key is encrypted and there is no ssl.passphrase')
  }
  try {
    return crypto.createPrivateKey({ key, format: 'pem', passphrase: passphrase ?? undefined })
  } catch (error) {
    throw unusable(`ssl.key cannot be read: ${error.message}`)
  }
}

const readCertificate = pem => {
  try {
    return new crypto.X509Certificate(bytesOf('ssl.cert', pem))
  } catch (error) {
    throw unusable(`ssl.cert is no certificate in PEM format: ${error.message}`)
  }
}

/** Each key with the certificate that belongs to it. As in Node, one without the other is no identity. */
const identitiesOf = ({ cert, key, passphrase }) => {
  const chains = listOf(cert).map(pem => ({ pem, leaf: readCertificate(pem) }))
  const keys = listOf(key).map(given => readKey(given.pem ?? given, given.passphrase ?? passphrase))
  if (chains.length === 0) return []
  return keys.map(privateKey => {
    const chain = chains.find(({ leaf }) => leaf.checkPrivateKey(privateKey))
    if (!chain) throw unusable('ssl.key is not the key of ssl.cert: key values mismatch')
    return {
      cert: base64Of('ssl.cert', chain.pem),
      key: privateKey.export({ type: 'pkcs8', format: 'der' }).toString('base64'),
    }
  })
}

const pfxOf = ({ pfx, passphrase }) =>
  listOf(pfx).map(given => ({
    data: base64Of('ssl.pfx', given.buf ?? given),
    passphrase: base64Of('ssl.passphrase', given.passphrase ?? passphrase ?? ''),
  }))

/** Protocol names, out of a list or out of the form they have on the wire: length and name, one after the other. */
const alpnOf = protocols => {
  if (protocols == null) return []
  const out = {}
  try {
    tls.convertALPNProtocols(protocols, out)
  } catch (error) {
    throw unusable(`ssl.ALPNProtocols: ${error.message}`)
  }
  const names = []
  for (let at = 0; at < (out.ALPNProtocols?.length ?? 0); at += 1 + out.ALPNProtocols[at]) {
    names.push(
      out.ALPNProtocols.subarray(at + 1, at + 1 + out.ALPNProtocols[at]).toString('base64')
    )
  }
  return names
}

/** Node's rule: only a plain `false` switches the check off. */
const rejectsUnauthorized = ({ rejectUnauthorized }) =>
  rejectUnauthorized === undefined
    ? process.env.NODE_TLS_REJECT_UNAUTHORIZED !== '0'
    : rejectUnauthorized !== false

/**
 * @param {true | import('node:tls').ConnectionOptions} [ssl]
 * @returns {object | null} the core's `TlsConfig`; null for plain TCP
 * @throws {KafkaJSNonRetriableError} that names the option that cannot be used; never with its value
 */
const tlsConfig = ssl => {
  if (!ssl) return null
  const options = typeof ssl === 'object' ? ssl : {}
  for (const [name, instead] of Object.entries(REFUSED)) {
    if (options[name] != null) throw unusable(`ssl.${name} is not supported, ${instead}`)
  }
  const { ca, servername, checkServerIdentity } = options
  if (checkServerIdentity != null && typeof checkServerIdentity !== 'function') {
    throw unusable('ssl.checkServerIdentity is not a function')
  }
  if (servername != null && typeof servername !== 'string') {
    throw unusable(`ssl.servername must be a string, received type ${typeof servername}`)
  }
  const rejectUnauthorized = rejectsUnauthorized(options)
  const trusted = () => (ca ? listOf(ca).map(entry => base64Of('ssl.ca', entry)) : [encodeRoots()])
  return {
    // Whoever is believed anyway needs no roots; Node does not look at them either.
    ca: rejectUnauthorized ? trusted() : [],
    identities: identitiesOf(options),
    pfx: pfxOf(options),
    servername: servername || null,
    rejectUnauthorized,
    customIdentityCheck: checkServerIdentity != null,
    ...versionRange(options),
    alpnProtocols: alpnOf(options.ALPNProtocols),
    cipherSuites: cipherSuites(options.ciphers),
  }
}

/** What `tlsSocket.getPeerCertificate(true)` gives: the certificate, with the chain it came with. */
const peerCertificate = chain => {
  const certificates = chain.map(der => new crypto.X509Certificate(der))
  const objects = certificates.map(certificate => certificate.toLegacyObject())
  for (const [index, object] of objects.entries()) {
    const { subject, issuer } = certificates[index]
    const issuerCertificate = subject === issuer ? object : objects[index + 1]
    if (issuerCertificate) object.issuerCertificate = issuerCertificate
  }
  return objects[0]
}

/**
 * @param {unknown} ssl
 * @returns {(question: { host: string }, chain: Buffer[]) => { value: { message: string, code?: string } | null }} says
 *   whether a certificate (DER, its chain after it) is for `host`: the user's `checkServerIdentity` decides, or Node's.
 *   Gives null, or what there is to object.
 */
const checkIdentity =
  ssl =>
  ({ host }, chain) => {
    const check = ssl.checkServerIdentity ?? tls.checkServerIdentity
    let objection
    try {
      objection = check(host, peerCertificate(chain))
    } catch (error) {
      objection = error ?? new Error('checkServerIdentity threw')
    }
    if (!objection) return { value: null }
    const { message = `${objection}`, code } = objection
    return { value: { message, code: code == null ? undefined : `${code}` } }
  }

module.exports = { tlsConfig, checkIdentity }
