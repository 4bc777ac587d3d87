'use strict'

/**
 * How often a handler may fail at the same position, and how long to wait each time: kafkajs' back-off.
 *
 * kafkajs counts all failures since the group was last joined. Here they count as long as they concern the same
 * position; a partition that gets on has its failures forgiven.
 */
module.exports = class RetryBudget {
  #retry
  /** @type {Map<string, { offset: string, attempt: number, wait: number }>} */
  #failures = new Map()

  /**
   * @param {{ retries: number, initialRetryTime: number, maxRetryTime: number, factor: number, multiplier: number }} retry
   */
  constructor(retry) {
    this.#retry = retry
  }

  #jitter(wait) {
    const delta = this.#retry.factor * wait
    return Math.ceil(wait - delta + Math.random() * 2 * delta)
  }

  /**
   * Counts a failure.
   *
   * @param {string} partition
   * @param {string} offset where the handler will be tried again
   * @returns {{ wait: number } | { retryCount: number, retryTime: number }} ms to wait, or that no attempt is left, with
   *   the wait that would have come next
   */
  fail(partition, offset) {
    const { retries, initialRetryTime, maxRetryTime, multiplier } = this.#retry
    let failure = this.#failures.get(partition)
    if (failure?.offset !== offset) {
      failure = { offset, attempt: 0, wait: this.#jitter(initialRetryTime) }
      this.#failures.set(partition, failure)
    }
    const { wait } = failure
    if (failure.attempt >= retries) return { retryCount: failure.attempt, retryTime: wait }
    failure.attempt++
    failure.wait = Math.min(this.#jitter(wait) * multiplier, maxRetryTime)
    return { wait }
  }

  /** Forgives everything, as after a rebalance. */
  clear() {
    this.#failures.clear()
  }
}
