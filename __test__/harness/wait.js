'use strict'

/** Waiting for something that happens, never for time to pass. */

const POLL_MS = 10
const DEFAULT_DEADLINE_MS = 15_000

/**
 * Asks again and again until the answer is truthy.
 *
 * @template T
 * @param {() => T | Promise<T>} condition one that throws is asked again
 * @param {{ deadline?: number, message?: string }} [options] deadline in milliseconds, default 15000; message: what was waited for
 * @returns {Promise<T>} the truthy answer
 * @throws {Error} with the message and the last answer, when the deadline has passed
 */
async function waitFor(condition, { deadline = DEFAULT_DEADLINE_MS, message = 'condition' } = {}) {
  const end = Date.now() + deadline
  for (;;) {
    let answer
    let failure
    try {
      answer = await within(end - Date.now(), condition())
    } catch (error) {
      failure = error
    }
    if (answer) return answer
    if (Date.now() >= end) {
      const last = failure ? `it threw: ${failure.message}` : `it was: ${String(answer)}`
      throw new Error(`Waited ${deadline} ms for ${message}, in vain; ${last}`, { cause: failure })
    }
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

/**
 * A promise that may take no longer.
 *
 * @template T
 * @param {number} milliseconds
 * @param {T | Promise<T>} promise
 * @param {string} [what] for the error
 * @returns {Promise<T>}
 * @throws {Error} when the time has passed
 */
async function within(milliseconds, promise, what = 'it') {
  let timer
  const late = new Promise((_, reject) => {
    const fail = () => reject(new Error(`${what} did not settle within ${milliseconds} ms`))
    timer = setTimeout(fail, Math.max(milliseconds, 1))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}

module.exports = { waitFor, within }
