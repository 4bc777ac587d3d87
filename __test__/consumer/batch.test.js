'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')

const KafkajsBatch = require('kafkajs/src/consumer/batch')
const OurBatch = require('../../src/consumer/batch')

const message = (offset, isControlRecord = false) => ({
  offset: String(offset),
  isControlRecord,
  key: null,
  batchContext: {},
})

/**
 * The same fetched data as a batch of either library. kafkajs filters by itself; ours is given what the
 * core has filtered.
 */
const batches = ({ fetchedOffset, highWatermark, rawMessages }) => {
  const messagesWithinOffset = rawMessages.filter(
    ({ offset }) => BigInt(offset) >= BigInt(fetchedOffset)
  )
  const messages = messagesWithinOffset.filter(({ isControlRecord }) => !isControlRecord)
  return [
    new KafkajsBatch('t', fetchedOffset, { partition: 3, highWatermark, messages: rawMessages }),
    new OurBatch({
      topic: 't',
      partition: 3,
      highWatermark,
      fetchedOffset,
      messages,
      messagesWithinOffset,
      rawMessages,
    }),
  ]
}

const METHODS = [
  'isEmpty',
  'isEmptyIncludingFiltered',
  'isEmptyDueToFiltering',
  'isEmptyControlRecord',
  'isEmptyDueToLogCompactedMessages',
  'firstOffset',
  'lastOffset',
  'offsetLag',
  'offsetLagLow',
]
const answers = batch => Object.fromEntries(METHODS.map(name => [name, batch[name]()]))

const CASES = {
  'ordinary messages': {
    fetchedOffset: '5',
    highWatermark: '10',
    rawMessages: [message(5), message(6), message(7)],
  },
  'up to the end': {
    fetchedOffset: '0',
    highWatermark: '2',
    rawMessages: [message(0), message(1)],
  },
  'nothing at all': { fetchedOffset: '5', highWatermark: '5', rawMessages: [] },
  'an empty partition': { fetchedOffset: '0', highWatermark: '0', rawMessages: [] },
  'only older messages, the rest compacted': {
    fetchedOffset: '5',
    highWatermark: '9',
    rawMessages: [message(3), message(4)],
  },
  'some older messages': {
    fetchedOffset: '5',
    highWatermark: '9',
    rawMessages: [message(3), message(5), message(8)],
  },
  'a control record at the end': {
    fetchedOffset: '5',
    highWatermark: '7',
    rawMessages: [message(5), message(6, true)],
  },
  'a control record at the start': {
    fetchedOffset: '5',
    highWatermark: '7',
    rawMessages: [message(5, true), message(6)],
  },
  'only a control record': {
    fetchedOffset: '5',
    highWatermark: '6',
    rawMessages: [message(5, true)],
  },
  'only an older control record': {
    fetchedOffset: '5',
    highWatermark: '6',
    rawMessages: [message(4, true)],
  },
  'offsets beyond 2^53': {
    fetchedOffset: '9007199254740993',
    highWatermark: '9223372036854775807',
    rawMessages: [message('9007199254740993'), message('9007199254740995')],
  },
  'offsets where numbers begin to lie': {
    fetchedOffset: '999999999999998',
    highWatermark: '1000000000000003',
    rawMessages: [message('999999999999999'), message('1000000000000001')],
  },
  'a high watermark below the messages': {
    fetchedOffset: '5',
    highWatermark: '3',
    rawMessages: [message(5)],
  },
  'no high watermark': { fetchedOffset: '5', highWatermark: '-1', rawMessages: [message(5)] },
}

for (const [title, fetched] of Object.entries(CASES)) {
  test(`${title}: answers are kafkajs'`, () => {
    const [theirs, mine] = batches(fetched)
    assert.deepEqual(answers(mine), answers(theirs))
    assert.deepEqual({ ...mine }, { ...theirs })
    assert.deepEqual(Object.keys(mine), Object.keys(theirs))
  })
}

test('the class looks like kafkajs', () => {
  assert.equal(OurBatch.name, 'Batch')
  assert.deepEqual(
    Reflect.ownKeys(OurBatch.prototype).sort(),
    Reflect.ownKeys(KafkajsBatch.prototype).sort()
  )
})

for (const [library, index] of [
  ['kafkajs', 0],
  ['ours', 1],
]) {
  describe(library, () => {
    const make = () => batches(CASES['ordinary messages'])[index]

    test('fields are own, enumerable and writable, and the object can be extended', () => {
      const batch = make()
      for (const name of Object.keys(batch)) {
        const { enumerable, writable, configurable } = Object.getOwnPropertyDescriptor(batch, name)
        assert.deepEqual([enumerable, writable, configurable], [true, true, true], name)
      }
      batch.extra = 1
      assert.equal({ ...batch }.extra, 1)
    })

    test('methods go by what the fields hold when they are called', () => {
      const batch = make()
      batch.messages = []
      assert.equal(batch.isEmpty(), true)
      assert.equal(batch.firstOffset(), '5')
      assert.equal(batch.lastOffset(), '7')
      batch.highWatermark = '108'
      assert.equal(batch.offsetLag(), '100')
      batch.highWatermark = 208
      assert.equal(batch.offsetLag(), '200')
      batch.messagesWithinOffset = [message(6)]
      assert.equal(batch.firstOffset(), '6')
      assert.equal(batch.offsetLagLow(), '201')
    })
  })
}

test('the three lists may be one array', () => {
  const rows = [message(5), message(6)]
  const batch = new OurBatch({
    topic: 't',
    partition: 0,
    highWatermark: '7',
    fetchedOffset: '5',
    messages: rows,
    rawMessages: rows,
    messagesWithinOffset: rows,
  })
  assert.equal(batch.messages, batch.rawMessages)
  assert.equal(batch.lastOffset(), '6')
})
