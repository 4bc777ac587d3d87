'use strict'

/**
 * Packs calls, one behind the other, into one buffer and one table of numbers, which the core copies at once.
 *
 * The layout of a call is that of `packed_calls.rs`, and of its records that of `protocol/records/packed.rs`. Both stores
 * are shared by all calls of this copy of the module. Once a call is packed, the caller may change its objects.
 */

const { KafkaJSNonRetriableError } = require('../errors')

const NULL = 0xffffffff
const NO_PARTITION = 0xffffffff
const MAX_PARTITION = 2 ** 31 - 1
const HALF = 2 ** 32
/** Strings up to this are copied by a loop, which beats the call into the engine. */
const SHORT = 24
/** What one pathological call made the stores grow to is not kept. */
const KEEP = 4 * 1024 * 1024

/** Numbers of a call before its topics. */
const LABEL = 8
/** Added to the number of a codec that the program registered. */
const REGISTERED = 256
/** Numbers, and bytes, with which calls are handed over before the turn ends: the core should have begun by then. */
const FULL_TABLE = 4096
const FULL_DATA = 64 * 1024

let data = Buffer.allocUnsafeSlow(FULL_DATA * 2)
let table = new Uint32Array(FULL_TABLE * 2)
let dataAt = 0
let tableAt = 0

const { utf8Write } = Buffer.prototype
const writeUtf8 =
  typeof utf8Write === 'function'
    ? (text, at) => utf8Write.call(data, text, at, data.length - at)
    : (text, at) => data.write(text, at, 'utf8')

const growData = needed => {
  const grown = Buffer.allocUnsafeSlow(Math.max(data.length * 2, dataAt + needed))
  data.copy(grown, 0, 0, dataAt)
  data = grown
}

const growTable = needed => {
  const grown = new Uint32Array(Math.max(table.length * 2, tableAt + needed))
  grown.set(table.subarray(0, tableAt))
  table = grown
}

/** @returns {number} bytes written */
const putString = text => {
  const { length } = text
  // No UTF-16 unit takes more than three bytes.
  if (dataAt + length * 3 > data.length) growData(length * 3)
  const start = dataAt
  if (length <= SHORT) {
    let at = start
    for (let i = 0; i < length; i++) {
      const unit = text.charCodeAt(i)
      if (unit > 0x7f) {
        dataAt = start + writeUtf8(text, start)
        return dataAt - start
      }
      data[at++] = unit
    }
    dataAt = at
    return length
  }
  dataAt = start + writeUtf8(text, start)
  return dataAt - start
}

const putBytes = bytes => {
  const { length } = bytes
  if (dataAt + length > data.length) growData(length)
  data.set(bytes, dataAt)
  dataAt += length
  return length
}

/**
 * A key, a value, or a header's value.
 *
 * @throws {TypeError} Node's own, for what is neither text nor bytes
 */
const put = field => {
  if (typeof field === 'string') return putString(field)
  if (ArrayBuffer.isView(field)) {
    return putBytes(
      field instanceof Uint8Array
        ? field
        : new Uint8Array(field.buffer, field.byteOffset, field.byteLength)
    )
  }
  // Throws Node's own error for anything that is not an ArrayBuffer.
  Buffer.byteLength(field)
  return putBytes(new Uint8Array(field))
}

const putHeader = (name, value) => {
  if (tableAt + 2 > table.length) growTable(2)
  const at = tableAt
  tableAt += 2
  table[at] = putString(name)
  table[at + 1] = put(value)
}

/** @returns {number} headers written: a list of values is a repeated header, an empty one is none */
const putHeaders = headers => {
  let count = 0
  for (const name of Object.keys(headers)) {
    const value = headers[name]
    if (Array.isArray(value)) {
      for (const each of value) putHeader(name, each)
      count += value.length
    } else {
      putHeader(name, value)
      count += 1
    }
  }
  return count
}

const putTimestamp = (timestamp, at, now) => {
  if (!timestamp) {
    table[at] = now % HALF
    table[at + 1] = now / HALF
    return
  }
  const number = Number(timestamp)
  if (typeof timestamp === 'string' && Number.isSafeInteger(number) && number >= 0) {
    table[at] = number % HALF
    table[at + 1] = Math.floor(number / HALF)
    return
  }
  // As kafkajs: whatever BigInt takes, and its error for what it does not.
  const exact = BigInt.asUintN(64, BigInt(timestamp))
  table[at] = Number(exact & 0xffffffffn)
  table[at + 1] = Number(exact >> 32n)
}

const putMessage = (message, partition, now) => {
  if (tableAt + 6 > table.length) growTable(6)
  const at = tableAt
  tableAt += 6
  table[at] = partition
  putTimestamp(message.timestamp, at + 1, now)
  const { key, value, headers } = message
  table[at + 3] = key == null ? NULL : put(key)
  table[at + 4] = value === null ? NULL : put(value)
  const count = headers === undefined ? 0 : putHeaders(headers)
  table[at + 5] = count
}

/**
 * @param {unknown} partition what the message or a partitioner says; numeric text is a number, as in kafkajs
 * @param {string} topic
 * @returns {number}
 * @throws {KafkaJSNonRetriableError} for what no partition can be called (kafkajs drops such a message and resolves)
 */
const partitionNumber = (partition, topic) => {
  const number = partition == null || partition === '' ? Number.NaN : Number(partition)
  if (Number.isInteger(number) && number >= 0 && number <= MAX_PARTITION) return number
  throw new KafkaJSNonRetriableError(
    `Invalid partition ${String(partition)} for topic "${topic}", expected a partition number`
  )
}

/**
 * Packs a call behind those that are there.
 *
 * @param {Array<{ topic: string, messages: object[] }>} topics
 * @param {(topic: string) => number} topicNumber the core's number of a topic
 * @param {unknown[][]} [chosen] what a custom partitioner chose, by topic and message; without it the core chooses for
 *   messages that name no partition
 * @returns {number} where the call begins, for `labelCall`, which has to follow
 * @throws {TypeError | SyntaxError | KafkaJSNonRetriableError} for a field of a type that cannot be sent, or a
 *   partition that cannot be; nothing is packed then
 */
const packCall = (topics, topicNumber, chosen) => {
  const callAt = tableAt
  const dataStart = dataAt
  const topicsAt = callAt + LABEL
  const recordsAt = topicsAt + topics.length * 2
  if (recordsAt > table.length) growTable(recordsAt - callAt)
  tableAt = recordsAt
  try {
    // The time of the call, not of sending: it stays the same when a batch waits, or is sent again.
    const now = Date.now()
    for (let t = 0; t < topics.length; t++) {
      const entry = topics[t]
      const { messages } = entry
      const number = topicNumber(entry.topic)
      table[topicsAt + t * 2] = number
      table[topicsAt + t * 2 + 1] = messages.length
      for (let m = 0; m < messages.length; m++) {
        const message = messages[m]
        const partition = chosen ? chosen[t][m] : message.partition
        const isOpen = !chosen && partition == null
        putMessage(message, isOpen ? NO_PARTITION : partitionNumber(partition, entry.topic), now)
      }
    }
  } catch (error) {
    tableAt = callAt
    dataAt = dataStart
    throw error
  }
  table[callAt + 5] = tableAt - callAt
  table[callAt + 6] = dataAt - dataStart
  table[callAt + 7] = topics.length
  return callAt
}

/**
 * @param {number} callAt
 * @param {number} id the number the call's outcome comes under
 * @param {number} acks
 * @param {number} timeout ms
 * @param {number} codec 0 to 4
 * @param {boolean} isRegistered whether a codec of the program compresses
 * @param {number} level of the codec; -(2 ** 31) for its default
 */
const labelCall = (callAt, id, acks, timeout, codec, isRegistered, level) => {
  table[callAt] = id
  table[callAt + 1] = acks
  table[callAt + 2] = timeout
  table[callAt + 3] = isRegistered ? codec + REGISTERED : codec
  table[callAt + 4] = level
}

/** @returns {boolean} whether what is packed should not wait for more */
const isFull = () => tableAt >= FULL_TABLE || dataAt >= FULL_DATA

/**
 * Takes all that is packed. What it gives is valid until the next call is packed.
 *
 * @returns {{ data: Buffer, dataLength: number, table: Uint32Array, tableLength: number }}
 */
const takePacked = () => {
  const packed = { data, dataLength: dataAt, table, tableLength: tableAt }
  dataAt = 0
  tableAt = 0
  if (data.length > KEEP) data = Buffer.allocUnsafeSlow(FULL_DATA * 2)
  return packed
}

module.exports = { isFull, labelCall, packCall, takePacked }
