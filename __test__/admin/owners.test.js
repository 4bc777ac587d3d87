'use strict'

/** Requests go to the broker that owns them, many at once, and follow the owner when it goes. Three nodes. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { startThree, subject, uniqueGroup, uniqueTopic, waitFor } = require('../harness')

const GROUPS = 12

let cluster
let admin
let topic
const groups = Array.from({ length: GROUPS }, () => uniqueGroup('owned'))

before(async () => {
  cluster = await startThree()
  const { Kafka, logLevel } = subject.load()
  admin = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).admin()
  topic = uniqueTopic()
  await admin.createTopics({ topics: [{ topic, numPartitions: 6, replicationFactor: 3 }] })
  const partitions = [{ partition: 0, offset: '7' }]
  for (const groupId of groups) await admin.setOffsets({ groupId, topic, partitions })
})

after(async () => {
  await admin?.disconnect()
  await cluster?.stop()
})

/** Requests of one API that a task leads to, by broker. */
async function requestsOf(apiName, task) {
  const byBroker = new Map()
  const stop = admin.on(admin.events.REQUEST, ({ payload }) => {
    if (payload.apiName !== apiName) return
    byBroker.set(payload.broker, (byBroker.get(payload.broker) ?? 0) + 1)
  })
  const result = await task()
  // Events come through the same queue as results, before them.
  stop()
  return { result, byBroker }
}

/** How soon an owner is replaced depends on the brokers' own sessions. */
const nodeOf = nodeId => cluster.brokers[nodeId - 1]

test('listGroups asks every broker', async () => {
  const { result, byBroker } = await requestsOf('ListGroups', () => admin.listGroups())
  const ids = result.groups.map(({ groupId }) => groupId)
  assert.ok(groups.every(group => ids.includes(group)))
  assert.equal(byBroker.size, 3)
})

test('describeGroups: one request per coordinator', { skip: standIn() }, async () => {
  const { result, byBroker } = await requestsOf('DescribeGroups', () =>
    admin.describeGroups(groups)
  )
  assert.deepEqual(
    result.groups.map(({ groupId, state }) => [groupId, state]),
    groups.map(group => [group, 'Empty'])
  )
  assert.ok([...byBroker.values()].every(count => count === 1))
})

test('fetchTopicOffsets: each leader is asked for its partitions', {
  skip: standIn(),
}, async () => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  const leaders = new Set(topics[0].partitions.map(({ leader }) => nodeOf(leader)))
  const task = () => admin.fetchTopicOffsets(topic)
  const { result, byBroker } = await requestsOf('ListOffsets', task)
  assert.deepEqual(
    result.map(({ partition }) => partition),
    [0, 1, 2, 3, 4, 5]
  )
  assert.deepEqual([...byBroker.keys()].sort(), [...leaders].sort())
})

test('describeConfigs: each broker is asked for its own', async () => {
  const resources = [1, 2, 3].map(id => ({ type: 4, name: `${id}`, configNames: ['node.id'] }))
  const task = () => admin.describeConfigs({ resources })
  const { result, byBroker } = await requestsOf('DescribeConfigs', task)
  const ids = result.resources.map(({ resourceName, configEntries }) => [
    resourceName,
    configEntries[0].configValue,
  ])
  assert.deepEqual(ids.sort(), [
    ['1', '1'],
    ['2', '2'],
    ['3', '3'],
  ])
  assert.equal(byBroker.size, 3)
})

test('deleteTopicRecords: each leader is asked for its partitions', async () => {
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  const leaders = new Set(topics[0].partitions.map(({ leader }) => nodeOf(leader)))
  const partitions = [0, 1, 2, 3, 4, 5].map(partition => ({ partition, offset: '-1' }))
  const task = () => admin.deleteTopicRecords({ topic, partitions })
  const { byBroker } = await requestsOf('DeleteRecords', task)
  assert.deepEqual([...byBroker.keys()].sort(), [...leaders].sort())
})

test('alterPartitionReassignments and listPartitionReassignments move replicas', async () => {
  const moving = uniqueTopic('moving')
  const replicaAssignment = [{ partition: 0, replicas: [1] }]
  await admin.createTopics({ topics: [{ topic: moving, replicaAssignment }] })
  const partitionAssignment = [{ partition: 0, replicas: [2, 3] }]
  await admin.alterPartitionReassignments({ topics: [{ topic: moving, partitionAssignment }] })
  const seen = await admin.listPartitionReassignments({
    topics: [{ topic: moving, partitions: [0] }],
  })
  for (const { name, partitions } of seen.topics) {
    assert.equal(name, moving)
    const keys = ['partition', 'replicas', 'addingReplicas', 'removingReplicas']
    assert.deepEqual(Object.keys(partitions[0]), keys)
  }
  const replicas = async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [moving] })
    return topics[0].partitions[0].replicas
  }
  await waitFor(async () => `${await replicas()}` === '2,3', { message: 'the replicas to move' })
  assert.deepEqual(await admin.listPartitionReassignments({}), { topics: [] })
})

test('a broker dies: leaders, coordinators and the controller are found again', {
  skip: standIn(),
}, async () => {
  const { partitions } = (await admin.fetchTopicMetadata({ topics: [topic] })).topics[0]
  const victim = partitions[0].leader
  await cluster.kill(victim)

  const [{ offset }] = await admin.fetchTopicOffsets(topic)
  assert.equal(offset, '0')
  const committed = await Promise.all(
    groups.map(groupId => admin.fetchOffsets({ groupId, topics: [topic] }))
  )
  for (const [{ partitions: stored }] of committed) assert.equal(stored[0].offset, '7')
  const { groups: described } = await admin.describeGroups(groups)
  assert.ok(described.every(({ state }) => state === 'Empty'))
  const next = uniqueTopic()
  const created = await admin.createTopics({ topics: [{ topic: next, replicationFactor: 2 }] })
  assert.equal(created, true)
  assert.equal((await admin.describeCluster()).brokers.length, 2)
  const { groups: listed } = await admin.listGroups()
  assert.ok(groups.every(group => listed.some(({ groupId }) => groupId === group)))
  assert.deepEqual(
    await admin.deleteGroups(groups),
    groups.map(groupId => ({ groupId, errorCode: 0 }))
  )
})

function standIn() {
  return subject.isStandIn && 'kafkajs does otherwise'
}
