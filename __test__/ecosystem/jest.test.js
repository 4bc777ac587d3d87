'use strict'

/** Jest: contexts and module registries of its own, and no handle that stays open. */

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { brokers, createTopic, uniqueGroup, uniqueTopic } = require('../harness')

const JEST = path.join(__dirname, 'node_modules/jest/bin/jest.js')
const CONFIG = path.join(__dirname, 'jest/jest.config.js')
const DEADLINE_MS = 60_000

/** @returns {Promise<{ code: number | string | null, output: string }>} after Jest has ended by itself */
async function runJest(...args) {
  const { NODE_TEST_CONTEXT, ...inherited } = process.env
  // Files run at once, each on a topic of its own.
  const [topic, registryTopic] = await Promise.all([0, 1].map(() => createTopic(uniqueTopic())))
  const settings = { brokers: await brokers(), group: uniqueGroup(), registryTopic, topic }
  const env = {
    ...inherited,
    KAFKAJS_NO_PARTITIONER_WARNING: '1',
    SETTINGS: JSON.stringify(settings),
  }
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [JEST, '--config', CONFIG, '--colors=false', '--no-cache', ...args],
      { cwd: __dirname, env, timeout: DEADLINE_MS, killSignal: 'SIGKILL' },
      (error, stdout, stderr) => {
        const code = error ? (error.code ?? error.signal) : 0
        resolve({ code, output: stdout + stderr })
      }
    )
  })
}

test('in one process, looking for open handles', { timeout: 90_000 }, async () => {
  const { code, output } = await runJest('--runInBand', '--detectOpenHandles')
  assert.equal(code, 0, output)
  assert.match(output, /Tests: +9 passed, 9 total/)
  assert.doesNotMatch(output, /open handle|did not exit/)
})

test('in workers, one per file: they end by themselves', { timeout: 90_000 }, async () => {
  const { code, output } = await runJest('--maxWorkers=2')
  assert.equal(code, 0, output)
  assert.match(output, /Tests: +9 passed, 9 total/)
  assert.doesNotMatch(output, /worker process has failed to exit|did not exit/)
})

test('in worker threads', { timeout: 90_000 }, async () => {
  const { code, output } = await runJest('--maxWorkers=2', '--workerThreads')
  assert.equal(code, 0, output)
  assert.match(output, /Tests: +9 passed, 9 total/)
})
