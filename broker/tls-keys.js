'use strict'

/** Keys for the secured node, made by openssl at its first start: a CA, a server, a client, and a CA nobody trusts. */

const fs = require('node:fs')
const path = require('node:path')
const { LOCAL, dropDraft, makeDraft, run } = require('./installation')
const { openssl, requirePrograms } = require('./requirements')

const DAYS = 3650

/**
 * @typedef {object} TlsKeys
 * @property {string} directory  where the files are
 * @property {string} server     file: key, certificate and CA of the server, as the broker reads it
 * @property {string} ca         PEM text; signs server and client
 * @property {string} cert       PEM text; certificate of user `client`
 * @property {string} key        PEM text; key of user `client`
 * @property {string} otherCa    PEM text; a CA that signed nothing, for the "wrong CA" case
 */

/**
 * @param {(line: string) => void} log told before keys are made
 * @returns {Promise<TlsKeys>}
 * @throws {Error} if openssl is missing or fails
 */
async function tlsKeys(log) {
  const directory = path.join(LOCAL, 'tls')
  if (!fs.existsSync(directory)) {
    requirePrograms([openssl])
    log('making TLS keys (once)')
    await makeKeys(directory)
  }
  const read = name => fs.readFileSync(path.join(directory, name), 'utf8')
  return {
    directory,
    server: path.join(directory, 'server.pem'),
    ca: read('ca.pem'),
    cert: read('client.crt'),
    key: read('client.key'),
    otherCa: read('other-ca.pem'),
  }
}

async function makeKeys(directory) {
  const draft = makeDraft()
  const file = name => path.join(draft, name)
  const call = line => run('openssl', line.split(' '), draft)
  const newKey = name =>
    call(`genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out ${name}.key`)
  const newCa = async (name, subject) => {
    await newKey(name)
    await call(
      `req -x509 -new -key ${name}.key -subj /CN=${subject} -days ${DAYS} -out ${name}.pem`
    )
  }
  const newCertificate = async (name, subject, extension) => {
    await newKey(name)
    await call(`req -new -key ${name}.key -subj /CN=${subject} -out ${name}.csr`)
    fs.writeFileSync(file(`${name}.ext`), extension)
    const signer = `-CA ca.pem -CAkey ca.key -CAcreateserial -days ${DAYS}`
    await call(`x509 -req -in ${name}.csr ${signer} -extfile ${name}.ext -out ${name}.crt`)
  }
  try {
    await newCa('ca', 'local-kafka-ca')
    await newCa('other-ca', 'another-ca')
    await newCertificate('server', 'localhost', 'subjectAltName=DNS:localhost,IP:127.0.0.1\n')
    await newCertificate('client', 'client', 'extendedKeyUsage=clientAuth\n')
    const parts = ['server.key', 'server.crt', 'ca.pem'].map(name => fs.readFileSync(file(name)))
    fs.writeFileSync(file('server.pem'), Buffer.concat(parts), { mode: 0o600 })
    fs.renameSync(draft, directory)
  } catch (error) {
    if (!fs.existsSync(directory)) throw error
  } finally {
    dropDraft(draft)
  }
}

module.exports = { tlsKeys }
