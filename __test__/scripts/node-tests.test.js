'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const test = require('node:test')
const { runFile } = require('../../scripts/node-tests')

/** Runs a file of fixtures/ as `npm test` does. */
function runFixture(name, deadline) {
  const { NODE_TEST_CONTEXT, ...env } = process.env
  return runFile(path.join(__dirname, 'fixtures', name), { env, deadline })
}

test('counts tests, not suites, and not what is skipped', async () => {
  const { passed, failed, output } = await runFixture('mixed.js')
  assert.deepEqual({ passed, failed }, { passed: 3, failed: 1 })
  assert.match(output, /on purpose/)
  assert.match(output, /to see that it does not count/)
})

test('a file that fails to load is a failure', async () => {
  const { passed, failed, output } = await runFixture('broken.js')
  assert.deepEqual({ passed, failed }, { passed: 0, failed: 1 })
  assert.match(output, /on purpose/)
})

test('a file whose process does not end is killed, and a failure', async () => {
  const { failed, output } = await runFixture('hanging.js', 1500)
  assert.equal(failed, 1)
  assert.match(output, /✔ passes/)
  assert.match(output, /killed: it had not ended after \d+\.\d s/)
})
