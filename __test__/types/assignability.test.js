'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const ts = require('typescript')

const kafkajs = require('kafkajs')
const { ROOT, compile, exportsOf } = require('./compiler')

const OURS = path.join(ROOT, 'index.d.ts')
const THEIRS = require.resolve('kafkajs/types/index.d.ts')

const { program } = compile({
  'both.ts':
    "import * as theirs from 'kafkajs'\nimport * as ours from 'kafkajs-rs'\nexport { theirs, ours }\n",
})
const names = file => exportsOf(program, file).map(symbol => symbol.name)
const symbols = new Map(exportsOf(program, THEIRS).map(symbol => [symbol.name, symbol]))

/** Arguments for the generic types. */
const ARGUMENTS = {
  Without: '<{ a: string }, { b: number }>',
  XOR: '<{ a: string }, { b: number }>',
  ValueOf: '<{ a: string; b: number }>',
  SaslAuthenticationResponse: '<string>',
  SaslAuthenticateArgs: '<string>',
  SASLMechanismOptions: "<'plain'>",
  InstrumentationEvent: '<string>',
  RemoveInstrumentationEventListener: '<string>',
  ISerializer: '<string>',
}

/** Types that only ours has: the messages of the diagnostics channels. */
const OURS_ALONE = ['ConsumerProcessMessage', 'ProducerSendMessage']

/** What cannot be assigned from kafkajs' value to ours, because ours has more. */
const ADDITIONS = {
  'theirs.Partitioners to ours': 'has StickyPartitioner too',
  'theirs.PartitionAssigners to ours': 'has the assigner range too',
}

const assignments = [...symbols].flatMap(([name, { flags }]) => {
  const lines = []
  const args = ARGUMENTS[name] ?? ''
  for (const [from, to] of [
    ['theirs', 'ours'],
    ['ours', 'theirs'],
  ]) {
    if (flags & ts.SymbolFlags.Type) {
      const line = `{ const to = (from: ${from}.${name}${args}): ${to}.${name}${args} => from; void to }`
      lines.push([`${from}.${name} to ${to}, as a type`, line])
    }
    if (flags & ts.SymbolFlags.Value) {
      const line = `{ const to: typeof ${to}.${name} = ${from}.${name}; void to }`
      lines.push([`${from}.${name} to ${to}`, line])
    }
  }
  return lines
})

describe('names', () => {
  test('none of kafkajs is missing, the unmarked ones included', () => {
    const mine = new Set(names(OURS))
    assert.deepEqual(
      names(THEIRS).filter(name => !mine.has(name)),
      []
    )
    for (const name of [
      'RecordBatchEntry',
      'MessageSetEntry',
      'Sender',
      'SASLMechanismOptionsMap',
    ]) {
      assert.ok(symbols.has(name), `${name} is importable from kafkajs`)
    }
  })

  test('only the error classes that kafkajs does not declare, and types of ours, come on top', () => {
    const theirs = new Set(names(THEIRS))
    const added = names(OURS).filter(name => !theirs.has(name))
    assert.deepEqual(
      added.sort(),
      [...Object.keys(kafkajs).filter(name => !theirs.has(name)), ...OURS_ALONE].sort()
    )
  })

  // That ours has the same 44 names as kafkajs at run time is tested in exports.test.js.
  test('every value at run time is declared, and the other way round', () => {
    const declared = exportsOf(program, OURS)
      .filter(({ flags }) => flags & ts.SymbolFlags.Value)
      .map(({ name }) => name)
    assert.deepEqual(declared.sort(), Object.keys(kafkajs).sort())
  })

  test('kafkajs-rs/types offers the same names', () => {
    const { program: deep, errors } = compile({
      'deep.ts':
        "import type { Kafka, RecordBatchEntry } from 'kafkajs-rs/types'\nexport type A = [Kafka, RecordBatchEntry]\n",
    })
    assert.deepEqual(errors, [])
    const all = exportsOf(deep, path.join(ROOT, 'types/index.d.ts')).map(({ name }) => name)
    assert.deepEqual(all.sort(), names(OURS).sort())
  })

  test('everything has a comment', () => {
    const checker = program.getTypeChecker()
    const bare = exportsOf(program, OURS).filter(
      symbol =>
        ts.displayPartsToString(symbol.getDocumentationComment(checker)) === '' &&
        symbol.getJsDocTags().length === 0
    )
    assert.deepEqual(
      bare.map(({ name }) => name),
      []
    )
  })
})

test('each name can be assigned both ways', () => {
  assert.ok(assignments.length > 300, `${assignments.length} assignments`)
  const head = "import * as theirs from 'kafkajs'\nimport * as ours from 'kafkajs-rs'\n"
  const text = head + assignments.map(([, line]) => line).join('\n')
  const { errors } = compile({ 'assignments.ts': text })
  const failed = errors.map(error => {
    const [, line] = /assignments\.ts:(\d+):/.exec(error) ?? []
    const [title] = assignments[line - 3] ?? [error]
    return { title, error }
  })
  assert.deepEqual(
    failed.filter(({ title }) => !ADDITIONS[title]),
    []
  )
  assert.deepEqual(
    failed.map(({ title }) => title),
    Object.keys(ADDITIONS)
  )
})

test('an assignment that must fail does', () => {
  const { errors } = compile({
    'wrong.ts':
      "import * as theirs from 'kafkajs'\nimport * as ours from 'kafkajs-rs'\nconst to: ours.Producer = {} as theirs.Consumer\nvoid to\n",
  })
  assert.equal(errors.length, 1)
  assert.match(errors[0], /wrong\.ts:3: Type 'Consumer' is not assignable to type 'Producer'/)
})
