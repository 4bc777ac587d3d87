'use strict'

/** Contract 4.11: the cluster that an assigner is given, method by method, as kafkajs declares it. */

const { contract } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')

/** A consumer whose assigner hands out its cluster. */
async function clusterOf({ kafka, kafkajs, topic, group }) {
  let cluster
  const consumer = kafka().consumer({
    groupId: group,
    ...SHORT_POLL,
    partitionAssigners: [
      config => {
        cluster = config.cluster
        return kafkajs.PartitionAssigners.roundRobin(config)
      },
    ],
  })
  await consumer.connect()
  await consumer.subscribe({ topic })
  await cluster.refreshMetadata()
  return cluster
}

contract('4.11 cluster: brokers and who leads', { partitions: 3 }, async context => {
  const { record, topic } = context
  const cluster = await clusterOf(context)
  await cluster.refreshMetadataIfNecessary()
  record('isConnected', cluster.isConnected())
  const nodeIds = cluster.getNodeIds()
  record('getNodeIds', nodeIds)
  const [nodeId] = nodeIds
  record('findBroker', Number((await cluster.findBroker({ nodeId })).nodeId))
  record('findControllerBroker', Number((await cluster.findControllerBroker()).nodeId))
  record('no such broker', await errorOf(() => cluster.findBroker({ nodeId: '4711' })))
  record('findLeaderForPartitions', cluster.findLeaderForPartitions(topic, [0, 1, 2]))
  record('partitions nobody has', cluster.findLeaderForPartitions(topic, [99]))
  const partitions = cluster.findTopicPartitionMetadata(topic)
  const byId = (a, b) => a.partitionId - b.partitionId
  record('findTopicPartitionMetadata', [...partitions].sort(byId))
  record('of a topic nobody knows', cluster.findTopicPartitionMetadata('nobody-knows'))
})

contract('4.11 cluster: topics it follows', { partitions: 1 }, async context => {
  const { record, topic } = context
  const cluster = await clusterOf(context)
  await cluster.addTargetTopic(topic)
  await cluster.addMultipleTargetTopics([topic])
  const { brokers, clusterId, controllerId } = await cluster.metadata({ topics: [topic] })
  record('metadata', { brokers: brokers.length, clusterId, controllerId: typeof controllerId })
})

contract('4.11 cluster: coordinator and offsets', { partitions: 2 }, async context => {
  const { group, record, topic } = context
  const cluster = await clusterOf(context)
  const { nodeId } = await cluster.findGroupCoordinator({ groupId: group })
  record('findGroupCoordinator', Number(nodeId))
  for (const fromBeginning of [true, false]) {
    record('defaultOffset', cluster.defaultOffset({ fromBeginning }))
    const partitions = [{ partition: 0 }, { partition: 1 }]
    const asked = [{ topic, partitions, fromBeginning }]
    const [found] = await cluster.fetchTopicsOffset(asked)
    record('topic', found.topic)
    const byPartition = (a, b) => a.partition - b.partition
    record('offsets', [...found.partitions].sort(byPartition))
  }
})

contract('4.11 cluster: the coordinator’s address', async context => {
  const { group, record } = context
  const cluster = await clusterOf(context)
  const given = await cluster.findGroupCoordinatorMetadata({ groupId: group })
  const { errorCode, coordinator } = given
  record('findGroupCoordinatorMetadata', { errorCode, coordinator })
})

contract('4.11 cluster: a broker can be removed, the cluster disconnected', async context => {
  const { record, brokers, library } = context
  const cluster = await clusterOf(context)
  const [host, port] = brokers[0].split(':')
  // kafkajs forgets the broker with its socket open, which would keep this process alive.
  if (library === 'kafkajs-rs') cluster.removeBroker({ host, port: Number(port) })
  await cluster.connect()
  record('connected', cluster.isConnected())
  await cluster.disconnect()
  record('disconnected', cluster.isConnected())
})
