'use strict'

/** What the core has to say of one run of a consumer, as far as it concerns the generation that the group is in. */
module.exports = class GroupSignals {
  #cluster
  #session
  /** @type {number | null} null while the group is joined */
  #generation = null
  /** @type {Array<{ handler: (payload: object) => void, payload: object }>} a few of each generation at most */
  #early = []

  /**
   * @param {{ onSignal: (name: string, handler: (payload: object) => void) => void }} cluster
   * @param {number} session of the run
   */
  constructor(cluster, session) {
    this.#cluster = cluster
    this.#session = session
  }

  /**
   * A signal that was on its way while the group was joined again is of no concern any more. One of the generation that
   * is being joined may come before the end of the join is seen: both may have waited for a program that blocks the event
   * loop. It is kept until `joined` tells the generation.
   *
   * @param {string} name
   * @param {(payload: object) => void} handler called with signals of the current generation
   */
  on(name, handler) {
    this.#cluster.onSignal(name, payload => {
      if (payload.session !== this.#session) return
      if (this.#generation === null) this.#early.push({ handler, payload })
      else if (payload.generation === this.#generation) handler(payload)
    })
  }

  /**
   * @param {string} name
   * @param {(payload: object) => void} handler called with signals of the run, whatever the generation
   */
  onAny(name, handler) {
    this.#cluster.onSignal(name, payload => {
      if (payload.session === this.#session) handler(payload)
    })
  }

  /** From now on the generation is not known. */
  joining() {
    this.#generation = null
    this.#early = []
  }

  /** @param {number} generation */
  joined(generation) {
    this.#generation = generation
    for (const { handler, payload } of this.#early.splice(0)) {
      if (payload.generation === generation) handler(payload)
    }
  }
}
