'use strict'

/** The lesson's code stays as the lesson prints it: nobody edits it to make the library look right. */

const assert = require('node:assert/strict')
const { createHash } = require('node:crypto')
const fs = require('node:fs')
const path = require('node:path')
const test = require('node:test')

const LESSON = path.join(__dirname, '../../examples/lesson')

/** SHA-256 of each snippet's text in the lesson, every run of white space folded into one blank. */
const SNIPPETS = {
  '1-producer-configuration.js': '5da9e9f0f03733e9ce54d5e15df69bb9d312c306fdc81d71b3262a7d1304e07e',
  '2-batch-sending.js': '8f4483fe1c385d82a46398c6c0b2105c6c8eae46084fb9381f324693b09f7187',
  '3-consumer-api.js': 'de8c3546c1d53bb12e9800a04a946a4696c982d3d26f2c8ca0fe74d47d3ace1c',
  '4-manual-commit-offset.js': 'be926d6b5c9f9cb18a90dfa63ca4253a91589d5bb67d8b636f8971e79bf2fbae',
  '4-commit-by-batch.js': 'd112e50329f80635ab91f9ea21a630366f97add9ab71a7cd53a79d294a852c68',
  '5-graceful-shutdown.js': '1d89776f8de8938c3c217f7233bea1e77695e5ac918ee06bbe397c13ab368303',
}

/** The lesson prints the two ways to commit as one piece of code. */
const SECTION_4 = 'e0395db14548b3074094080247b379491de2db17a2b0b9144764894c980e3a1c'

function readSnippet(file) {
  const text = fs.readFileSync(path.join(LESSON, file), 'utf8')
  const marks = text.match(/\/\/ lesson: (start|end)\n/g)
  assert.deepEqual(marks, ['// lesson: start\n', '// lesson: end\n'], `marks in ${file}`)
  const [, snippet] = text.split(/\/\/ lesson: (?:start|end)\n/)
  return fold(snippet)
}

function fold(text) {
  return text.replace(/\s+/g, ' ').trim()
}

function sha256(text) {
  return createHash('sha256').update(text).digest('hex')
}

for (const [file, expected] of Object.entries(SNIPPETS)) {
  test(`${file} holds the lesson's text`, () => {
    assert.equal(sha256(readSnippet(file)), expected)
  })
}

test("section 4's two snippets are the lesson's whole section", () => {
  const both = ['4-manual-commit-offset.js', '4-commit-by-batch.js'].map(readSnippet).join(' ')
  assert.equal(sha256(both), SECTION_4)
})

test('every snippet of the folder is checked', () => {
  const marked = fs
    .readdirSync(LESSON)
    .filter(file => file.endsWith('.js'))
    .filter(file => fs.readFileSync(path.join(LESSON, file), 'utf8').includes('// lesson: start'))
  assert.deepEqual(marked.sort(), Object.keys(SNIPPETS).sort())
})
