'use strict'

/** listGroups, describeGroups, deleteGroups. Section 5 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const {
  brokers,
  contract,
  createTopic,
  reference,
  subject,
  uniqueGroup,
  uniqueTopic,
} = require('../harness')
const { outcomeOf } = require('./outcome')

/** The scene is set by kafkajs, whatever is under test. */
async function startMember({ group, topic, onEnd }) {
  const { Kafka, logLevel } = reference.load()
  const kafka = new Kafka({
    clientId: 'member',
    brokers: await brokers(),
    logLevel: logLevel.NOTHING,
  })
  const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
  onEnd(() => consumer.disconnect())
  await consumer.subscribe({ topics: [topic] })
  const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
  await consumer.run({ eachMessage: async () => {} })
  const { payload } = await joined
  return { memberId: payload.memberId, stop: () => consumer.disconnect() }
}

contract('describeGroups: unknown, active, empty', { partitions: 2 }, async context => {
  const { kafka, kafkajs, topic, group, record, mask } = context
  const admin = kafka().admin()
  const describe = groups => outcomeOf(() => admin.describeGroups(groups))

  record('none', await describe([]))
  record('unknown', await describe([group]))
  const { memberId, stop } = await startMember(context)
  mask(memberId, '<member>')
  const active = await describe([group])
  record('active', active)
  const [{ memberMetadata, memberAssignment }] = active.result.groups[0].members
  const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol
  record('buffers', [memberMetadata, memberAssignment].map(Buffer.isBuffer))
  record('subscription', MemberMetadata.decode(memberMetadata))
  const { assignment } = MemberAssignment.decode(memberAssignment)
  record('assignment', assignment[topic].sort())
  await stop()
  record('empty', await describe([group]))
})

contract('describeGroups: many at once', { partitions: 0 }, async context => {
  const { kafka, record, mask } = context
  const groups = Array.from({ length: 20 }, () => uniqueGroup('many'))
  for (const [index, group] of groups.entries()) mask(group, `<group ${index}>`)
  const { groups: described } = await kafka().admin().describeGroups(groups)
  record(
    'ids',
    described.map(({ groupId }) => groups.includes(groupId))
  )
  record(
    'states',
    described.map(({ state }) => state)
  )
})

contract('listGroups: groupId and protocolType', async context => {
  const { kafka, group, record } = context
  const { stop } = await startMember(context)
  const { groups, ...rest } = await kafka().admin().listGroups()
  record(
    'ours',
    groups.filter(({ groupId }) => groupId === group)
  )
  record('rest', rest)
  record('keys', [...new Set(groups.flatMap(Object.keys))])
  await stop()
})

contract('deleteGroups', async context => {
  const { kafka, group, record, mask } = context
  const admin = kafka().admin()
  const unknown = uniqueGroup('unknown')
  mask(unknown, '<unknown>')
  const remove = groups => outcomeOf(() => admin.deleteGroups(groups))

  record('none', await remove([]))
  record('unknown', await remove([unknown]))
  const { stop } = await startMember(context)
  record('active', await remove([group]))
  await stop()
  record('empty', await remove([group]))
  record('gone', await remove([group]))
  record('state', (await admin.describeGroups([group])).groups[0].state)
})

contract('deleteGroups: one of them fails', async context => {
  const { kafka, group, record, mask } = context
  const admin = kafka().admin()
  const unknown = uniqueGroup('unknown')
  mask(unknown, '<unknown>')
  const { stop } = await startMember(context)
  await stop()

  record('outcome', await outcomeOf(() => admin.deleteGroups([unknown, group])))
  record('state', (await admin.describeGroups([group])).groups[0].state)
})

test('describeGroups: in the order asked for, each group once asked', {
  skip: isStandIn(),
}, async () => {
  const { Kafka, logLevel } = subject.load()
  const admin = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING }).admin()
  try {
    const groups = Array.from({ length: 5 }, () => uniqueGroup())
    const asked = [...groups, groups[0]]
    const requests = []
    admin.on(admin.events.REQUEST, ({ payload }) => requests.push(payload.apiName))
    const { groups: described } = await admin.describeGroups(asked)
    assert.deepEqual(
      described.map(({ groupId }) => groupId),
      asked
    )
    assert.equal(requests.filter(name => name === 'DescribeGroups').length, 1)
  } finally {
    await admin.disconnect()
  }
})

test('a group that only has offsets is described, listed and deleted', async () => {
  const { Kafka, logLevel } = subject.load()
  const admin = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING }).admin()
  try {
    const topic = await createTopic(uniqueTopic())
    const groupId = uniqueGroup()
    await admin.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '0' }] })
    const [{ state, members }] = (await admin.describeGroups([groupId])).groups
    assert.deepEqual([state, members], ['Empty', []])
    const { groups } = await admin.listGroups()
    assert.ok(groups.some(group => group.groupId === groupId))
    assert.deepEqual(await admin.deleteGroups([groupId]), [{ groupId, errorCode: 0 }])
  } finally {
    await admin.disconnect()
  }
})

function isStandIn() {
  return subject.isStandIn && 'kafkajs asks as the broker answers'
}
