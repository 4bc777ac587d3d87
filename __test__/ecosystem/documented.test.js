'use strict'

/** What docs/compatibility.md says was run is what is installed, from whatever registry npm is told to use. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const ROOT = path.join(__dirname, '../..')

/** By the scope of their packages. */
const RUNTIMES = { '@deno': 'Deno', '@oven': 'Bun' }

/** Name and version of each row of a table whose first cell is a package or a runtime. */
function rowsOf(text) {
  const rows = text.matchAll(/^\| `?([^|`]+?)`? \| ([\d., ]+) \|/gm)
  return [...rows].flatMap(([, name, versions]) =>
    versions.split(',').map(version => [name, version.trim()])
  )
}

test('every package and version of the tables is installed here', () => {
  const text = fs.readFileSync(path.join(ROOT, 'docs/compatibility.md'), 'utf8')
  const [, section] = text.split(/^## Ecosystem$/m)
  const rows = rowsOf(section.split(/^## /m)[0])
  const packages = require('./package.json').devDependencies
  const { optionalDependencies } = require('../runtimes/package.json')
  const runtimes = Object.entries(optionalDependencies).map(([name, wanted]) => [
    RUNTIMES[name.split('/')[0]] ?? 'Node.js',
    wanted.replace(/^npm:.*@/, ''),
  ])
  const installed = new Set([...Object.entries(packages), ...runtimes].map(each => each.join(' ')))
  assert.ok(rows.length > 15, `${rows.length} rows`)
  assert.deepEqual(
    rows.map(each => each.join(' ')).filter(each => !installed.has(each)),
    []
  )
})

test('the lock files name no registry', () => {
  for (const folder of ['ecosystem', 'runtimes']) {
    const lock = fs.readFileSync(path.join(ROOT, '__test__', folder, 'package-lock.json'), 'utf8')
    assert.doesNotMatch(lock, /"resolved"/, folder)
  }
})
