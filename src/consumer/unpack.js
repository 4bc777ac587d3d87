'use strict'

/**
 * Makes message objects out of a fetched batch: one buffer that holds all keys, values and headers, and tables of
 * integers that say what is where in it (`src/protocol/records/tables.rs`).
 *
 * This is the hot path of consuming. Messages are plain objects with kafkajs' fields in kafkajs' order, made when they
 * are about to be handled, so that a large batch never blocks the event loop.
 */

const RECORD = 10
const HEADER = 4
const BATCH = 14
const LEGACY = 3

const HIGH = 2 ** 32
/** Base offsets up to this leave room for a delta. */
const LARGEST_BASE = Number.MAX_SAFE_INTEGER - 2 ** 31

/**
 * The offset after `offset`, or `by` after it.
 *
 * @param {string} offset decimal
 * @returns {string}
 */
const offsetAfter = (offset, by = 1) =>
  offset.length <= 15 ? String(Number(offset) + by) : String(BigInt(offset) + BigInt(by))

/** kafkajs' `batchContext` of one record batch. */
const contextOf = (batches, batch) => {
  const at = batch * BATCH
  return {
    firstOffset: String(batches[at]),
    firstTimestamp: String(batches[at + 2]),
    partitionLeaderEpoch: Number(batches[at + 5]),
    inTransaction: batches[at + 9] === 1n,
    isControlBatch: batches[at + 10] === 1n,
    lastOffsetDelta: Number(batches[at + 1]),
    producerId: String(batches[at + 6]),
    producerEpoch: Number(batches[at + 7]),
    firstSequence: Number(batches[at + 8]),
    maxTimestamp: String(batches[at + 3]),
    timestampType: Number(batches[at + 4]),
    magicByte: Number(batches[at + 11]),
  }
}

/** Records of one partition out of one fetch, and the messages they are. */
module.exports = class FetchedRecords {
  #payload
  #index
  #headers
  #batches
  #legacy
  #control
  // What the last record needed, which is mostly what the next one needs.
  #batch = -1
  #context = null
  #base = 0
  #bigBase = 0n
  #magic = 2
  #timestampLow = 0
  #timestampHigh = 0
  #timestamp = '0'
  #names = []

  /**
   * @param {object} fetched what the core hands out (`NativeBatch` in `binding.rs`)
   */
  constructor(fetched) {
    const details = JSON.parse(fetched.details)
    /** @type {string} offset after the last record of the partition */
    this.highWatermark = details.highWatermark
    /** @type {string} offset after the last record that is decided */
    this.lastStableOffset = details.lastStableOffset
    /** @type {string} offset that was asked for */
    this.fetchedOffset = details.fetchedOffset
    /** @type {string} offset after this batch */
    this.nextOffset = details.nextOffset
    /** @type {Array<[number, number]>} the records a program is to see: position of the first, and one after the last */
    this.runs = details.runs
    /** How many records at the start lie before `fetchedOffset`. */
    this.skipped = details.skipped
    this.#control = details.control
    this.#payload = fetched.payload
    this.#index = fetched.index ?? new Int32Array(0)
    this.#headers = fetched.headers
    this.#batches = fetched.batches
    this.#legacy = fetched.legacy
    /** How many messages a program is to see. */
    this.count = this.runs.reduce((sum, [from, to]) => sum + to - from, 0)
  }

  /** How many records there are, seen or not, control records aside. */
  get total() {
    return this.#index.length / RECORD
  }

  /** @returns {boolean} whether all records there are may be seen */
  get isWhole() {
    return this.count === this.total && this.#control.length === 0
  }

  #enter(batch) {
    this.#batch = batch
    const base = this.#batches[batch * BATCH]
    this.#bigBase = base
    this.#base = base <= LARGEST_BASE ? Number(base) : -1
    this.#magic = Number(this.#batches[batch * BATCH + 11])
    this.#context = this.#magic === 2 ? contextOf(this.#batches, batch) : null
  }

  /** @returns {string} offset of the record at position `record` */
  offsetAt(record) {
    const at = record * RECORD
    if (this.#index[at] !== this.#batch) this.#enter(this.#index[at])
    const delta = this.#index[at + 1]
    return this.#base >= 0 ? String(this.#base + delta) : String(this.#bigBase + BigInt(delta))
  }

  /** @returns {string | null} offset of the first record from `fetchedOffset` on; `null` if there is none */
  firstOffset() {
    const first = this.skipped < this.total ? this.offsetAt(this.skipped) : null
    const [control] = this.#seenControl()
    if (!control) return first
    return first === null || BigInt(control.offset) < BigInt(first) ? control.offset : first
  }

  /** @returns {string | null} offset of the last record from `fetchedOffset` on; `null` if there is none */
  lastOffset() {
    const last = this.skipped < this.total ? this.offsetAt(this.total - 1) : null
    const control = this.#seenControl().at(-1)
    if (!control) return last
    return last === null || BigInt(control.offset) > BigInt(last) ? control.offset : last
  }

  /** @returns {string | null} offset of the last message a program is to see */
  lastVisibleOffset() {
    const last = this.runs.at(-1)
    return last ? this.offsetAt(last[1] - 1) : null
  }

  #seenControl() {
    if (this.#control.length === 0) return this.#control
    const from = BigInt(this.fetchedOffset)
    return this.#control.filter(({ offset }) => BigInt(offset) >= from)
  }

  /**
   * Makes messages.
   *
   * @param {number} from position of the first record
   * @param {number} to one after the position of the last
   * @param {object[]} messages where they are put
   * @param {number} place from this position on
   */
  unpack(from, to, messages, place) {
    const index = this.#index
    let out = place
    for (let record = from; record < to; record++) {
      const at = record * RECORD
      if (index[at] !== this.#batch) this.#enter(index[at])
      messages[out++] = this.#magic === 2 ? this.#message(at) : this.#legacyMessage(record)
    }
  }

  #message(at) {
    const index = this.#index
    const payload = this.#payload
    const delta = index[at + 1]
    const keyLength = index[at + 5]
    const valueLength = index[at + 7]
    const keyStart = index[at + 4]
    const valueStart = index[at + 6]
    return {
      magicByte: 2,
      attributes: 0,
      timestamp: this.#timestampOf(index[at + 2], index[at + 3]),
      offset: this.#base >= 0 ? String(this.#base + delta) : String(this.#bigBase + BigInt(delta)),
      key: keyLength < 0 ? null : payload.subarray(keyStart, keyStart + keyLength),
      value: valueLength < 0 ? null : payload.subarray(valueStart, valueStart + valueLength),
      headers: index[at + 9] === 0 ? {} : this.#headersOf(index[at + 8], index[at + 9]),
      isControlRecord: false,
      batchContext: this.#context,
    }
  }

  #timestampOf(low, high) {
    if (low !== this.#timestampLow || high !== this.#timestampHigh) {
      this.#timestampLow = low
      this.#timestampHigh = high
      this.#timestamp = String(high * HIGH + (low >>> 0))
    }
    return this.#timestamp
  }

  #headersOf(first, count) {
    const table = this.#headers
    const headers = {}
    for (let header = 0; header < count; header++) {
      const at = (first + header) * HEADER
      const name = this.#nameOf(header, table[at], table[at + 1])
      const start = table[at + 2]
      const length = table[at + 3]
      const value = length < 0 ? null : this.#payload.subarray(start, start + length)
      if (!Object.hasOwn(headers, name)) {
        if (name === '__proto__') defineOwn(headers, name, value)
        else headers[name] = value
      } else if (Array.isArray(headers[name])) {
        headers[name].push(value)
      } else {
        defineOwn(headers, name, [headers[name], value])
      }
    }
    return headers
  }

  /** Records of one topic mostly carry the same names in the same places: comparing is cheaper than decoding. */
  #nameOf(place, start, length) {
    const payload = this.#payload
    const known = this.#names[place]
    if (known !== undefined && known.length === length) {
      let same = 0
      while (same < length && payload[known.start + same] === payload[start + same]) same++
      if (same === length) return known.name
    }
    const name = length < 0 ? 'null' : payload.utf8Slice(start, start + length)
    this.#names[place] = { start, length, name }
    return name
  }

  #legacyMessage(record) {
    const at = record * RECORD
    const index = this.#index
    const extra = record * LEGACY
    const bytes = (start, length) =>
      length < 0 ? null : this.#payload.subarray(start, start + length)
    const message = {
      offset: this.offsetAt(record),
      size: this.#legacy[extra],
      crc: this.#legacy[extra + 1],
      magicByte: this.#magic,
      attributes: this.#legacy[extra + 2],
    }
    if (this.#magic === 1) message.timestamp = this.#timestampOf(index[at + 2], index[at + 3])
    message.key = bytes(index[at + 4], index[at + 5])
    message.value = bytes(index[at + 6], index[at + 7])
    return message
  }

  /**
   * Adds control records to messages made of the records from `from` on.
   *
   * @param {object[]} messages
   * @param {number} from position of the first record in `messages`
   * @returns {object[]} a new array if there are any
   */
  withControl(messages, from) {
    if (this.#control.length === 0) return messages
    const mixed = []
    let next = from
    for (const control of this.#control) {
      const until = Math.max(control.beforeRecord, from)
      while (next < until) mixed.push(messages[next++ - from])
      if (from === 0 || BigInt(control.offset) >= BigInt(this.fetchedOffset)) {
        mixed.push(this.#controlRecord(control))
      }
    }
    while (next - from < messages.length) mixed.push(messages[next++ - from])
    return mixed
  }

  #controlRecord({ batch, offset, timestamp, key, value }) {
    const bytes = ([start, length]) =>
      length < 0 ? null : this.#payload.subarray(start, start + length)
    return {
      magicByte: 2,
      attributes: 0,
      timestamp,
      offset,
      key: bytes(key),
      value: bytes(value),
      headers: {},
      isControlRecord: true,
      batchContext: contextOf(this.#batches, batch),
    }
  }
}

const defineOwn = (object, name, value) =>
  Object.defineProperty(object, name, {
    value,
    writable: true,
    enumerable: true,
    configurable: true,
  })

module.exports.offsetAfter = offsetAfter
