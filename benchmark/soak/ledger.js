'use strict'

/** Numbers of a soak beyond this many are not given out: the ledger's memory is all there from the start. */
const CAPACITY = 4_000_000

/**
 * Who has every message: it was acknowledged, and how often each group handled it. Its memory does not grow, so that
 * what the process holds more of at the end is not the ledger's.
 */
module.exports = class Ledger {
  // Filled with something else than zero first: pages that were never written to are not resident.
  #acknowledgedAt = new Float64Array(CAPACITY).fill(1).fill(0)
  #groups = new Map()
  #next = 0
  /** How many messages were acknowledged. */
  acknowledged = 0

  /** @param {string[]} groups their names */
  constructor(groups) {
    for (const name of groups) {
      const handled = new Uint8Array(CAPACITY).fill(1).fill(0)
      this.#groups.set(name, { handled, behind: 0, deliveries: 0, distinct: 0 })
    }
  }

  /** @returns {number} the number of a message that is about to be sent */
  number() {
    if (this.#next === CAPACITY) throw new RangeError(`A soak sends at most ${CAPACITY} messages`)
    return this.#next++
  }

  /** @param {number} number @param {number} now ms */
  acknowledge(number, now) {
    this.#acknowledgedAt[number] = now
    this.acknowledged++
  }

  /** @param {string} group @param {number} number */
  handle(group, number) {
    const row = this.#groups.get(group)
    row.deliveries++
    if (row.handled[number] === 0) row.distinct++
    row.handled[number] = Math.min(row.handled[number] + 1, 255)
  }

  /**
   * @param {string} group
   * @param {number} now ms
   * @returns {number} age in ms of the oldest acknowledged message that the group has not handled; 0 if there is none
   */
  lag(group, now) {
    const row = this.#groups.get(group)
    const isDone = number => row.handled[number] > 0
    // A message that failed is never acknowledged: it holds nobody up.
    while (row.behind < this.#next && isDone(row.behind)) row.behind++
    for (let number = row.behind; number < this.#next; number++) {
      const at = this.#acknowledgedAt[number]
      if (at > 0 && !isDone(number)) return now - at
    }
    return 0
  }

  /** @returns {Record<string, { deliveries: number, distinct: number, doubled: number, lost: number }>} by group */
  totals() {
    const totals = {}
    for (const [name, { handled, deliveries, distinct }] of this.#groups) {
      let lost = 0
      for (let number = 0; number < this.#next; number++) {
        if (this.#acknowledgedAt[number] > 0 && handled[number] === 0) lost++
      }
      totals[name] = { deliveries, distinct, doubled: deliveries - distinct, lost }
    }
    return totals
  }
}
