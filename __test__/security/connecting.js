'use strict'

/** Connecting to a secured broker, and what comes of it, in a form in which two libraries can be compared. */

const { within } = require('../harness')

/** One attempt fails in time, and so does the second. */
const DEADLINE_MS = 8000
const QUICK = { connectionTimeout: 3000, retry: { retries: 1, initialRetryTime: 10 } }

/** Class, text and properties, of the cause too, without how long the next wait would be. */
function describe(error) {
  if (!(error instanceof Error)) return error
  const { retryTime, cause, ...properties } = error
  const { message } = error
  const given = Object.entries(properties).filter(([, value]) => value !== undefined)
  const described = { class: error.constructor.name, message, ...Object.fromEntries(given) }
  return error.cause ? { ...described, cause: describe(error.cause) } : described
}

/**
 * Connects a producer, without and with a failure.
 *
 * @param {object} context of a contract test
 * @param {object} options of the Kafka, on top of quick ones
 * @returns {Promise<object | 'connected'>} what connecting gives
 */
async function connect({ kafka }, options) {
  const producer = kafka({ ...QUICK, ...options }).producer()
  try {
    await within(DEADLINE_MS, producer.connect(), 'connect')
    return 'connected'
  } catch (error) {
    return describe(error)
  } finally {
    await producer.disconnect()
  }
}

module.exports = { DEADLINE_MS, QUICK, connect, describe }
