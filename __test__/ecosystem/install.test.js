'use strict'

/** npm itself puts the package in kafkajs' place, among packages that have kafkajs as a peer. */

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { client } = require('./scene')

const STEP_DEADLINE_MS = 60_000

/** What npm reads settings from besides its files would come from the npm that runs the tests. */
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('npm_'))
)

test('npm install kafkajs@file:..., with a peer that asks for kafkajs 2', {
  timeout: 150_000,
}, t => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-install-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  const npm = (...args) =>
    execFileSync('npm', args, { cwd: folder, env, encoding: 'utf8', timeout: STEP_DEADLINE_MS })
  const write = (file, manifest) => {
    fs.mkdirSync(path.dirname(path.join(folder, file)), { recursive: true })
    fs.writeFileSync(path.join(folder, file), JSON.stringify(manifest))
  }
  const placed = path.dirname(require.resolve('kafkajs/package.json'))
  const [{ filename }] = JSON.parse(npm('pack', '--ignore-scripts', '--json', placed))
  write('peer/package.json', {
    name: 'peer-of-kafkajs',
    version: '1.0.0',
    peerDependencies: { kafkajs: '>=2.2.4 <3' },
  })
  write('package.json', {
    name: 'program',
    private: true,
    dependencies: { kafkajs: `file:./${filename}`, 'peer-of-kafkajs': 'file:./peer' },
  })
  npm('install', '--offline', '--no-audit', '--no-fund')

  // It fails when a version or a peer does not suit.
  const { dependencies } = JSON.parse(npm('ls', '--json', '--all'))
  assert.deepEqual(Object.keys(dependencies).sort(), ['kafkajs', 'peer-of-kafkajs'])
  const installed = path.join(folder, 'node_modules/kafkajs')
  assert.equal(require(path.join(installed, 'package.json')).name, client)
  const program = `const { Kafka } = require('kafkajs')
    const producer = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: 0, retry: { retries: 0 } }).producer()
    producer.connect().catch(error => console.log(error.name))`
  const printed = execFileSync(process.execPath, ['-e', program], { cwd: folder, encoding: 'utf8' })
  assert.match(printed, /^KafkaJS(ConnectionError|NumberOfRetriesExceeded)\n$/)
})
