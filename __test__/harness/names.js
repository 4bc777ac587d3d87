'use strict'

/** Names nobody used before: each test has its own topic and group. */

const { randomBytes } = require('node:crypto')

/** @param {string} [prefix] @returns {string} */
function uniqueTopic(prefix = 'topic') {
  return `${prefix}-${randomBytes(6).toString('hex')}`
}

/** @param {string} [prefix] @returns {string} */
function uniqueGroup(prefix = 'group') {
  return `${prefix}-${randomBytes(6).toString('hex')}`
}

module.exports = { uniqueGroup, uniqueTopic }
