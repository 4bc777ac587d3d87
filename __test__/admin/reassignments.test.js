'use strict'

/** alterPartitionReassignments, listPartitionReassignments. Section 5 of kafkajs' behaviour. */

const { contract, uniqueTopic } = require('../harness')
const { outcomeOf } = require('./outcome')

contract(
  'alterPartitionReassignments: undefined, or one error each',
  { partitions: 3 },
  async context => {
    const { kafka, topic, record, mask } = context
    const admin = kafka().admin()
    const missing = uniqueTopic('missing')
    mask(missing, '<missing>')
    const { brokers: nodes } = await admin.describeCluster()
    const replicas = [nodes[0].nodeId]
    const alter = (name, partitionAssignment) =>
      outcomeOf(() =>
        admin.alterPartitionReassignments({ topics: [{ topic: name, partitionAssignment }] })
      )

    record('where it is', await alter(topic, [{ partition: 0, replicas }]))
    record('nowhere', await alter(topic, [{ partition: 0, replicas: [77] }]))
    const mixed = [
      { partition: 0, replicas },
      { partition: 1, replicas: [77] },
      { partition: 2, replicas: [] },
    ]
    record('one error each', await alter(topic, mixed))
    record('missing', await alter(missing, [{ partition: 0, replicas }]))
    record('none', await outcomeOf(() => admin.alterPartitionReassignments({ topics: [] })))
  }
)

contract('listPartitionReassignments: nothing moves', { partitions: 2 }, async context => {
  const { kafka, topic, record, mask } = context
  const admin = kafka().admin()
  const missing = uniqueTopic('missing')
  mask(missing, '<missing>')
  const list = options => outcomeOf(() => admin.listPartitionReassignments(options))

  record('all', await list({}))
  record('all', await list({ topics: null, timeout: 1000 }))
  record('a topic', await list({ topics: [{ topic, partitions: [0, 1] }] }))
  record('no partition', await list({ topics: [{ topic, partitions: [] }] }))
  record('missing', await list({ topics: [{ topic: missing, partitions: [0] }] }))
})
