'use strict'

/** Reads a page of the documentation for the tests that compare it with the code. */

const fs = require('node:fs')
const path = require('node:path')

const ROOT = path.join(__dirname, '../..')

/** @returns {string} the id that GitHub gives to a heading of this text */
const slug = text =>
  text
    .replace(/[`*]/g, '')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replace(/\s/g, '-')

/** Calls `visit` with each token, those inside of others included. */
const walk = (tokens, visit) => {
  for (const token of tokens) {
    visit(token)
    walk(token.tokens ?? [], visit)
    walk(token.items ?? [], visit)
    for (const row of token.rows ?? []) for (const cell of row) walk(cell.tokens, visit)
  }
}

/**
 * @typedef {object} Section
 * @property {string} heading its text
 * @property {string} slug
 * @property {string[][][]} tables rows of cells, as text, without the header
 */

/**
 * @param {string} name relative to the root, e.g. `docs/errors.md`
 * @returns {Promise<{ sections: Section[], code: Array<{ language: string, text: string, above: string | null }>,
 *   links: string[], codeSpans: Set<string>, text: string }>} `above` of a code block is the comment right above it
 */
async function readPage(name) {
  const { marked } = await import('marked')
  const text = fs.readFileSync(path.join(ROOT, name), 'utf8')
  const page = { sections: [], code: [], links: [], codeSpans: new Set(), text }
  let above = null
  walk(marked.lexer(text), token => {
    if (token.type === 'heading') {
      page.sections.push({ heading: token.text, slug: slug(token.text), tables: [] })
    } else if (token.type === 'table') {
      page.sections.at(-1).tables.push(token.rows.map(row => row.map(cell => cell.text)))
    } else if (token.type === 'code') {
      page.code.push({ language: token.lang ?? '', text: token.text, above })
    } else if (token.type === 'link') {
      page.links.push(token.href)
    } else if (token.type === 'codespan') {
      page.codeSpans.add(token.text)
    }
    if (token.type === 'html') above = token.text.trim()
    else if (token.type !== 'space') above = null
  })
  return page
}

/** @returns {Section} the section with this heading */
function sectionOf(page, heading) {
  const section = page.sections.find(candidate => candidate.heading === heading)
  if (!section) throw new Error(`There is no section "${heading}"`)
  return section
}

/** @returns {string[]} names of all pages, relative to the root */
function pageNames() {
  const top = ['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'CHANGELOG.md']
  const docs = fs.readdirSync(path.join(ROOT, 'docs')).filter(name => name.endsWith('.md'))
  const others = ['benchmark/README.md', 'examples/lesson/README.md']
  return [...top, ...docs.sort().map(name => `docs/${name}`), ...others]
}

module.exports = { ROOT, pageNames, readPage, sectionOf, slug }
