'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')

const kafkajs = require('kafkajs')
const kafkajsErrors = require('kafkajs/src/errors')
const { createErrorFromCode } = require('kafkajs/src/protocol/error')
const ours = require('../src/errors')
const ourClasses = require('../src/errorClasses')

const LIBRARIES = { kafkajs: kafkajsErrors, ours }

/** All that a program can see of an error, except of the lines of its stack that name files. */
const seen = error => ({
  class: error.constructor.name,
  keys: Reflect.ownKeys(error),
  enumerable: Object.keys(error),
  values: Object.fromEntries(
    Reflect.ownKeys(error)
      .filter(key => key !== 'stack' && key !== 'cause')
      .map(key => [key, error[key]])
  ),
  hasCause: error.cause !== undefined,
  stackHead: error.stack.split('\n    at ')[0],
  json: JSON.stringify(error),
  text: String(error),
})

/** Constructor arguments, as many ways as kafkajs itself and programs use. Functions get the library's classes. */
const table = () => ({ message: 'm', type: 'T', code: 7, retriable: true, helpUrl: 'https://help' })
const CASES = {
  KafkaJSError: [
    ['text'],
    [new Error('inner')],
    ['t', { retriable: false, cause: new Error('c') }],
  ],
  KafkaJSNonRetriableError: [['text'], ['t', { cause: new Error('c') }], [table()]],
  KafkaJSPartialMessageError: [['text'], ['t', { cause: new Error('c') }]],
  KafkaJSBrokerNotFound: [['text'], ['t', { retriable: false }]],
  KafkaJSProtocolError: [[table()], [table(), { retriable: false }], ['plain text']],
  KafkaJSConnectionError: [['text'], ['t', { broker: 'h:1', code: 'ECONNREFUSED' }]],
  KafkaJSConnectionClosedError: [['text'], ['t', { host: 'h', port: 1 }]],
  KafkaJSRequestTimeoutError: [
    ['text'],
    [
      't',
      {
        broker: 'h:1',
        clientId: 'c',
        correlationId: 1,
        createdAt: 2,
        sentAt: 3,
        pendingDuration: 4,
      },
    ],
  ],
  KafkaJSSASLAuthenticationError: [['text'], ['t', { cause: new Error('c') }]],
  KafkaJSNumberOfRetriesExceeded: [
    [
      Object.assign(new Error('last'), { stack: 'Error: last' }),
      { retryCount: 5, retryTime: 9600 },
    ],
    ['text', { retryCount: 1, retryTime: 2 }],
    ['text', { retryCount: 1, retryTime: 2, cause: new Error('ignored') }],
  ],
  KafkaJSOffsetOutOfRange: [[table(), { topic: 't', partition: 0 }]],
  KafkaJSMemberIdRequired: [[table(), { memberId: 'm' }]],
  KafkaJSGroupCoordinatorNotFound: [['text']],
  KafkaJSNotImplemented: [['text']],
  KafkaJSMetadataNotLoaded: [['text'], ['t', { retriable: false }]],
  KafkaJSTopicMetadataNotLoaded: [['text'], ['t', { topic: 't' }]],
  KafkaJSStaleTopicMetadataAssignment: [['text'], ['t', { topic: 't', unknownPartitions: [1] }]],
  KafkaJSDeleteGroupsError: [['text'], ['t', [{ groupId: 'g', errorCode: 68, error: 'e' }]]],
  KafkaJSTimeout: [['text']],
  KafkaJSLockTimeout: [['text']],
  KafkaJSServerDoesNotSupportApiKey: [['text'], ['t', { apiKey: 1, apiName: 'Fetch' }]],
  KafkaJSUnsupportedMagicByteInMessageSet: [['text']],
  KafkaJSDeleteTopicRecordsError: [
    [{ partitions: [] }],
    [{ partitions: [{ partition: 0, offset: '1', error: { retriable: true } }] }],
    [
      {
        partitions: [{ partition: 0, offset: '1', error: { retriable: false } }, { partition: 1 }],
      },
    ],
  ],
  KafkaJSInvalidVarIntError: [['text'], ['t', { cause: new Error('c') }]],
  KafkaJSInvalidLongError: [['text']],
  KafkaJSCreateTopicError: [[table(), 'topic']],
  KafkaJSAggregateError: [['text', [new Error('a')]]],
  KafkaJSFetcherRebalanceError: [[], ['text']],
  KafkaJSNoBrokerAvailableError: [[]],
  KafkaJSAlterPartitionReassignmentsError: [[table(), 'topic', 3], [table()]],
}

describe('error classes', () => {
  const names = Object.keys(kafkajsErrors).filter(name => name.startsWith('KafkaJS'))

  test('are the 31 of kafkajs, in its order', () => {
    assert.equal(names.length, 31)
    assert.deepEqual(Object.keys(ourClasses), names)
    assert.deepEqual(
      Object.keys(ourClasses),
      Object.keys(kafkajs).filter(n => /^KafkaJS/.test(n))
    )
  })

  for (const name of names) {
    test(`${name} has kafkajs' parent`, () => {
      const parent = library => Object.getPrototypeOf(library[name]).name
      assert.equal(parent(ours), parent(kafkajsErrors))
      assert.equal(ours[name].name, name)
    })
  }

  for (const [name, variants] of Object.entries(CASES)) {
    variants.forEach((args, index) => {
      test(`${name} looks like kafkajs' (${index})`, () => {
        assert.deepEqual(seen(new ours[name](...args)), seen(new kafkajsErrors[name](...args)))
      })
    })
  }

  test('every class but one is compared above', () => {
    assert.deepEqual(
      names.filter(name => !CASES[name]),
      ['KafkaJSInvariantViolation']
    )
  })

  test('KafkaJSInvariantViolation differs from kafkajs only in the tracker it points to', () => {
    const [a, b] = Object.values(LIBRARIES).map(library => {
      const { values, ...rest } = seen(new library.KafkaJSInvariantViolation('impossible'))
      const { helpUrl, ...others } = values
      return { ...rest, values: others, json: undefined }
    })
    assert.deepEqual(b, a)
    assert.match(b.values.message, /^Invariant violated: impossible\. This is likely a bug/)
  })

  for (const [library, errors] of Object.entries(LIBRARIES)) {
    test(`${library}: a subclass made with super and setPrototypeOf keeps its name and stays non-retriable`, () => {
      class Stop extends errors.KafkaJSNonRetriableError {
        constructor() {
          super('stop here')
          Object.setPrototypeOf(this, Stop.prototype)
        }
      }
      const error = new Stop()
      assert.ok(error instanceof Stop && error instanceof errors.KafkaJSError)
      assert.equal(error.constructor.name, 'Stop')
      assert.equal(error.retriable, false)
    })

    test(`${library}: isRebalancing and isKafkaJSError`, () => {
      const types = ['REBALANCE_IN_PROGRESS', 'NOT_COORDINATOR_FOR_GROUP', 'ILLEGAL_GENERATION']
      for (const type of types) assert.equal(errors.isRebalancing({ type }), true)
      assert.equal(errors.isRebalancing({ type: 'UNKNOWN_MEMBER_ID' }), false)
      assert.equal(errors.isKafkaJSError(new errors.KafkaJSLockTimeout('x')), true)
      assert.equal(errors.isKafkaJSError(new errors.KafkaJSAggregateError('x', [])), false)
      assert.equal(errors.isKafkaJSError(new errors.KafkaJSFetcherRebalanceError()), false)
    })
  }
})

describe('protocolErrorFromCode', () => {
  for (let code = -1; code <= 88; code++) {
    test(`code ${code} is kafkajs'`, () => {
      assert.deepEqual(seen(ours.protocolErrorFromCode(code)), seen(createErrorFromCode(code)))
    })
  }

  test('knows the codes up to 133 by name', () => {
    const named = code => ours.protocolErrorFromCode(code)
    for (let code = 89; code <= 133; code++) assert.equal(named(code).code, code)
    assert.equal(named(89).type, 'THROTTLING_QUOTA_EXCEEDED')
    assert.equal(named(89).retriable, true)
    assert.equal(named(90).type, 'PRODUCER_FENCED')
    assert.equal(named(90).retriable, false)
    assert.equal(named(133).type, 'SHARE_SESSION_LIMIT_REACHED')
    const above88 = Array.from({ length: 45 }, (_, index) => 89 + index)
    assert.deepEqual(
      above88.filter(code => named(code).retriable),
      [89, 100, 103, 106, 122, 123, 133]
    )
    assert.equal(new Set(above88.map(code => named(code).type)).size, 45)
    assert.ok(above88.every(code => named(code).message.length > 10))
  })

  for (const code of [134, 9999, -2]) {
    test(`code ${code} is unknown, as in kafkajs`, () => {
      assert.deepEqual(seen(ours.protocolErrorFromCode(code)), seen(createErrorFromCode(code)))
    })
  }

  test("keeps the broker's text beside kafkajs' own", () => {
    const error = ours.protocolErrorFromCode(36, "Topic 'a' already exists.")
    assert.equal(error.message, 'Topic with this name already exists')
    assert.equal(error.brokerMessage, "Topic 'a' already exists.")
    for (const nothing of [undefined, null, '']) {
      assert.equal('brokerMessage' in ours.protocolErrorFromCode(36, nothing), false)
    }
  })
})

describe('errorFromPayload', () => {
  const { errorFromPayload } = ours

  test('makes a protocol error from the code, whatever text came along', () => {
    const error = errorFromPayload({
      kind: 'KafkaJSProtocolError',
      message: 'text of the core',
      retriable: false,
      code: 6,
      fields: { brokerMessage: 'moved' },
    })
    assert.ok(error instanceof ours.KafkaJSProtocolError)
    const { name, type, code, retriable, message, brokerMessage } = error
    assert.deepEqual(
      { name, type, code, retriable, message, brokerMessage },
      {
        name: 'KafkaJSProtocolError',
        type: 'NOT_LEADER_FOR_PARTITION',
        code: 6,
        retriable: true,
        message: 'This server is not the leader for that topic-partition',
        brokerMessage: 'moved',
      }
    )
  })

  const same = (payload, expected) =>
    assert.deepEqual(seen(errorFromPayload(payload)), seen(expected))

  test('gives each class its own fields, in its order', () => {
    const k = kafkajsErrors
    same(
      { kind: 'KafkaJSError', message: 'm', retriable: false },
      new k.KafkaJSError('m', { retriable: false })
    )
    same({ kind: 'KafkaJSTimeout', message: 'm', retriable: false }, new k.KafkaJSTimeout('m'))
    same(
      {
        kind: 'KafkaJSConnectionError',
        message: 'm',
        fields: { code: 'ECONNREFUSED', broker: 'h:1' },
      },
      new k.KafkaJSConnectionError('m', { broker: 'h:1', code: 'ECONNREFUSED' })
    )
    same(
      { kind: 'KafkaJSConnectionClosedError', message: 'm', fields: { port: 1, host: 'h' } },
      new k.KafkaJSConnectionClosedError('m', { host: 'h', port: 1 })
    )
    const timing = { broker: 'h:1', correlationId: 1, createdAt: 2, sentAt: 3, pendingDuration: 4 }
    same(
      { kind: 'KafkaJSRequestTimeoutError', message: 'm', retriable: true, fields: timing },
      new k.KafkaJSRequestTimeoutError('m', timing)
    )
    same(
      {
        kind: 'KafkaJSServerDoesNotSupportApiKey',
        message: 'm',
        fields: { apiKey: 1, apiName: 'F' },
      },
      new k.KafkaJSServerDoesNotSupportApiKey('m', { apiKey: 1, apiName: 'F' })
    )
    same(
      { kind: 'KafkaJSTopicMetadataNotLoaded', message: 'm', fields: { topic: 't' } },
      new k.KafkaJSTopicMetadataNotLoaded('m', { topic: 't' })
    )
    same(
      { kind: 'KafkaJSNoBrokerAvailableError', message: 'm' },
      new k.KafkaJSNoBrokerAvailableError()
    )
    same(
      {
        kind: 'KafkaJSOffsetOutOfRange',
        message: 'm',
        code: 1,
        fields: { partition: 2, topic: 't' },
      },
      new k.KafkaJSOffsetOutOfRange(createErrorFromCode(1), { topic: 't', partition: 2 })
    )
    same(
      { kind: 'KafkaJSMemberIdRequired', message: 'm', code: 79, fields: { memberId: 'x' } },
      new k.KafkaJSMemberIdRequired(createErrorFromCode(79), { memberId: 'x' })
    )
    same(
      { kind: 'KafkaJSCreateTopicError', message: 'm', code: 36, fields: { topic: 't' } },
      new k.KafkaJSCreateTopicError(createErrorFromCode(36), 't')
    )
    same(
      {
        kind: 'KafkaJSAlterPartitionReassignmentsError',
        message: 'm',
        code: 85,
        fields: { topic: 't', partition: 1 },
      },
      new k.KafkaJSAlterPartitionReassignmentsError(createErrorFromCode(85), 't', 1)
    )
  })

  test('puts fields that the class does not know after its own', () => {
    const error = errorFromPayload({ kind: 'KafkaJSError', message: 'm', fields: { b: 1, a: 2 } })
    assert.deepEqual(Object.keys(error), ['name', 'retriable', 'helpUrl', 'b', 'a'])
  })

  test('revives the chain of causes', () => {
    const error = errorFromPayload({
      kind: 'KafkaJSNumberOfRetriesExceeded',
      message: 'm',
      retriable: false,
      fields: { retryTime: 9600, retryCount: 5 },
      cause: { kind: 'KafkaJSProtocolError', message: '', code: 3, retriable: true },
    })
    const cause = new kafkajsErrors.KafkaJSProtocolError(createErrorFromCode(3))
    cause.stack = error.cause.stack
    assert.deepEqual(
      seen(error),
      seen(
        new kafkajsErrors.KafkaJSNumberOfRetriesExceeded(cause, { retryCount: 5, retryTime: 9600 })
      )
    )
    assert.ok(error.cause instanceof ours.KafkaJSProtocolError)
    assert.equal(error.stack, `KafkaJSNonRetriableError\n  Caused by: ${error.cause.stack}`)
  })

  test('gives a class that cannot take a cause one that is own and not enumerable', () => {
    const error = errorFromPayload({
      kind: 'KafkaJSConnectionError',
      message: 'm',
      cause: { kind: 'Error', message: 'socket' },
    })
    assert.equal(error.cause.message, 'socket')
    assert.deepEqual(Object.keys(error), Object.keys(new kafkajsErrors.KafkaJSConnectionError('m')))
  })

  test("takes helpUrl from a cause it only wraps, as kafkajs' wrappers do", () => {
    const cause = { kind: 'KafkaJSProtocolError', message: '', code: 27 }
    const message = 'The group is rebalancing, so a rejoin is needed'
    const wrapped = errorFromPayload({ kind: 'KafkaJSNonRetriableError', message, cause })
    assert.equal(wrapped.helpUrl, createErrorFromCode(27).helpUrl)
    const other = errorFromPayload({ kind: 'KafkaJSNonRetriableError', message: 'other', cause })
    assert.equal(other.helpUrl, undefined)
  })

  test('revives errors inside of lists', () => {
    const inner = { kind: 'KafkaJSProtocolError', message: '', code: 68, retriable: false }
    const groups = errorFromPayload({
      kind: 'KafkaJSDeleteGroupsError',
      message: 'Error in DeleteGroups',
      retriable: true,
      fields: { groups: [{ groupId: 'g', errorCode: 68, error: inner }] },
    })
    assert.equal(groups.groups[0].error.type, 'NON_EMPTY_GROUP')
    assert.ok(groups.groups[0].error instanceof ours.KafkaJSProtocolError)

    const records = errorFromPayload({
      kind: 'KafkaJSDeleteTopicRecordsError',
      message: 'ignored',
      retriable: false,
      fields: { partitions: [{ partition: 0, offset: '1', error: { ...inner, code: 6 } }] },
    })
    assert.equal(records.partitions[0].error.type, 'NOT_LEADER_FOR_PARTITION')
    assert.equal(records.retriable, true)
    assert.equal(records.message, 'Error while deleting records')

    const aggregate = errorFromPayload({
      kind: 'KafkaJSAggregateError',
      message: 'Topic creation errors',
      retriable: false,
      fields: { errors: [{ ...inner, kind: 'KafkaJSCreateTopicError', fields: { topic: 't' } }] },
    })
    assert.deepEqual(Object.keys(aggregate), ['errors', 'name'])
    assert.equal(aggregate.errors[0].topic, 't')
    assert.ok(aggregate.errors[0] instanceof ours.KafkaJSCreateTopicError)
  })

  test("makes Node's own classes, of this realm", () => {
    const error = errorFromPayload({
      kind: 'TypeError',
      message: 'bad',
      retriable: false,
      fields: { code: 'ERR_INVALID_ARG_TYPE' },
    })
    assert.ok(error instanceof TypeError)
    assert.equal(error.code, 'ERR_INVALID_ARG_TYPE')
    assert.equal('retriable' in error, false)
    for (const Class of [Error, RangeError, SyntaxError]) {
      assert.equal(errorFromPayload({ kind: Class.name, message: 'm' }).constructor, Class)
    }
  })

  test('has the frames of the async function that makes it', async () => {
    const innermost = async () => {
      await null
      throw errorFromPayload({ kind: 'KafkaJSError', message: 'm' })
    }
    const outermost = async () => {
      await innermost()
    }
    await assert.rejects(outermost, error => {
      // Node's own frames may stand between them.
      assert.match(error.stack, /at innermost .*\n.*at async outermost/s)
      return true
    })
  })

  test('a kind nobody knows is still a KafkaJSError', () => {
    const error = errorFromPayload({ kind: 'Unheard', message: 'm', retriable: false })
    assert.equal(error.name, 'KafkaJSError')
    assert.equal(error.retriable, false)
  })
})
