'use strict'

const { performance } = require('node:perf_hooks')

/** Shortest time between commits, ms: many small batches share one. */
const PAUSE = 10

/**
 * Commits what was resolved without keeping the next handler waiting: one commit at a time, and what is asked for
 * meanwhile goes into the next one. Each stores what was resolved when it was asked for the last time.
 */
module.exports = class AutoCommitter {
  #stage
  #commit
  #onError
  #underWay = null
  #isWanted = false
  #timer = null
  #startedAt = Number.NEGATIVE_INFINITY

  /**
   * @param {object} options
   * @param {() => void} options.stage writes down what is resolved by now
   * @param {() => Promise<void>} options.commit commits what was written down
   * @param {(error: Error) => void} options.onError
   */
  constructor({ stage, commit, onError }) {
    this.#stage = stage
    this.#commit = commit
    this.#onError = onError
  }

  /** Asks for a commit of what is resolved by now. */
  request() {
    this.#stage()
    this.#schedule()
  }

  #schedule() {
    if (this.#underWay) {
      this.#isWanted = true
      return
    }
    if (this.#timer) return
    const wait = this.#startedAt + PAUSE - performance.now()
    if (wait <= 0) {
      this.#start()
      return
    }
    this.#timer = setTimeout(() => {
      this.#timer = null
      this.#start()
    }, wait)
  }

  #start() {
    this.#isWanted = false
    this.#startedAt = performance.now()
    this.#underWay = this.#commit()
      .catch(this.#onError)
      .finally(() => {
        this.#underWay = null
        if (this.#isWanted) this.#schedule()
      })
  }

  /**
   * Commits all that is resolved, after the commit that is under way.
   *
   * @param {() => boolean} [isNeeded] asked after that commit
   * @throws {Error} if it fails; `onError` is not called
   */
  async flush(isNeeded = () => true) {
    this.#isWanted = false
    clearTimeout(this.#timer)
    this.#timer = null
    await this.#underWay
    if (!isNeeded()) return
    this.#stage()
    await this.#commit()
  }

  /** Commits nothing more by itself. */
  close() {
    this.#isWanted = false
    clearTimeout(this.#timer)
    this.#timer = null
  }
}
