'use strict'

/** docs/errors.md: each class with parent, retriable and fields as they are, each code of the table. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const { before, describe, test } = require('node:test')

const library = require('../..')
const { errorCode } = require('../../src/protocol/errorCodes')
const { PAGE, withCodes } = require('../../scripts/error-codes')
const { readPage, sectionOf } = require('./page')

const NAMES = Object.keys(library).filter(name => name.startsWith('KafkaJS'))
const OF_ALL = ['name', 'message', 'retriable', 'helpUrl', 'cause', 'stack']
const CODE = errorCode(3)
const OTHERS = { topic: 't', partition: 0, memberId: 'm', retryCount: 5, retryTime: 1 }

/** What constructors take besides an error or a text and an object of fields. */
const ARGUMENTS = {
  KafkaJSOffsetOutOfRange: [errorCode(1), OTHERS],
  KafkaJSMemberIdRequired: [errorCode(79), OTHERS],
  KafkaJSDeleteTopicRecordsError: [{ partitions: [] }],
  KafkaJSCreateTopicError: [CODE, 't'],
  KafkaJSAlterPartitionReassignmentsError: [CODE, 't', 0],
  KafkaJSAggregateError: ['several', []],
}

const isCoded = name => {
  const { KafkaJSProtocolError } = library
  return name === 'KafkaJSProtocolError' || library[name].prototype instanceof KafkaJSProtocolError
}

const make = name =>
  new library[name](...(ARGUMENTS[name] ?? [isCoded(name) ? CODE : new Error('x'), OTHERS]))

const names = cell => [...cell.matchAll(/`(\w+)`/g)].map(([, name]) => name)

let page
let rows
before(async () => {
  page = await readPage('docs/errors.md')
  rows = new Map(sectionOf(page, 'Classes').tables[0].map(row => [names(row[0])[0], row]))
})

test('all classes, in the order of the exports', () => {
  assert.equal(NAMES.length, 31)
  assert.deepEqual([...rows.keys()].sort(), [...NAMES].sort())
})

describe('classes', () => {
  for (const name of NAMES) {
    test(name, () => {
      const [, parent, retriable, fields, when] = rows.get(name)
      const error = make(name)
      assert.deepEqual(names(parent), [Object.getPrototypeOf(library[name]).name])
      if (retriable.startsWith('`')) assert.equal(retriable, `\`${error.retriable}\``)
      else if (retriable.startsWith('as its')) assert.equal(isCoded(name), true)
      else if (retriable === 'no such field') assert.equal('retriable' in error, false)
      else assert.equal(name, 'KafkaJSDeleteTopicRecordsError')
      assert.notEqual(when, '')

      const own = Object.keys(error).filter(field => !OF_ALL.includes(field))
      const inherited = ['type', 'code', 'brokerMessage']
      // Fields of the parent are told there; a row may repeat them.
      const told = names(fields)
      const missing = own.filter(
        field => !told.includes(field) && !(isCoded(name) && inherited.includes(field))
      )
      const needless = told.filter(field => !own.includes(field) && field !== 'brokerMessage')
      assert.deepEqual({ missing, needless }, { missing: [], needless: [] })
    })
  }
})

test('fields of all of them', () => {
  const told = sectionOf(page, 'Fields of all of them').tables[0].map(([cell]) => names(cell)[0])
  assert.deepEqual(told.sort(), OF_ALL.sort())
  const error = new library.KafkaJSError('x')
  assert.deepEqual(Object.keys(error), ['name', 'retriable', 'helpUrl'])
})

test('the table of codes is up to date (npm run docs:errors writes it)', () => {
  const text = fs.readFileSync(PAGE, 'utf8')
  assert.equal(text, withCodes(text))
  const codes = sectionOf(page, 'Broker error codes').tables[0]
  assert.ok(codes.length > 130, `${codes.length} codes`)
  assert.deepEqual(codes[0].slice(0, 2), ['-1', '`UNKNOWN`'])
})

test('types of codes that the page names exist', () => {
  const types = new Set(
    sectionOf(page, 'Broker error codes').tables[0].map(([, type]) => names(type)[0])
  )
  const named = [...page.codeSpans].filter(span => /^[A-Z]+(_[A-Z]+)+$/.test(span))
  // The system's code for an expired certificate, and the type of a code that is not in the table.
  const others = ['CERT_HAS_EXPIRED', 'KAFKAJS_UNKNOWN_ERROR_CODE']
  assert.deepEqual(
    named.filter(type => !types.has(type) && !others.includes(type)),
    []
  )
})
