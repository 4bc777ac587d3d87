'use strict'

/** src/consumer/unpack.js and lease.js: from the core's tables to messages. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const Lease = require('../../src/consumer/lease')
const FetchedRecords = require('../../src/consumer/unpack')

const { offsetAfter } = FetchedRecords

const SLOT = { topic: 't', partition: 3 }

/** Lays records out as the core does. */
class Tables {
  bytes = []
  index = []
  headers = []
  batches = []
  legacy = []

  put(value) {
    if (value === null) return [0, -1]
    const start = this.bytes.length
    this.bytes.push(...Buffer.from(value))
    return [start, this.bytes.length - start]
  }

  batch({ base = 0n, lastDelta = 0, magic = 2, timestampType = 0, producerId = -1n } = {}) {
    const row = [
      base,
      lastDelta,
      1000,
      2000,
      timestampType,
      4,
      producerId,
      -1,
      -1,
      0,
      0,
      magic,
      0,
      1,
    ]
    this.batches.push(...row.map(BigInt))
    return this
  }

  record({ delta, timestamp = 1700000000000n, key = null, value = null, headers = [], legacy }) {
    const low = Number(BigInt.asIntN(32, timestamp))
    const high = Number(timestamp >> 32n)
    const at = headers.length === 0 ? -1 : this.headers.length / 4
    for (const [name, content] of headers) {
      this.headers.push(...this.put(name), ...this.put(content))
    }
    const batch = this.batches.length / 14 - 1
    const row = [batch, delta, low, high, ...this.put(key), ...this.put(value), at, headers.length]
    this.index.push(...row)
    if (legacy) this.legacy.push(...legacy)
    return this
  }

  fetched(details = {}) {
    const total = this.index.length / 10
    return {
      details: JSON.stringify({
        highWatermark: '100',
        lastStableOffset: '100',
        fetchedOffset: '0',
        nextOffset: '50',
        skipped: 0,
        runs: total > 0 ? [[0, total]] : [],
        control: [],
        ...details,
      }),
      payload: Buffer.from(this.bytes),
      index: Int32Array.from(this.index),
      headers: this.headers.length > 0 ? Int32Array.from(this.headers) : undefined,
      batches: BigInt64Array.from(this.batches),
      legacy: this.legacy.length > 0 ? Int32Array.from(this.legacy) : undefined,
    }
  }
}

const allOf = fetched => {
  const records = new FetchedRecords(fetched)
  const messages = []
  records.unpack(0, records.total, messages, 0)
  return messages
}

const lease = fetched => new Lease({ id: 1, slot: SLOT, fetched })

test('a message has the fields of kafkajs, in its order', () => {
  const tables = new Tables().batch({ base: 7n, lastDelta: 1, producerId: 42n })
  tables.record({ delta: 1, key: 'k', value: 'v', headers: [['a', '1']] })
  const [message] = allOf(tables.fetched())
  assert.deepEqual(Object.keys(message), [
    'magicByte',
    'attributes',
    'timestamp',
    'offset',
    'key',
    'value',
    'headers',
    'isControlRecord',
    'batchContext',
  ])
  assert.deepEqual(message, {
    magicByte: 2,
    attributes: 0,
    timestamp: '1700000000000',
    offset: '8',
    key: Buffer.from('k'),
    value: Buffer.from('v'),
    headers: { a: Buffer.from('1') },
    isControlRecord: false,
    batchContext: {
      firstOffset: '7',
      firstTimestamp: '1000',
      partitionLeaderEpoch: 4,
      inTransaction: false,
      isControlBatch: false,
      lastOffsetDelta: 1,
      producerId: '42',
      producerEpoch: -1,
      firstSequence: -1,
      maxTimestamp: '2000',
      timestampType: 0,
      magicByte: 2,
    },
  })
})

test('null and empty are told apart, headers are always an object of its own', () => {
  const tables = new Tables().batch()
  tables.record({ delta: 0, key: null, value: '', headers: [] })
  tables.record({
    delta: 1,
    key: '',
    value: null,
    headers: [
      ['n', null],
      ['e', ''],
    ],
  })
  const [first, second] = allOf(tables.fetched())
  assert.equal(first.key, null)
  assert.deepEqual(first.value, Buffer.alloc(0))
  assert.deepEqual(first.headers, {})
  assert.equal(second.value, null)
  assert.deepEqual(second.key, Buffer.alloc(0))
  assert.deepEqual(second.headers, { n: null, e: Buffer.alloc(0) })
  assert.notEqual(first.headers, second.headers)
})

test('repeated headers are arrays in order; names of Object.prototype are names like others', () => {
  const tables = new Tables().batch()
  const headers = [
    ['a', '1'],
    ['toString', 't'],
    ['a', '2'],
    ['__proto__', 'p'],
    ['a', null],
    ['__proto__', 'q'],
  ]
  tables.record({ delta: 0, headers })
  const [{ headers: made }] = allOf(tables.fetched())
  assert.deepEqual(made.a, [Buffer.from('1'), Buffer.from('2'), null])
  assert.deepEqual(made.toString, Buffer.from('t'))
  assert.equal(Object.getPrototypeOf(made), Object.prototype)
  assert.deepEqual(Object.keys(made), ['a', 'toString', '__proto__'])
  assert.deepEqual(Object.getOwnPropertyDescriptor(made, '__proto__').value, [
    Buffer.from('p'),
    Buffer.from('q'),
  ])
  assert.equal(made.hasOwnProperty.call({ x: 1 }, 'x'), true)
})

test('header names are taken over from the record before only if their bytes are the same', () => {
  const tables = new Tables().batch()
  tables.record({
    delta: 0,
    headers: [
      ['alpha', '1'],
      ['été', '2'],
    ],
  })
  tables.record({
    delta: 1,
    headers: [
      ['alphb', '3'],
      ['été', '4'],
    ],
  })
  tables.record({ delta: 2, headers: [['alph', '5']] })
  const names = allOf(tables.fetched()).map(({ headers }) => Object.keys(headers))
  assert.deepEqual(names, [['alpha', 'été'], ['alphb', 'été'], ['alph']])
})

test('offsets and timestamps beyond 2^53 are exact', () => {
  const base = 2n ** 62n
  const tables = new Tables().batch({ base })
  tables.record({ delta: 5, timestamp: -1n })
  tables.record({ delta: 6, timestamp: 0n })
  const [first, second] = allOf(tables.fetched())
  assert.equal(first.offset, String(base + 5n))
  assert.equal(second.offset, String(base + 6n))
  assert.deepEqual([first.timestamp, second.timestamp], ['-1', '0'])
})

test('messages of one record batch share its context, those of another have another', () => {
  const tables = new Tables().batch({ base: 0n })
  tables.record({ delta: 0 }).record({ delta: 1 })
  tables.batch({ base: 10n }).record({ delta: 0 })
  const [a, b, c] = allOf(tables.fetched())
  assert.equal(a.batchContext, b.batchContext)
  assert.equal(c.batchContext.firstOffset, '10')
  assert.deepEqual(
    [a, b, c].map(({ offset }) => offset),
    ['0', '1', '10']
  )
})

test('messages of the formats before have their fields', () => {
  const tables = new Tables().batch({ base: 3n, magic: 1 })
  tables.record({ delta: 0, timestamp: 99n, key: 'k', value: 'v', legacy: [30, -7, 0] })
  tables.batch({ base: 4n, magic: 0 })
  tables.record({ delta: 0, timestamp: -1n, value: 'w', legacy: [20, 8, 0] })
  const [v1, v0] = allOf(tables.fetched())
  assert.deepEqual(Object.keys(v1), [
    'offset',
    'size',
    'crc',
    'magicByte',
    'attributes',
    'timestamp',
    'key',
    'value',
  ])
  assert.deepEqual([v1.offset, v1.size, v1.crc, v1.magicByte, v1.timestamp], ['3', 30, -7, 1, '99'])
  assert.equal('timestamp' in v0, false)
  assert.deepEqual([v0.offset, v0.magicByte, v0.key, String(v0.value)], ['4', 0, null, 'w'])
})

test('a lease gives messages in pieces and leaves out what is not to be seen', () => {
  const tables = new Tables().batch()
  for (let delta = 0; delta < 2000; delta++) tables.record({ delta })
  const held = lease(
    tables.fetched({
      fetchedOffset: '10',
      skipped: 10,
      runs: [
        [10, 700],
        [900, 2000],
      ],
      nextOffset: '2000',
    })
  )
  const seen = []
  for (let some = held.nextMessages(); some.length > 0; some = held.nextMessages()) {
    assert.ok(some.length <= 512)
    seen.push(...some.map(({ offset }) => Number(offset)))
  }
  assert.equal(seen.length, 690 + 1100)
  assert.deepEqual([seen[0], seen[689], seen[690], seen.at(-1)], [10, 699, 900, 1999])
  assert.deepEqual(held.nextMessages(), [])
})

test('a batch knows all that came, what lies within the offset, and what is to be seen', async () => {
  const tables = new Tables().batch()
  for (let delta = 0; delta < 6; delta++) tables.record({ delta })
  const control = [
    { batch: 0, beforeRecord: 6, offset: '6', timestamp: '5', key: [0, 0], value: [0, -1] },
  ]
  const details = { fetchedOffset: '2', skipped: 2, runs: [[3, 6]], control, nextOffset: '7' }
  let breaths = 0
  const batch = await lease(tables.fetched(details)).toBatch(() => {
    breaths++
    return null
  })
  const offsets = list => list.map(({ offset }) => offset)
  assert.deepEqual(offsets(batch.rawMessages), ['0', '1', '2', '3', '4', '5', '6'])
  assert.deepEqual(offsets(batch.messagesWithinOffset), ['2', '3', '4', '5', '6'])
  assert.deepEqual(offsets(batch.messages), ['3', '4', '5'])
  assert.deepEqual([batch.firstOffset(), batch.lastOffset()], ['2', '6'])
  assert.equal(batch.rawMessages.at(-1).isControlRecord, true)
  assert.ok(breaths > 0)
})

test('a batch without anything left out is one array', async () => {
  const tables = new Tables().batch().record({ delta: 0 }).record({ delta: 1 })
  const batch = await lease(tables.fetched()).toBatch(() => null)
  assert.equal(batch.rawMessages, batch.messages)
  assert.equal(batch.messagesWithinOffset, batch.messages)
})

test('the event of a batch names its offsets and lags', () => {
  const tables = new Tables().batch().record({ delta: 4 }).record({ delta: 6 })
  assert.deepEqual(lease(tables.fetched()).describe(), {
    topic: 't',
    partition: 3,
    highWatermark: '100',
    offsetLag: '93',
    offsetLagLow: '95',
    batchSize: 2,
    firstOffset: '4',
    lastOffset: '6',
  })
})

test('reading goes on behind the batch, or where it was resolved', () => {
  const tables = new Tables().batch()
  for (let delta = 0; delta < 5; delta++) tables.record({ delta })
  const details = { fetchedOffset: '0', nextOffset: '8' }
  const resumes = [null, '2', '4', '7', '20'].map(resolved => {
    const held = lease(tables.fetched(details))
    held.resolved = resolved
    return held.resumeAt()
  })
  // Offsets 5 to 7 were compacted away: nothing is left to come back for.
  assert.deepEqual(resumes, ['0', '3', null, null, '21'])
  assert.equal(lease(tables.fetched(details)).endOffset(), '7')
})

test('the offset after an offset', () => {
  assert.equal(offsetAfter('9'), '10')
  assert.equal(offsetAfter('0', -1), '-1')
  assert.equal(offsetAfter('9007199254740993'), '9007199254740994')
  assert.equal(offsetAfter('999999999999999'), '1000000000000000')
})
