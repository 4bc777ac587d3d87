'use strict'

/**
 * Runs the files of node:test, each in a process of its own with a deadline: a test that hangs, or a client that keeps
 * its process alive, fails and does not stop the rest. (The timeout of `node --test` ends such a file in some versions of
 * Node and waits for ever in others.)
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { run } = require('./child')

const ROOT = path.join(__dirname, '..')
const COUNTS_REPORTER = path.join(__dirname, 'test-counts.js')
const FILE_DEADLINE_MS = 300_000

/** Lines of the spec reporter that add up one file; the last line of the run adds up all. */
const TOTALS = /^ℹ (tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) .*\n/gm

/** @typedef {{ passed: number, failed: number }} Counts */

/**
 * One after the other, since many tests look at the time things take.
 *
 * @param {string[]} files
 * @param {string[]} brokers  of the Kafka they share
 * @param {{ deadline?: number }} [options]  milliseconds per file, default 300000
 * @returns {Promise<Counts>}
 */
async function runFiles(files, brokers, options = {}) {
  const env = { ...process.env, KAFKA_BROKERS: brokers.join(',') }
  // It swaps the library under test: what a shell still has set must not decide what is tested.
  delete env.KAFKA_CLIENT
  const sum = { passed: 0, failed: 0 }
  for (const file of files) {
    const { passed, failed, output } = await runFile(file, { env, ...options })
    console.log(output)
    sum.passed += passed
    sum.failed += failed
  }
  return sum
}

/**
 * @param {string} file
 * @param {{ env?: NodeJS.ProcessEnv, deadline?: number }} [options]  deadline in milliseconds, default 300000
 * @returns {Promise<Counts & { output: string }>}  output: what happened, for the screen
 */
async function runFile(file, { env = process.env, deadline = FILE_DEADLINE_MS } = {}) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-test-'))
  const countsFile = path.join(directory, 'counts.json')
  const chunks = []
  const start = performance.now()
  const reporters = [
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${COUNTS_REPORTER}`,
    `--test-reporter-destination=${countsFile}`,
  ]
  try {
    const done = await run(process.execPath, [...reporters, file], {
      cwd: ROOT,
      env,
      deadline,
      onOutput: chunk => chunks.push(chunk),
    })
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const late =
      !done && seconds * 1000 >= deadline ? [`✖ killed: it had not ended after ${seconds} s\n`] : []
    const text = Buffer.concat(chunks).toString().replace(TOTALS, '')
    const { passed, failed } = readCounts(countsFile)
    return {
      passed,
      // A file that does not load or end has no count of its own.
      failed: done ? failed : Math.max(failed, 1),
      output: [`${path.relative(ROOT, file)} (${seconds} s)\n`, text, ...late].join(''),
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true })
  }
}

/** @returns {Counts} */
function readCounts(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'))
  } catch {
    return { passed: 0, failed: 0 }
  }
}

module.exports = { runFile, runFiles }
