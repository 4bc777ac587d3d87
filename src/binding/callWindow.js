'use strict'

/**
 * Calls by their numbers, which are given out one after the other. For those that are near each other it is an array,
 * which hashes nothing and takes no memory for each: that shows with a promise a message. One that takes long is
 * overtaken, and then those it is in the way of are in a map.
 */
class CallWindow {
  #slots = emptySlots(1024)
  #overtaking = new Map()
  #count = 0

  /** @param {{ id: number }} call whose number none of the calls here has */
  add(call) {
    this.#count += 1
    if (this.#count > this.#slots.length / 2) this.#grow()
    this.#put(call)
  }

  /**
   * @param {number} id
   * @returns {{ id: number } | undefined} the call of this number, which is not here any more
   */
  take(id) {
    const at = id & (this.#slots.length - 1)
    let call = this.#slots[at]
    if (call?.id === id) {
      this.#slots[at] = undefined
    } else {
      call = this.#overtaking.get(id)
      if (call === undefined) return undefined
      this.#overtaking.delete(id)
    }
    this.#count -= 1
    return call
  }

  #put(call) {
    const at = call.id & (this.#slots.length - 1)
    if (this.#slots[at] === undefined) this.#slots[at] = call
    else this.#overtaking.set(call.id, call)
  }

  #grow() {
    const calls = [...this.#slots.filter(call => call !== undefined), ...this.#overtaking.values()]
    this.#slots = emptySlots(this.#slots.length * 2)
    this.#overtaking.clear()
    for (const call of calls) this.#put(call)
  }
}

/** @param {number} length a power of two */
function emptySlots(length) {
  return new Array(length).fill(undefined)
}

module.exports = CallWindow
