'use strict'

/** The secured Kafka of a test file, its users, and tokens for it. */

const { startSingle } = require('../harness')

let own

/** @returns {Promise<import('../../broker/cluster').Cluster>} one per process, which ends with it */
const secured = () => {
  own ??= startSingle({ secured: true })
  return own
}

const base64url = value => Buffer.from(JSON.stringify(value)).toString('base64url')

/**
 * @param {string} user
 * @param {number} [seconds] how long it is valid, default 1000; negative: it has expired
 * @returns {string} an unsigned token, which the local Kafka takes
 */
const tokenFor = (user, seconds = 1000) => {
  const now = Math.floor(Date.now() / 1000)
  const claims = { sub: user, iat: now - 1000, exp: now + seconds }
  return `${base64url({ alg: 'none' })}.${base64url(claims)}.`
}

const PASSWORD = { username: 'admin', password: 'admin-secret' }

/** `sasl` of user admin by mechanism. */
const ADMIN = {
  plain: { mechanism: 'plain', ...PASSWORD },
  'scram-sha-256': { mechanism: 'scram-sha-256', ...PASSWORD },
  'scram-sha-512': { mechanism: 'scram-sha-512', ...PASSWORD },
  oauthbearer: {
    mechanism: 'oauthbearer',
    oauthBearerProvider: async () => ({ value: tokenFor('admin') }),
  },
}

/** A message of a custom provider: its length, then itself. */
const withLength = text => {
  const bytes = Buffer.from(text)
  const message = Buffer.alloc(4 + bytes.length)
  message.writeInt32BE(bytes.length)
  bytes.copy(message, 4)
  return message
}

module.exports = { ADMIN, secured, tokenFor, withLength }
