'use strict'

/**
 * `npm run docs:errors`: writes the table of broker error codes in docs/errors.md from the table the library goes by.
 * A test fails when the page is not up to date.
 */

const fs = require('node:fs')
const path = require('node:path')
const { errorCode } = require('../src/protocol/errorCodes')

const PAGE = path.join(__dirname, '../docs/errors.md')
const MARKS = /(<!-- codes: start[^\n]* -->\n)[\s\S]*(<!-- codes: end -->)/

/** Codes are int16, and Kafka counts them up one by one. */
const HIGHEST = 1000

/** @returns {string} the table, as Markdown */
function codesTable() {
  const codes = Array.from({ length: HIGHEST + 2 }, (_, index) => errorCode(index - 1))
  const known = codes.filter((entry, index) => entry.code === index - 1)
  const rows = known.map(({ code, type, retriable, message }) => {
    const text = message.replaceAll('|', '\\|')
    return `| ${code} | \`${type}\` | ${retriable ? 'yes' : 'no'} | ${text} |`
  })
  return ['| code | type | retriable | message |', '|---|---|---|---|', ...rows, ''].join('\n')
}

/**
 * @param {string} page content of docs/errors.md
 * @returns {string} the same with the table that is due
 */
function withCodes(page) {
  if (!MARKS.test(page)) throw new Error('docs/errors.md has no marks for the table of codes')
  return page.replace(MARKS, (_, start, end) => `${start}\n${codesTable()}\n${end}`)
}

if (require.main === module) {
  fs.writeFileSync(PAGE, withCodes(fs.readFileSync(PAGE, 'utf8')))
}

module.exports = { PAGE, withCodes }
