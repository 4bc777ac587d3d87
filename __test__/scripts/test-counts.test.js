'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const test = require('node:test')
const { spawnSync } = require('node:child_process')

const REPORTER = path.join(__dirname, '..', '..', 'scripts', 'test-counts.js')

/** @returns {{ passed: number, failed: number }} what the reporter counts in a file of fixtures/ */
function counts(name) {
  const { NODE_TEST_CONTEXT, ...env } = process.env
  const file = path.join(__dirname, 'fixtures', name)
  const args = ['--test', '--test-timeout=1500', `--test-reporter=${REPORTER}`, file]
  const { stdout } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  return JSON.parse(stdout)
}

test('counts tests, not suites, and not what is skipped', () => {
  assert.deepEqual(counts('mixed.js'), { passed: 3, failed: 1 })
})

test('a file that fails to load is a failure', () => {
  assert.deepEqual(counts('broken.js'), { passed: 0, failed: 1 })
})

test('a file whose process does not end is a failure', () => {
  const { failed } = counts('hanging.js')
  assert.equal(failed, 1)
})
