'use strict'

/**
 * `npm test`: everything from a fresh clone to the counts in the last line, `N passed, N failed`.
 *
 * Installs and builds what is missing, then lints, Rust tests, and Node tests (type tests among them) on a local Kafka
 * that is started once, or on the cluster of KAFKA_BROKERS.
 *
 *     npm test                                    all but the fault tests
 *     npm run test:faults                         the fault tests: brokers die, networks break
 *     npm test -- __test__/contract/send.test.js  these files only, without lints and Rust tests
 */

const fs = require('node:fs')
const path = require('node:path')
const { brokersOfEnvironment, useOrStartSingle } = require('../broker')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { ensureBuilt } = require('./build')
const { lint } = require('./lint')
const { runFiles } = require('./node-tests')
const { note, step } = require('./progress')

const ROOT = path.join(__dirname, '..')
const TESTS = path.join(ROOT, '__test__')
const FAULTS = path.join(TESTS, 'faults')

/** Have packages of their own and a script of their own: `npm run test:ecosystem`. */
const ELSEWHERE = ['ecosystem', 'runtimes'].map(name => path.join(TESTS, name) + path.sep)

/** @returns {string[]} every test file; the fault tests, or all others */
function testFiles({ faults }) {
  return fs
    .readdirSync(TESTS, { recursive: true })
    .map(name => path.join(TESTS, name))
    .filter(file => !ELSEWHERE.some(folder => file.startsWith(folder)))
    .filter(file => file.endsWith('.test.js') && file.startsWith(FAULTS + path.sep) === faults)
    .sort()
}

/** @returns {Promise<import('./node-tests').Counts>} */
async function rustTests() {
  let output = ''
  const onOutput = chunk => {
    process.stdout.write(chunk)
    output += chunk
  }
  const done = await run('cargo', ['test', '--no-fail-fast'], { cwd: ROOT, onOutput })
  const counts = { passed: 0, failed: 0 }
  for (const [, passed, failed] of output.matchAll(
    /^test result: .*? (\d+) passed; (\d+) failed/gm
  )) {
    counts.passed += Number(passed)
    counts.failed += Number(failed)
  }
  // Tests that do not compile, or end the process, are in no count.
  if (!done && counts.failed === 0) counts.failed = 1
  return counts
}

async function main() {
  handleInterruption()
  const faults = process.argv.includes('--faults')
  const chosen = process.argv.slice(2).filter(argument => !argument.startsWith('--'))
  const everything = !faults && chosen.length === 0
  const files = chosen.length > 0 ? chosen.map(file => path.resolve(file)) : testFiles({ faults })

  checkRequirements({ kafka: brokersOfEnvironment() === undefined })
  await ensureInstalled()
  await ensureBuilt()

  const failedChecks = everything ? await lint() : []
  const counts = []
  if (everything) counts.push(await step('Rust tests', rustTests))
  const kafka = await step('Starting a Kafka for the tests', () => useOrStartSingle({ log: note }))
  try {
    counts.push(
      await step(`Node tests (${files.length} files)`, () => runFiles(files, kafka.brokers))
    )
  } finally {
    await kafka.stop()
  }

  if (failedChecks.length > 0) console.log(`Failed: ${failedChecks.join(', ')}`)
  const passed = counts.reduce((sum, count) => sum + count.passed, 0)
  const failed = counts.reduce((sum, count) => sum + count.failed, failedChecks.length)
  console.log(`${passed} passed, ${failed} failed`)
  if (failed > 0) process.exitCode = 1
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
