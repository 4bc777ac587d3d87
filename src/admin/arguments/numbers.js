'use strict'

/**
 * Numbers of an admin call. kafkajs' encoder takes whatever converts to a number, so numeric strings are fine; what
 * is no number, or does not fit, is refused by name instead of being sent as zero.
 */

const { KafkaJSNonRetriableError } = require('../../errors')

const INT16 = [-(2 ** 15), 2 ** 15 - 1]
const INT32 = [-(2 ** 31), 2 ** 31 - 1]
const INT64 = [-(2n ** 63n), 2n ** 63n - 1n]

const integer =
  ([min, max]) =>
  (name, value) => {
    const number = Math.trunc(Number(value))
    if (number >= min && number <= max) return number
    throw new KafkaJSNonRetriableError(
      `Invalid ${name}, expected an integer from ${min} to ${max} received ${value}`
    )
  }

/**
 * @param {string} name for the error
 * @param {unknown} value
 * @returns {number} without its fraction, as kafkajs' encoder drops it
 * @throws {KafkaJSNonRetriableError} if it does not fit
 */
const int16 = integer(INT16)

/** As `int16`, up to 2^31 - 1. */
const int32 = integer(INT32)

/**
 * @param {string} name for the error
 * @param {unknown} value a number, bigint or string of digits: offsets and timestamps
 * @returns {string} its digits
 * @throws {KafkaJSNonRetriableError} if it is none, or longer than 64 bits
 */
const long = (name, value) => {
  const isBlank = typeof value === 'string' && value.trim() === ''
  if (['number', 'bigint', 'string'].includes(typeof value) && !isBlank) {
    try {
      const number = BigInt(value)
      if (number >= INT64[0] && number <= INT64[1]) return number.toString()
    } catch {
      // What BigInt cannot read is told below.
    }
  }
  throw new KafkaJSNonRetriableError(`Invalid ${name}, expected a long received ${value}`)
}

/** Milliseconds that a broker may take when the caller does not say; kafkajs' default. */
const DEFAULT_TIMEOUT = 5000

/**
 * @param {unknown} value milliseconds
 * @returns {number}
 * @throws {KafkaJSNonRetriableError} if it does not fit
 */
const requestTimeout = value => int32('timeout', value ?? DEFAULT_TIMEOUT)

module.exports = { int16, int32, long, requestTimeout }
