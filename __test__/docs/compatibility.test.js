'use strict'

/** docs/compatibility.md: the table of every name is up to date, and no cell of it is empty. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const { PAGE, withNames } = require('../../scripts/compatibility')

const page = fs.readFileSync(PAGE, 'utf8')

test('the table of names is up to date (npm run docs:compatibility writes it)', () => {
  assert.equal(page, withNames(page))
})

test('each row has a state and a test that is there', () => {
  const table = page.slice(page.indexOf('<!-- names: start'), page.indexOf('<!-- names: end'))
  const rows = table.split('\n').filter(line => line.startsWith('| `'))
  assert.ok(rows.length > 300, `${rows.length} rows`)
  for (const row of rows) {
    const [, name, state, file] = row.split(' | ').length === 3 ? [row, ...row.split(' | ')] : []
    assert.match(name, /^\| `.+`$/, row)
    assert.match(state, /^(same|differs: .+|added: .+)$/, row)
    const [, named] = /^`(.+)` \|$/.exec(file) ?? assert.fail(row)
    assert.ok(fs.existsSync(path.join(__dirname, '../..', named)), row)
  }
})
