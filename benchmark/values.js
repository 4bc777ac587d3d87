'use strict'

/** Message values: JSON of an exact size, different from each other, the same in every run. */

const WORDS = [
  'order',
  'payment',
  'user',
  'cart',
  'laptop',
  'mouse',
  'shipping',
  'invoice',
  'discount',
  'refund',
  'warehouse',
  'delivery',
  'address',
  'country',
  'currency',
  'product',
  'category',
  'review',
  'stock',
  'supplier',
]

/**
 * @param {number} bytes - size of each value, at least 64
 * @param {number} count
 * @returns {string[]} ASCII, one byte a character
 */
function makeValues(bytes, count) {
  const random = randomNumbers(bytes)
  return Array.from({ length: count }, (_, index) => {
    const fields = { id: index, user: `user-${random(10000)}`, total: random(1e6), note: '' }
    const room = bytes - JSON.stringify(fields).length
    let note = ''
    while (note.length < room) note += `${WORDS[random(WORDS.length)]} ${random(1e4)} `
    return JSON.stringify({ ...fields, note: note.slice(0, room) })
  })
}

/** A linear congruential generator: `Math.random` cannot be seeded. */
function randomNumbers(seed) {
  let state = seed
  return below => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

module.exports = { makeValues }
