'use strict'

/** What a call led to, in a form that two libraries can be compared by. */

/**
 * @param {() => unknown} act
 * @returns {Promise<{ result: unknown } | { error: object }>}
 */
async function outcomeOf(act) {
  try {
    return { result: await act() }
  } catch (error) {
    return { error: describe(error) }
  }
}

/**
 * An error as kafkajs knows it: our additional `brokerMessage`, which has tests of its own, is left out, and so is the
 * wait that would have come next, which is random.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
function describe(value) {
  if (Array.isArray(value)) return value.map(describe)
  if (typeof value !== 'object' || value === null) return value
  const { brokerMessage, retryTime, ...fields } = value
  const described = Object.fromEntries(
    Object.entries(fields).map(([key, field]) => [key, describe(field)])
  )
  if (!(value instanceof Error)) return described
  const { message, cause } = value
  return {
    class: value.constructor.name,
    message,
    ...described,
    ...(cause && { cause: describe(cause) }),
  }
}

module.exports = { outcomeOf }
