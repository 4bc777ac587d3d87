'use strict'

/**
 * `npm run docs:compatibility`: writes the table of docs/compatibility.md: each option, method, event, error and export
 * of kafkajs and of ours, what we make of it, and a test that uses it. A test fails when the page is not up to date.
 */

const fs = require('node:fs')
const path = require('node:path')
const differences = require('./differences')
const { allEntries } = require('./names')

const TESTS = path.join(__dirname, '../../__test__')
const PAGE = path.join(__dirname, '../../docs/compatibility.md')
const MARKS = /(<!-- names: start[^\n]* -->\n)[\s\S]*(<!-- names: end -->)/

const TITLES = {
  option: 'Options',
  method: 'Methods and what handlers get',
  event: 'Events',
  error: 'Errors',
  export: 'Other exports',
}

/** Tests of pages and of other packages say little about the library itself. */
const ELSEWHERE = /^(docs|ecosystem|examples|scripts|runtimes|broker|harness)\//

/** Names everything, but only to see that nonsense does no harm. */
const ODD = 'contract/odd-arguments.test.js'

const isWanted = file => file.endsWith('.test.js') && !ELSEWHERE.test(file) && file !== ODD

/** @returns {Map<string, string>} every test file, by its path within `__test__` */
function readTests() {
  const files = fs.readdirSync(TESTS, { recursive: true }).map(file => file.replaceAll('\\', '/'))
  return new Map(
    files
      .filter(isWanted)
      .sort()
      .map(file => [file, fs.readFileSync(path.join(TESTS, file), 'utf8')])
  )
}

/** @returns {string} `HEARTBEAT` for `consumer.heartbeat` */
const constantOf = event => event.replace(/^\w+\.(network\.)?/, '').toUpperCase()

/** How a test that uses the thing names it. */
function pattern({ kind, owner, name }) {
  if (kind === 'option') return new RegExp(`\\b${name}\\b['"]?\\s*[:,}\\]]|['"\`]${name}['"\`]`)
  if (kind === 'event') {
    return new RegExp(`\\b${constantOf(name)}\\b|['"]${name.replaceAll('.', '\\.')}['"]`)
  }
  if (kind === 'method') {
    // A call without its object is one of a payload or a namespace; the others are called on something.
    return /^(eachMessage|eachBatch|message|batch|an assigner)$/.test(owner)
      ? new RegExp(`\\b${name}\\b`)
      : new RegExp(`\\.${name}\\b|['"\`]${name}['"\`]`)
  }
  return new RegExp(`\\b${name}\\b`)
}

const folderOf = file => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '.')

/** How much a file tells about an entry; 0 if it does not name it. */
function relevance({ owner, name, folders }, file, source, uses) {
  if (!uses.test(source)) return 0
  const titles = source.match(/(?:contract|test|describe)\(\s*['"`][^\n]*/g) ?? []
  const method = owner.slice(owner.indexOf('.') + 1)
  const isTitled = titles.some(title => title.includes(name) || title.includes(`${method}:`))
  const place = folders.indexOf(folderOf(file))
  const among = place < 0 ? 0 : (folders.length - place) * 20
  const count = source.split(name).length - 1
  const isCalled = source.includes(`${owner}.${name}`) ? 60 : 0
  const isOfMethod = owner.includes('.') && source.includes(`${method}(`) ? 30 : 0
  const isContract = source.includes('contract(') ? 10 : 0
  return among + (isTitled ? 50 : 0) + Math.min(count, 20) + isCalled + isOfMethod + isContract + 1
}

/** @returns {string | null} the file that tells most; the one the page names already, if that still names the thing */
function testOf(entry, tests, known) {
  const uses = pattern(entry)
  if (known && uses.test(tests.get(known) ?? '')) return known
  let best = { file: null, score: 0 }
  for (const [file, source] of tests) {
    const score = relevance(entry, file, source, uses)
    if (score > best.score) best = { file, score }
  }
  return best.file
}

const label = ({ kind, owner, name }) => {
  if (kind === 'option') return `\`${owner}\` \`${name}\``
  if (kind === 'method') return `\`${owner}.${name}\``
  if (kind === 'event') return `\`${owner}.events.${constantOf(name)}\``
  return `\`${name}\``
}

const stateOf = ({ theirs, ours, ...entry }, unused) => {
  const key = keyOf(entry)
  unused.delete(key)
  if (!ours) throw new Error(`${key} is missing`)
  if (!theirs) return `added: ${differences[key] ?? ''}`
  return differences[key] ? `differs: ${differences[key]}` : 'same'
}

const keyOf = ({ kind, owner, name }) =>
  kind === 'option' || kind === 'method' ? `${owner} ${name}` : name

/** What the page says now: the test by the label of its row. */
const knownTests = page =>
  new Map(
    [...page.matchAll(/^\| (`[^|]*`) \| [^|]* \| `__test__\/([^`]*)` \|$/gm)].map(row =>
      row.slice(1)
    )
  )

/**
 * @param {string} page content of docs/compatibility.md
 * @returns {string} the same with the table that is due
 * @throws {Error} that names what has no test, no reason, or is not there
 */
function withNames(page) {
  if (!MARKS.test(page))
    throw new Error('docs/compatibility.md has no marks for the table of names')
  const tests = readTests()
  const known = knownTests(page)
  const unused = new Set(Object.keys(differences))
  const wrong = []
  const rows = { option: [], method: [], event: [], error: [], export: [] }
  for (const entry of allEntries()) {
    const name = label(entry)
    const state = stateOf(entry, unused)
    const test = testOf(entry, tests, known.get(name))
    if (!test) wrong.push(`no test names ${name}`)
    if (state.endsWith(': '))
      wrong.push(`${name} is added, but differences.js does not say what for`)
    rows[entry.kind].push(`| ${name} | ${state} | \`__test__/${test}\` |`)
  }
  for (const key of unused) wrong.push(`differences.js: there is no ${key}`)
  if (wrong.length > 0) throw new Error(wrong.join('\n'))
  const tables = Object.entries(rows).map(
    ([kind, lines]) =>
      `### ${TITLES[kind]}\n\n| name | state | test |\n|---|---|---|\n${lines.join('\n')}\n`
  )
  return page.replace(MARKS, (_, start, end) => `${start}\n${tables.join('\n')}\n${end}`)
}

if (require.main === module) {
  fs.writeFileSync(PAGE, withNames(fs.readFileSync(PAGE, 'utf8')))
}

module.exports = { PAGE, withNames }
