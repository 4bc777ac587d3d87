'use strict'

/** Where the error codes of an answer are, by API: all that stands before them, in the order of the wire. */

const UUID_BYTES = 16
const SIZES = { int8: 1, int16: 2, int32: 4, int64: 8, uuid: UUID_BYTES }

/**
 * Steps to an error code: sizes as above, `string`, `count` (into the first element of an array), `[...]` (a whole array
 * with such elements, each with its tags if flexible), `from N uuid` (in versions of N and up).
 *
 * @see https://kafka.apache.org/protocol
 */
const PLACES = {
  0: { partition: ['count', 'string', 'count', 'int32'] },
  1: {
    session: ['int32'],
    partition: ['int32', 'int16', 'int32', 'count', 'string', 'count', 'int32'],
  },
  2: { partition: ['int32', 'count', 'string', 'count', 'int32'] },
  3: {
    topic: ['int32', ['int32', 'string', 'int32', 'string'], 'string', 'int32', 'count'],
    partition: [
      'int32',
      ['int32', 'string', 'int32', 'string'],
      'string',
      'int32',
      'count',
      'int16',
      'string',
      'from 10 uuid',
      'int8',
      'count',
    ],
  },
  8: { partition: ['int32', 'count', 'string', 'count', 'int32'] },
  9: {
    partition: [
      'from 3 int32',
      'count',
      'string',
      'count',
      'int32',
      'int64',
      'from 5 int32',
      'string',
    ],
  },
  10: { answer: ['from 1 int32'] },
  11: { answer: ['from 2 int32'] },
  12: { answer: ['from 1 int32'] },
  13: { answer: ['from 1 int32'] },
  14: { answer: ['from 1 int32'] },
  15: { group: ['from 1 int32', 'count'] },
  16: { answer: ['from 1 int32'] },
  19: { topic: ['int32', 'count', 'string', 'from 7 uuid'] },
  20: { topic: ['int32', 'count', 'string'] },
  21: { partition: ['int32', 'count', 'string', 'count', 'int32', 'int64'] },
  22: { answer: ['int32'] },
  24: { partition: ['int32', 'count', 'string', 'count', 'int32'] },
  25: { answer: ['int32'] },
  26: { answer: ['int32'] },
  28: { partition: ['int32', 'count', 'string', 'count', 'int32'] },
  29: { answer: ['int32'] },
  30: { acl: ['int32', 'count'] },
  31: { filter: ['int32', 'count'] },
  32: { resource: ['int32', 'count'] },
  33: { resource: ['int32', 'count'] },
  37: { topic: ['int32', 'count', 'string'] },
  42: { group: ['int32', 'count', 'string'] },
  45: {
    answer: ['int32'],
    partition: ['int32', 'int16', 'string', 'count', 'string', 'count', 'int32'],
  },
  46: { answer: ['int32'] },
}

/** A cursor over an answer; `at` is undefined once it stands before nothing. */
class Cursor {
  constructor({ apiVersion, header, body, flexible }) {
    Object.assign(this, { apiVersion, header, body, flexible, at: 0 })
  }

  varint() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.body.readUInt8(this.at++)
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) return value
    }
  }

  /** @returns {number} how many elements or bytes follow; null counts as none */
  length(fixedSize) {
    if (this.flexible) return Math.max(0, this.varint() - 1)
    const value = this.body.readIntBE(this.at, fixedSize)
    this.at += fixedSize
    return Math.max(0, value)
  }

  array(fields) {
    for (let left = this.length(4); left > 0; left--) {
      for (const field of fields) this.step(field)
      // No broker of today has a tagged field here.
      if (this.flexible) this.at += 1
    }
  }

  step(field) {
    if (Array.isArray(field)) return this.array(field)
    const [, since, size] = /^from (\d+) (\w+)$/.exec(field) ?? [field, 0, field]
    if (this.apiVersion < Number(since)) return
    if (size === 'count') {
      if (this.length(4) === 0) this.at = undefined
    } else {
      const length = size === 'string' ? this.length(2) : SIZES[size]
      this.at += length
    }
  }
}

/**
 * @param {import('../../harness/relay').Answer & { flexible: boolean }} answer
 * @param {string} place  a name of PLACES
 * @returns {number | undefined} position in the answer's body; undefined if it has no such element
 */
function errorAt(answer, place) {
  const cursor = new Cursor(answer)
  for (const field of PLACES[answer.apiKey][place]) {
    cursor.step(field)
    if (cursor.at === undefined) return undefined
  }
  return cursor.at
}

module.exports = { PLACES, errorAt }
