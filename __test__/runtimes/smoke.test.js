'use strict'

/** One program on every runtime. It has to end by itself, without a word on the error stream. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { bun, deno, nodes, run } = require('./runtimes')

for (const runtime of [...nodes, bun, deno]) {
  const { name, skip } = runtime
  test(`${name} produces, consumes, commits and ends`, { skip, timeout: 90_000 }, async () => {
    const { code, signal, stdout, stderr } = await run(runtime, 'programs/smoke.js')
    assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
    assert.match(stdout, /^SMOKE ok$/m)
  })
}
