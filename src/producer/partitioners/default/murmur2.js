'use strict'

const SEED = 0x9747b28c
const M = 0x5bd1e995
const R = 24

/**
 * The Java client's murmur2: 32-bit arithmetic, little-endian words.
 *
 * @param {Buffer | string} key a Buffer as it is, anything else as its string in UTF-8
 * @returns {number} int32
 */
module.exports = key => {
  const data = Buffer.isBuffer(key) ? key : Buffer.from(String(key))
  const { length } = data
  const tail = length & ~3
  let hash = SEED ^ length

  for (let at = 0; at < tail; at += 4) {
    const word = data[at] | (data[at + 1] << 8) | (data[at + 2] << 16) | (data[at + 3] << 24)
    const mixed = Math.imul(word, M)
    hash = Math.imul(hash, M) ^ Math.imul(mixed ^ (mixed >>> R), M)
  }

  if (length > tail) {
    let rest = 0
    for (let at = length - 1; at >= tail; at--) rest = (rest << 8) | data[at]
    hash = Math.imul(hash ^ rest, M)
  }

  hash = Math.imul(hash ^ (hash >>> 13), M)
  return hash ^ (hash >>> 15)
}
