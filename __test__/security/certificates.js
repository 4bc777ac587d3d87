'use strict'

/** Certificates of every kind that a broker or a client may have, made by openssl when a test asks for them. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')

const DAY_MS = 86_400_000

const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-certificates-'))
process.on('exit', () => fs.rmSync(directory, { recursive: true, force: true }))

const file = name => path.join(directory, name)
const read = name => fs.readFileSync(file(name), 'utf8')
const write = (name, text) => fs.writeFileSync(file(name), text)

/** @returns {Buffer} what openssl prints */
const openssl = (...args) =>
  execFileSync('openssl', args, { cwd: directory, stdio: ['ignore', 'pipe', 'pipe'] })

let count = 0
const nextName = () => `c${++count}`

/** YYMMDDHHMMSSZ, as `openssl ca` wants it. */
const stamp = time => new Date(time).toISOString().replace(/^\d\d|[-:T]|\.\d+/g, '')

const KEY_OPTIONS = {
  ec: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  rsa: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  ed25519: ['-algorithm', 'ED25519'],
}

/** @returns {string} name of a new key; `${name}.key` is PKCS#8 in PEM */
const newKey = (type = 'ec') => {
  const name = nextName()
  openssl('genpkey', ...KEY_OPTIONS[type], '-out', `${name}.key`)
  return name
}

/**
 * A certificate that signs itself.
 *
 * @param {object} [options]
 * @param {string} [options.subject] default 'a ca'
 * @param {string[]} [options.names] subject alternative names, such as 'DNS:localhost'
 * @returns {{ name: string, cert: string, key: string }} PEM
 */
const selfSigned = ({ subject = 'a ca', names = [] } = {}) => {
  const name = newKey()
  const extensions = names.length > 0 ? ['-addext', `subjectAltName=${names.join(',')}`] : []
  const args = ['-key', `${name}.key`, '-subj', `/CN=${subject}`, '-days', '10', ...extensions]
  openssl('req', '-x509', '-new', ...args, '-out', `${name}.crt`)
  return { name, cert: read(`${name}.crt`), key: read(`${name}.key`) }
}

const CONFIGURATION = extensions => `[ca]
default_ca=this
[this]
new_certs_dir=.
database=index.txt
rand_serial=yes
default_md=sha256
policy=any
email_in_dn=no
unique_subject=no
${extensions.length > 0 ? 'x509_extensions=extensions' : ''}
[any]
commonName=supplied
[extensions]
${extensions.join('\n')}
`

/**
 * A certificate signed by another.
 *
 * @param {{ name: string }} issuer
 * @param {object} [options]
 * @param {string} [options.subject] common name, default 'localhost'
 * @param {string[]} [options.names] subject alternative names, default DNS:localhost and IP:127.0.0.1; an empty list
 *   and nothing else makes a certificate of version 1
 * @param {string[]} [options.extensions] further lines, such as 'basicConstraints=CA:true'
 * @param {'ec' | 'rsa' | 'ed25519'} [options.type]
 * @param {number} [options.from] days from now, default -1
 * @param {number} [options.until] days from now, default 10
 * @returns {{ name: string, cert: string, key: string }} PEM
 */
const signedBy = (issuer, options = {}) => {
  const { subject = 'localhost', names = ['DNS:localhost', 'IP:127.0.0.1'] } = options
  const { extensions = [], type, from = -1, until = 10 } = options
  const name = newKey(type)
  openssl('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${subject}`, '-out', `${name}.csr`)
  const lines = [...(names.length > 0 ? [`subjectAltName=${names.join(',')}`] : []), ...extensions]
  write(`${name}.cnf`, CONFIGURATION(lines))
  write('index.txt', '')
  const dates = [
    '-startdate',
    stamp(Date.now() + from * DAY_MS),
    '-enddate',
    stamp(Date.now() + until * DAY_MS),
  ]
  const signer = ['-cert', `${issuer.name}.crt`, '-keyfile', `${issuer.name}.key`]
  const about = ['-batch', '-notext', '-config', `${name}.cnf`, '-in', `${name}.csr`]
  openssl('ca', ...about, ...signer, ...dates, '-out', `${name}.crt`)
  return { name, cert: read(`${name}.crt`), key: read(`${name}.key`) }
}

/**
 * The key of a certificate in another form.
 *
 * @param {{ name: string }} owner
 * @param {...string} args of `openssl pkey`
 * @returns {string} PEM
 */
const keyAs = (owner, ...args) => openssl('pkey', '-in', `${owner.name}.key`, ...args).toString()

/**
 * @param {{ name: string }} owner
 * @param {{ passphrase: string, ca?: { name: string }, legacy?: boolean }} options legacy: the ciphers of old Windows
 *   and Java
 * @returns {Buffer} PKCS#12
 */
const pfxOf = (owner, { passphrase, ca, legacy = false }) =>
  openssl(
    'pkcs12',
    ...['-export', '-inkey', `${owner.name}.key`, '-in', `${owner.name}.crt`],
    ...['-passout', `pass:${passphrase}`],
    ...(ca ? ['-certfile', `${ca.name}.crt`] : []),
    ...(legacy ? ['-certpbe', 'PBE-SHA1-3DES', '-keypbe', 'PBE-SHA1-3DES', '-macalg', 'sha1'] : [])
  )

module.exports = { keyAs, pfxOf, selfSigned, signedBy }
