'use strict'

/** Whether a topic matches must not depend on those that were matched before, as it would with the flags g and y. */
const isMatch = (pattern, name) => {
  pattern.lastIndex = 0
  return pattern.test(name)
}

/**
 * Subscriptions by regular expression. kafkajs matches them once; here they are matched again whenever metadata would be
 * refreshed, so that topics that come later are consumed as well.
 */
module.exports = class TopicPatterns {
  /** @type {Array<{ pattern: RegExp, fromBeginning: boolean }>} */
  #patterns = []
  #cluster
  #logger
  #groupId

  constructor({ cluster, logger, groupId }) {
    this.#cluster = cluster
    this.#logger = logger
    this.#groupId = groupId
  }

  /** Whether there are any. */
  get isEmpty() {
    return this.#patterns.length === 0
  }

  /** @returns {Promise<string[]>} names of all topics of the cluster */
  async #topicNames() {
    const { topicMetadata } = await this.#cluster.metadata()
    return topicMetadata.map(({ topic }) => topic)
  }

  /**
   * Adds patterns.
   *
   * @param {RegExp[]} patterns
   * @param {boolean} fromBeginning
   * @returns {Promise<Map<RegExp, string[]>>} topics that match now
   */
  async add(patterns, fromBeginning) {
    if (patterns.length === 0) return new Map()
    const names = await this.#topicNames()
    const matches = new Map()
    for (const pattern of patterns) {
      this.#patterns.push({ pattern, fromBeginning })
      const matchedTopics = names.filter(name => isMatch(pattern, name))
      matches.set(pattern, matchedTopics)
      this.#logger.debug('Subscription based on RegExp', {
        groupId: this.#groupId,
        topicRegExp: pattern.toString(),
        matchedTopics,
      })
    }
    return matches
  }

  /**
   * Matches again.
   *
   * @param {Record<string, object>} known topics that are subscribed to
   * @returns {Promise<Record<string, { fromBeginning: boolean }>>} those that match and are not
   */
  async newTopics(known) {
    const found = {}
    for (const name of await this.#topicNames()) {
      if (Object.hasOwn(known, name)) continue
      const match = this.#patterns.findLast(({ pattern }) => isMatch(pattern, name))
      if (match) found[name] = { fromBeginning: match.fromBeginning }
    }
    return found
  }
}
