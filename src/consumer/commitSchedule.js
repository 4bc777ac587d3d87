'use strict'

/**
 * When automatic commits within a batch are due: after a time, or after a number of offsets. Plain numbers, since it is
 * asked after every message.
 */
module.exports = class CommitSchedule {
  #interval
  #threshold
  #resolved = 0
  #since

  /**
   * @param {object} options
   * @param {number | null} options.autoCommitInterval ms
   * @param {number | null} options.autoCommitThreshold offsets, summed over all partitions
   * @param {number} now ms
   */
  constructor({ autoCommitInterval, autoCommitThreshold }, now) {
    this.#interval = autoCommitInterval ?? Number.POSITIVE_INFINITY
    this.#threshold = autoCommitThreshold ?? Number.POSITIVE_INFINITY
    this.#since = now
    /** Whether either is configured. */
    this.isConfigured = autoCommitInterval != null || autoCommitThreshold != null
  }

  /** @param {number} offsets how many more are resolved; negative if fewer */
  note(offsets) {
    this.#resolved += offsets
  }

  /** @param {number} now ms */
  isDue(now) {
    return this.#resolved >= this.#threshold || now - this.#since >= this.#interval
  }

  /**
   * A commit was asked for: the interval counts from here, and not from when it leaves or arrives, so that a commit that
   * takes long puts off no other.
   *
   * @param {number} now ms
   */
  restart(now) {
    this.#resolved = 0
    this.#since = now
  }

  /** A commit of everything that is resolved leaves. */
  leave() {
    this.#resolved = 0
  }
}
