'use strict'

const { performance } = require('node:perf_hooks')
const { setImmediate } = require('node:timers')

/**
 * Time after which the event loop gets a turn, ms. One turn may hold two slices, of what woke us and of what we had put
 * off, and a collection of garbage besides.
 */
const SLICE = 3

/**
 * Shares the event loop: workers that never wait for anything would keep it from everything else.
 */
module.exports = class Turn {
  #workers
  #endsAt = 0

  /** @param {() => number} workers how many are busy; they share a slice, since their turns follow one another */
  constructor(workers) {
    this.#workers = workers
    this.begin()
  }

  /** The event loop has turned. */
  begin() {
    this.#endsAt = performance.now() + SLICE / Math.max(1, this.#workers())
  }

  /** @param {number} now as `performance.now()` gives it */
  isOver(now) {
    return now >= this.#endsAt
  }

  /** @returns {Promise<void>} settles when the event loop has turned */
  async next() {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
    this.begin()
  }
}
