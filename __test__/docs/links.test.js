'use strict'

/** What the pages point at is there: files, headings, tests and npm scripts that they name. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const { ROOT, pageNames, readPage } = require('./page')
const { scripts } = require('../../package.json')

/** @returns {Promise<string | null>} what is wrong with a link of a page */
async function broken(page, link) {
  if (/^(https?|mailto):/.test(link)) return null
  const [file, anchor] = link.split('#')
  const target = file ? path.posix.join(path.posix.dirname(page), file) : page
  if (!fs.existsSync(path.join(ROOT, target))) return `${link}: no such file`
  if (!anchor || !target.endsWith('.md')) return null
  const { sections } = await readPage(target)
  return sections.some(({ slug }) => slug === anchor) ? null : `${link}: no such heading`
}

for (const name of pageNames()) {
  test(`${name}: links and names`, async () => {
    const { links, codeSpans, code } = await readPage(name)
    const wrong = (await Promise.all(links.map(link => broken(name, link)))).filter(Boolean)

    for (const span of codeSpans) {
      const isTestFile = /^__test__\/[\w./-]+$/.test(span)
      if (isTestFile && !fs.existsSync(path.join(ROOT, span))) wrong.push(`${span}: no such file`)
    }
    const commands = [...codeSpans, ...code.map(({ text }) => text)].join('\n')
    for (const [command, script] of commands.matchAll(/npm run ([a-z][\w:-]*)/g)) {
      if (!scripts[script]) wrong.push(`${command}: no such script`)
    }
    assert.deepEqual(wrong, [])
  })
}
