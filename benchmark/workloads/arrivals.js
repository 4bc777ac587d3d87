'use strict'

/** Counts, and lets one caller at a time wait for a count. */
function countArrivals() {
  let wanted = Infinity
  let settle = null
  let failure = null
  return {
    count: 0,

    add() {
      if (++this.count >= wanted) settle.resolve()
    },

    /** @param {Error} error - rejects whoever waits, now or later */
    fail(error) {
      failure ??= error
      settle?.reject(error)
    },

    /** @param {number} count @returns {Promise<void>} */
    reach(count) {
      return new Promise((resolve, reject) => {
        wanted = count
        settle = { resolve, reject }
        if (failure) reject(failure)
        else if (this.count >= wanted) resolve()
      })
    },
  }
}

module.exports = { countArrivals }
