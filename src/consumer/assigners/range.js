'use strict'

const { MemberAssignment, MemberMetadata } = require('../assignerProtocol')

const NAME = 'range'
const VERSION = 0

/** Cuts `items` into `count` runs; the first ones are longer by one if they cannot all be equal. */
const runs = (items, count) => {
  const length = Math.floor(items.length / count)
  const longer = items.length % count
  return Array.from({ length: count }, (_, index) => {
    const start = index * length + Math.min(index, longer)
    return items.slice(start, start + length + (index < longer ? 1 : 0))
  })
}

/**
 * Apache Kafka's range assignor: of each topic, every member that subscribed to it gets one run of neighbouring
 * partitions. Topics with equally many partitions are thereby cut alike, which joins by key need.
 *
 * @see https://kafka.apache.org/documentation/#consumerconfigs_partition.assignment.strategy
 * @type {import('../../../index').PartitionAssigner}
 */
module.exports = ({ cluster, groupId, logger }) => ({
  name: NAME,
  version: VERSION,

  async assign({ members, topics }) {
    const assignments = new Map(members.map(({ memberId }) => [memberId, {}]))
    const subscribers = new Map()
    for (const { memberId, memberMetadata } of members) {
      for (const topic of new Set(MemberMetadata.decode(memberMetadata).topics)) {
        subscribers.set(topic, [...(subscribers.get(topic) ?? []), memberId])
      }
    }

    // The leader's own metadata need not cover what only other members subscribed to.
    const foreign = [...subscribers.keys()].filter(topic => !topics.includes(topic))
    for (const topic of foreign) {
      try {
        await cluster.addTargetTopic(topic)
      } catch (e) {
        // One member's bad topic must not keep the others from their partitions.
        logger.warn(`Cannot assign a topic of another member: ${e.message}`, { groupId, topic })
        subscribers.delete(topic)
      }
    }

    for (const [topic, memberIds] of subscribers) {
      const partitions = cluster
        .findTopicPartitionMetadata(topic)
        .map(({ partitionId }) => partitionId)
        .sort((a, b) => a - b)
      const sorted = memberIds.sort()
      runs(partitions, sorted.length).forEach((run, index) => {
        if (run.length > 0) assignments.get(sorted[index])[topic] = run
      })
    }

    return [...assignments].map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version: VERSION, assignment }),
    }))
  },

  protocol({ topics }) {
    return { name: NAME, metadata: MemberMetadata.encode({ version: VERSION, topics }) }
  },
})
