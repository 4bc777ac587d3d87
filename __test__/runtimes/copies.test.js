'use strict'

/** More than one instance of the package: worker threads, copies side by side, and one in a vm context. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const { bun, deno, nodes, run } = require('./runtimes')

const ROOT = path.join(__dirname, '../..')

/** Runs a program that has to end by itself, without a word on the error stream. */
async function succeeds(runtime, file, line, options) {
  const { code, signal, stdout, stderr } = await run(runtime, file, options)
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' })
  assert.ok(stdout.split('\n').includes(line), stdout)
}

/** @returns {string[]} two folders with the package as npm would unpack it */
function copyTwice(t) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-copies-'))
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }))
  return ['one', 'two'].map(name => {
    const copy = path.join(folder, name)
    const isPart = file => /^(index\.js|binding\.js|package\.json|src|.*\.node)$/.test(file)
    for (const file of fs.readdirSync(ROOT).filter(isPart)) {
      fs.cpSync(path.join(ROOT, file), path.join(copy, file), {
        recursive: true,
        filter: source => !source.endsWith('.rs'),
      })
    }
    return copy
  })
}

const [current, ...others] = nodes
const [oldest, newest] = [others.at(0), others.at(-1)]

for (const runtime of [oldest, newest, bun, deno]) {
  const { name, skip } = runtime
  test(`${name}: worker threads are used, ended and terminated`, { skip, timeout: 90_000 }, () =>
    succeeds(runtime, 'programs/workers.js', 'WORKERS ok')
  )
}

for (const runtime of [current, newest, bun, deno]) {
  const { name, skip } = runtime
  test(`${name}: two copies in one process`, { skip, timeout: 90_000 }, t =>
    succeeds(runtime, 'programs/copies.js', 'COPIES ok', { args: copyTwice(t) })
  )
}

for (const runtime of [current, oldest, newest]) {
  const { name, skip } = runtime
  test(`${name}: loaded in a vm context`, { skip, timeout: 90_000 }, () =>
    succeeds(runtime, 'programs/context.js', 'CONTEXT ok')
  )
}
