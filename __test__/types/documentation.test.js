'use strict'

/** Every member of every declared type says what it is, and the examples compile. (That every name does is tested in assignability.test.js.) */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')
const ts = require('typescript')

const { ROOT, compile } = require('./compiler')

const isMember = node =>
  ts.isPropertySignature(node) ||
  ts.isMethodSignature(node) ||
  ts.isPropertyDeclaration(node) ||
  ts.isMethodDeclaration(node) ||
  ts.isEnumMember(node)

/**
 * @param {string} text of a declaration file
 * @returns {{ members: number, bare: string[] }} `bare` are the members without a comment, as `line: text`. Overloads
 *   share the comment of one of them; what is in a type literal of one line is told of by the comment above it.
 */
function readComments(text) {
  const file = ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.ES2022, true)
  const lineOf = position => file.getLineAndCharacterOfPosition(position).line + 1
  const hasComment = node => ts.getJSDocCommentsAndTags(node).length > 0
  const isOnOneLine = node => lineOf(node.getStart()) === lineOf(node.end)
  const bare = []
  let members = 0
  const visit = node => {
    if (isMember(node) && !(ts.isTypeLiteralNode(node.parent) && isOnOneLine(node.parent))) {
      members++
      const name = node.name.getText()
      const overloads = node.parent.members.filter(member => member.name?.getText() === name)
      if (!overloads.some(hasComment)) {
        bare.push(`${lineOf(node.getStart())}: ${node.getText().split('\n')[0]}`)
      }
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  return { members, bare }
}

test('every member has a comment', () => {
  const { members, bare } = readComments(fs.readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8'))
  assert.ok(members > 500, `${members} members`)
  assert.deepEqual(bare, [])
})

test('a member without a comment is found', () => {
  const { members, bare } = readComments(`
    /** A type. */
    export interface A {
      /** told */
      told: string
      bare: { inline: string }
      /** an overload */
      on(event: 'a'): void
      on(event: 'b'): void
    }
  `)
  assert.equal(members, 4)
  assert.deepEqual(bare, ['6: bare: { inline: string }'])
})

test('the examples compile', () => {
  const text = fs.readFileSync(path.join(ROOT, 'index.d.ts'), 'utf8')
  const file = ts.createSourceFile('index.d.ts', text, ts.ScriptTarget.ES2022, true)
  const examples = []
  const visit = node => {
    for (const tag of ts.getJSDocTags(node)) {
      if (tag.tagName.text !== 'example' || tag.parent.parent !== node) continue
      const [, code] = /```ts\n([\s\S]*?)```/.exec(ts.getTextOfJSDocComment(tag.comment))
      examples.push(code)
    }
    ts.forEachChild(node, visit)
  }
  visit(file)
  assert.ok(examples.length >= 4, `${examples.length} examples`)
  const head =
    "import { Consumer, Kafka, Producer } from 'kafkajs-rs'\ndeclare const producer: Producer, consumer: Consumer\n"
  const program = (example, more) =>
    `${head}export async function example() {\n${example}\n${more}}\nvoid Kafka`
  const files = more =>
    Object.fromEntries(examples.map((code, index) => [`${index}.ts`, program(code, more)]))
  assert.deepEqual(compile(files('')).errors, [])
  // One error each, or nothing was checked.
  assert.equal(compile(files('new Kafka(1)')).errors.length, examples.length)
})
