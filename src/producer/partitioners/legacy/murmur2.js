'use strict'

const SEED = 0x9747b28c
const M = 0x5bd1e995
const R = 24

/**
 * The hash kafkajs had before 2.0.0: murmur2 as it comes out in 64-bit floating point.
 *
 * Products lose the bits above 2^53 instead of wrapping, and the last word is mixed in twice when it is not
 * full. Topics partitioned with it stay readable by key only if each rounding is kept: do not use `Math.imul`.
 *
 * @param {Buffer | string} key a Buffer as it is, anything else as its string in UTF-8
 * @returns {number} int32
 */
module.exports = key => {
  const data = Buffer.isBuffer(key) ? key : Buffer.from(String(key))
  const { length } = data
  const tail = length & ~3
  // Bytes past the end read as 0.
  const byte = at => data[at] & 0xff
  let hash = SEED ^ length

  for (let at = 0; at < length; at += 4) {
    let word = byte(at) + (byte(at + 1) << 8) + (byte(at + 2) << 16) + (byte(at + 3) << 24)
    word *= M
    word ^= word >>> R
    word *= M
    hash *= M
    hash ^= word
  }

  if (length > tail) {
    for (let at = length - 1; at >= tail; at--) hash ^= byte(at) << (8 * (at - tail))
    hash *= M
  }

  hash ^= hash >>> 13
  hash *= M
  hash ^= hash >>> 15
  return hash
}
