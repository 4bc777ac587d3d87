'use strict'

/**
 * Resolved offsets on their way to the core. Which partitions have any is noted after every message; when a commit is
 * asked for, how far they are is written down; when it leaves, it takes that and nothing that was resolved meanwhile.
 */
module.exports = class ResolvedOffsets {
  /** @type {import('./consumerGroup').Slot[]} */
  #noted = []
  /** @type {import('./consumerGroup').Slot[]} */
  #staged = []

  /** @returns {boolean} whether anything was noted since `stage` */
  get hasNoted() {
    return this.#noted.length > 0
  }

  /**
   * More of this partition is resolved. Once is enough until `stage`: only the last offset counts.
   *
   * @param {import('./consumerGroup').Slot} slot
   */
  note(slot) {
    slot.dirty = true
    this.#noted.push(slot)
  }

  /** Writes down how far each partition is. */
  stage() {
    for (const slot of this.#noted) {
      slot.dirty = false
      if (slot.staged === null) this.#staged.push(slot)
      slot.staged = slot.resolved
    }
    this.#noted = []
  }

  /** @param {(slot: import('./consumerGroup').Slot, offset: string) => void} use called with what was written down */
  take(use) {
    for (const slot of this.#staged) {
      use(slot, slot.staged)
      slot.staged = null
    }
    this.#staged = []
  }
}
