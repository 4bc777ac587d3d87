'use strict'

/** What the process around a client decides: certificates by environment, and that it may end. */

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { promisify } = require('node:util')
const { brokers } = require('../harness')
const { selfSigned, signedBy } = require('./certificates')
const { startTerminator } = require('./terminator')

const FIXTURE = path.join(__dirname, 'fixtures', 'connect-and-leave.js')
/** The process ends by itself, or the test fails. */
const DEADLINE_MS = 20_000

const run = async (args, env = {}) => {
  const options = { env: { ...process.env, ...env }, timeout: DEADLINE_MS }
  const { stdout } = await promisify(execFile)(process.execPath, [FIXTURE, ...args], options)
  return stdout.trim()
}

test('NODE_EXTRA_CA_CERTS is trusted besides the roots', async t => {
  const ca = selfSigned()
  const { cert, key } = signedBy(ca)
  const { port, close } = await startTerminator({ cert, key })
  t.after(close)
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-extra-ca-'))
  t.after(() => fs.rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'extra.pem')
  fs.writeFileSync(file, ca.cert)

  const address = `localhost:${port}`
  assert.equal(await run([address]), 'UNABLE_TO_VERIFY_LEAF_SIGNATURE')
  assert.equal(await run([address], { NODE_EXTRA_CA_CERTS: file }), '1')
})

test('NODE_TLS_REJECT_UNAUTHORIZED=0 believes everybody', async t => {
  const { cert, key } = signedBy(selfSigned())
  const { port, close } = await startTerminator({ cert, key })
  t.after(close)
  const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0', NODE_NO_WARNINGS: '1' }
  assert.equal(await run([`localhost:${port}`], env), '1')
})

test('a process with a socket of the user ends after disconnect', async () => {
  const [broker] = await brokers()
  assert.match(await run([broker, 'socket']), /^[13]$/)
})
