'use strict'

/**
 * What a `send` resolves to, made of the numbers the core reports.
 */

const HALF = 2 ** 32
/** Numbers in a row: topic, partition, then three offsets or times as low and high half. */
const ROW = 8

/** @returns {string} the signed 64-bit number of two halves */
const int64Text = (low, high) => {
  const number = high * HALF + (low >>> 0)
  if (Number.isSafeInteger(number)) return `${number}`
  return `${(BigInt(high) << 32n) | BigInt(low >>> 0)}`
}

/**
 * @param {Int32Array} table
 * @param {number} at where the rows begin
 * @param {number} count number of rows
 * @param {string | string[]} topics name of the only one, or names by their position in the call
 * @returns {Array<{ topicName: string, partition: number, errorCode: 0, baseOffset: string, logAppendTime: string,
 *   logStartOffset: string }>} one element for each partition written to
 */
const recordMetadata = (table, at, count, topics) => {
  const result = new Array(count)
  for (let row = 0; row < count; row++) {
    const start = at + row * ROW
    result[row] = {
      topicName: Array.isArray(topics) ? topics[table[start]] : topics,
      partition: table[start + 1],
      errorCode: 0,
      baseOffset: int64Text(table[start + 2], table[start + 3]),
      logAppendTime: int64Text(table[start + 4], table[start + 5]),
      logStartOffset: int64Text(table[start + 6], table[start + 7]),
    }
  }
  return result
}

module.exports = { recordMetadata }
