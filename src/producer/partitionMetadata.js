'use strict'

/**
 * The partitions of topics as custom partitioners see them, kept until the core's snapshot changes.
 */

/**
 * @param {object} params
 * @param {() => object} params.native the core's producer
 * @param {import('../../index').Cluster} params.cluster
 * @returns {{ of: (topic: string) => object[], areKnown: (topicMessages: object[]) => boolean,
 *   whenKnown: (topicMessages: object[], load: () => Promise<unknown>, hand: () => Promise<object[]>) =>
 *   Promise<object[]> }}
 */
module.exports = ({ native, cluster }) => {
  const cache = new Map()
  let generation = -1
  // Calls that wait for partitions keep later ones behind them: the order of the calls is the order of the records.
  let gate = null

  const of = topic => {
    const current = native().metadataGeneration()
    if (current !== generation) {
      cache.clear()
      generation = current
    }
    if (!cache.has(topic)) {
      const isLoaded = cluster.brokerPool.metadata !== null
      cache.set(topic, isLoaded ? cluster.findTopicPartitionMetadata(topic) : [])
    }
    return cache.get(topic)
  }

  const hasPartitions = ({ topic }) => of(topic).length > 0

  return {
    of,

    areKnown: topicMessages => gate === null && topicMessages.every(hasPartitions),

    /** Waits for its turn and for the partitions, and hands the call over before anybody else has a turn. */
    whenKnown: async (topicMessages, load, hand) => {
      const before = gate
      const turn = (async () => {
        // Whether the one before could be sent is its own affair.
        await before?.catch(() => {})
        if (!topicMessages.every(hasPartitions)) await load()
      })()
      gate = turn
      try {
        await turn
        return hand()
      } finally {
        if (gate === turn) gate = null
      }
    },
  }
}
