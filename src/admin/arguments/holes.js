'use strict'

/**
 * Arrays with holes. The methods of arrays pass over a hole, and JSON writes `null` for it, so that a check by `some` or
 * `every` says nothing of what arrives at the core.
 */

/**
 * @param {unknown} array
 * @returns {boolean} whether an entry of it is missing; false for what is no array
 */
const hasHoles = array => {
  if (!Array.isArray(array)) return false
  for (let index = 0; index < array.length; index++) {
    if (!(index in array)) return true
  }
  return false
}

module.exports = { hasHoles }
