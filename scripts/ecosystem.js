'use strict'

/**
 * `npm run test:ecosystem`: what others have built on kafkajs, run with kafkajs (the control) and with ours in its place,
 * and our package on other runtimes. The last line has the counts, `N passed, N failed`.
 *
 *     npm run test:ecosystem
 *     npm run test:ecosystem -- nest        only the files with this in their path
 *     npm run test:ecosystem -- --ours      without the control
 *
 * The packages come from npm, as the lock files of the two folders name them; the first time takes minutes.
 */

const fs = require('node:fs')
const path = require('node:path')
const { brokersOfEnvironment, useOrStartSingle } = require('../broker')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { ensureBuilt } = require('./build')
const { ECOSYSTEM, placeClient, prepareClients } = require('./drop-in')
const { runFiles } = require('./node-tests')
const { note, step } = require('./progress')

const RUNTIMES = path.join(__dirname, '..', '__test__', 'runtimes')
const FILE_DEADLINE_MS = 180_000
const NATIVE_BUILD_DEADLINE_MS = 180_000

/** Says that lz4 could not be built, so that it is tried once. */
const LZ4_FAILED = path.join(ECOSYSTEM, 'node_modules', 'lz4', '.not-built')

const quietly = { cwd: ECOSYSTEM, onOutput: () => {} }

const loadsLz4 = () => run(process.execPath, ['-e', "require('lz4')"], quietly)

/** kafkajs-lz4 needs a native module, for which there has to be a compiler and Python; npm has one of another platform. */
async function buildLz4() {
  if (fs.existsSync(LZ4_FAILED) || (await loadsLz4())) return
  await step('Building lz4 for kafkajs-lz4 (npm rebuild)', async () => {
    const deadline = NATIVE_BUILD_DEADLINE_MS
    await run('npm', ['rebuild', 'lz4', '--ignore-scripts=false'], { ...quietly, deadline })
    if (await loadsLz4()) return
    note('lz4 cannot be built here: the test of kafkajs-lz4 is left out')
    fs.writeFileSync(LZ4_FAILED, '')
  })
}

/** @returns {string[]} test files of a folder; with `wanted`, those that have one of these texts in their path */
function testFiles(folder, wanted) {
  return fs
    .readdirSync(folder, { withFileTypes: true })
    .filter(entry => entry.isFile() && entry.name.endsWith('.test.js'))
    .map(entry => path.join(folder, entry.name))
    .filter(file => wanted.length === 0 || wanted.some(text => file.includes(text)))
    .sort()
}

/** @returns {Promise<import('./node-tests').Counts[]>} */
async function ecosystemTests({ clients, files, brokers }) {
  const counts = []
  try {
    for (const client of clients) {
      placeClient(client)
      const title = `Ecosystem with ${client} (${files.length} files)`
      counts.push(await step(title, () => runFiles(files, brokers, { deadline: FILE_DEADLINE_MS })))
    }
  } finally {
    placeClient('kafkajs')
  }
  return counts
}

async function main() {
  handleInterruption()
  const wanted = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
  const clients = process.argv.includes('--ours') ? ['kafkajs-rs'] : ['kafkajs', 'kafkajs-rs']
  const ecosystem = testFiles(ECOSYSTEM, wanted)
  const runtimes = testFiles(RUNTIMES, wanted)

  checkRequirements({ kafka: brokersOfEnvironment() === undefined })
  await ensureInstalled()
  await ensureBuilt()
  await ensureInstalled(ECOSYSTEM)
  await ensureInstalled(RUNTIMES)
  await buildLz4()
  await step('Packing kafkajs-rs', prepareClients)

  const kafka = await step('Starting a Kafka for the tests', () => useOrStartSingle({ log: note }))
  const { brokers } = kafka
  const counts = []
  try {
    if (ecosystem.length > 0) {
      counts.push(...(await ecosystemTests({ clients, files: ecosystem, brokers })))
    }
    if (runtimes.length > 0) {
      const title = `Runtimes (${runtimes.length} files)`
      const options = { deadline: FILE_DEADLINE_MS }
      counts.push(await step(title, () => runFiles(runtimes, brokers, options)))
    }
  } finally {
    await kafka.stop()
  }

  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  const failed = counts.reduce((sum, count) => sum + count.failed, 0)
  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0 || passed === 0) process.exitCode = 1
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
