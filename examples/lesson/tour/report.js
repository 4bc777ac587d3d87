'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { isDeepStrictEqual, inspect } = require('node:util')

const DEADLINE_MS = 15000
const POLL_MS = 25

/** Something differs from what the lesson promises; the message says what. */
class TourError extends Error {
  name = 'TourError'
}

/**
 * Prints what happens and checks it. A check that fails throws a TourError, which ends the tour.
 *
 * @param {(line: string) => void} print
 */
function createReport(print) {
  let checks = 0

  function pass(what) {
    checks++
    print(`  ok  ${what}`)
  }

  return {
    get checks() {
      return checks
    },

    section(title) {
      print('')
      print(title)
    },

    say(text) {
      print(`      ${text}`)
    },

    /** Passes if `actual` is deeply equal to `expected`. */
    check(what, actual, expected) {
      if (!isDeepStrictEqual(actual, expected)) {
        throw new TourError(`${what}: expected ${inspect(expected)}, but got ${inspect(actual)}`)
      }
      pass(what)
    },

    /**
     * Passes as soon as `read()` is deeply equal to `expected`; fails after 15 s.
     *
     * @param {string} what
     * @param {() => unknown} read - may be asynchronous
     * @param {unknown} expected
     */
    async becomes(what, read, expected) {
      await until(what, read, value => isDeepStrictEqual(value, expected), inspect(expected))
      pass(what)
    },

    /** A console for the lesson's handlers: a few lines of each kind in full, the others counted. */
    console(linesShown = 3) {
      let hidden = 0
      const write = (...parts) => {
        if (linesShown-- > 0) print(`      | ${parts.map(oneLine).join(' ')}`)
        else hidden++
      }
      return {
        log: write,
        error: write,
        flush() {
          if (hidden > 0) print(`      | ... and ${hidden} more lines like these`)
        },
      }
    },
  }
}

/**
 * Waits until `accept(await read())`.
 *
 * @returns {Promise<unknown>} the accepted value
 * @throws {TourError} after 15 s, with the value seen last
 */
async function until(what, read, accept, expected = 'it') {
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    const value = await read()
    if (accept(value)) return value
    if (Date.now() > deadline) {
      throw new TourError(
        `${what}: waited ${DEADLINE_MS} ms for ${expected}, last seen ${inspect(value)}`
      )
    }
    await sleep(POLL_MS)
  }
}

function oneLine(part) {
  if (part instanceof Error) return `${part.name}: ${part.message}`
  return typeof part === 'string' ? part : inspect(part, { breakLength: Infinity })
}

module.exports = { TourError, createReport, until }
