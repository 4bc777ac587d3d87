'use strict'

const { MemberAssignment, MemberMetadata } = require('../assignerProtocol')

const NAME = 'RoundRobinAssigner'
const VERSION = 0

/**
 * kafkajs' default: deals the partitions of the leader's topics out one by one to the members in order of their
 * ids, whatever the other members subscribed to. Name, version and bytes are kafkajs', so that both can be in
 * one group during a rolling upgrade.
 *
 * @type {import('../../../index').PartitionAssigner}
 */
module.exports = ({ cluster }) => ({
  name: NAME,
  version: VERSION,

  async assign({ members, topics }) {
    const memberIds = members.map(({ memberId }) => memberId).sort()
    const assignments = {}

    const partitions = topics.flatMap(topic =>
      cluster.findTopicPartitionMetadata(topic).map(({ partitionId }) => ({ topic, partitionId }))
    )
    partitions.forEach(({ topic, partitionId }, index) => {
      const memberId = memberIds[index % memberIds.length]
      assignments[memberId] ??= Object.create(null)
      assignments[memberId][topic] ??= []
      assignments[memberId][topic].push(partitionId)
    })

    return Object.entries(assignments).map(([memberId, assignment]) => ({
      memberId,
      memberAssignment: MemberAssignment.encode({ version: VERSION, assignment }),
    }))
  },

  protocol({ topics }) {
    return { name: NAME, metadata: MemberMetadata.encode({ version: VERSION, topics }) }
  },
})
