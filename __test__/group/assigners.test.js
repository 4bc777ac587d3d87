'use strict'

/** Assigners written in JavaScript, and those of the core. Section 4.11, fact 18. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { contract, waitFor, within } = require('../harness')
const { consume, ours } = require('../consumer/scene')

/** Gives everything to the member whose user data says so. */
const makeAssigner = ({ name = 'Chosen', calls = [], chosen = false, assign } = {}) => {
  const factory = ({ cluster, groupId, logger }) => {
    calls.push(['made', Object.keys({ cluster, groupId, logger }), groupId, typeof logger.info])
    return {
      name,
      version: 3,
      assign:
        assign ??
        (async ({ members, topics }) => {
          const { MemberAssignment, MemberMetadata } = makeAssigner.protocol
          const decoded = members.map(({ memberId, memberMetadata, groupInstanceId }) => {
            assert.ok(Buffer.isBuffer(memberMetadata))
            assert.equal(groupInstanceId, null)
            return { memberId, ...MemberMetadata.decode(memberMetadata) }
          })
          calls.push([
            'assign',
            decoded.map(({ version, topics, userData }) => [version, topics, String(userData)]),
            topics,
          ])
          const winner = decoded.find(({ userData }) => String(userData) === 'chosen') ?? decoded[0]
          const assignment = {}
          for (const topic of topics) {
            const partitions = cluster.findTopicPartitionMetadata(topic)
            assignment[topic] = partitions.map(({ partitionId }) => partitionId)
          }
          return [
            {
              memberId: winner.memberId,
              memberAssignment: MemberAssignment.encode({
                version: 3,
                assignment,
                userData: Buffer.from('u'),
              }),
            },
          ]
        }),
      protocol({ topics }) {
        const { MemberMetadata } = makeAssigner.protocol
        const userData = Buffer.from(chosen ? 'chosen' : '')
        return { name, metadata: MemberMetadata.encode({ version: 3, topics, userData }) }
      },
    }
  }
  return factory
}

contract('an assigner of the program', { partitions: 3 }, async context => {
  makeAssigner.protocol = context.kafkajs.AssignerProtocol
  const { topic, record, mask } = context
  const calls = []
  const joins = []
  const { consumer } = await consume(context, {
    partitionAssigners: [makeAssigner({ calls })],
    heartbeatInterval: 100,
  })
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joins.push(payload.memberAssignment))
  const { consumer: second } = await consume(context, {
    partitionAssigners: [makeAssigner({ calls: [], chosen: true })],
    heartbeatInterval: 100,
  })
  await waitFor(() => joins.length > 0)
  mask(topic, '<topic>')
  record('made', calls[0])
  record('first assign', calls[1])
  record('first has', joins.at(-1))
  record('second has', second.paused())
  second.pause([{ topic }])
  record('second has', second.paused())
  const { protocol, members } = await consumer.describeGroup()
  record('protocol', protocol)
  const { MemberAssignment } = context.kafkajs.AssignerProtocol
  const assigned = members
    .map(({ memberAssignment }) => MemberAssignment.decode(memberAssignment))
    .filter(decoded => decoded !== null)
  record('assigned', assigned)
})

contract('an assigner that throws: the consumer crashes with what it threw', async context => {
  makeAssigner.protocol = context.kafkajs.AssignerProtocol
  const { kafka, group, topic, record } = context
  const assign = async () => {
    throw new TypeError('cannot deal')
  }
  const consumer = kafka().consumer({
    groupId: group,
    partitionAssigners: [makeAssigner({ assign })],
    retry: { retries: 0 },
  })
  let crash
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crash = payload
  })
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => crash)
  record('crash', crash)
})

contract(
  'several assigners: the group takes one that all members know',
  { partitions: 2 },
  async context => {
    makeAssigner.protocol = context.kafkajs.AssignerProtocol
    const { kafkajs, record } = context
    const { roundRobin } = kafkajs.PartitionAssigners
    const { consumer } = await consume(context, {
      partitionAssigners: [makeAssigner(), roundRobin],
      heartbeatInterval: 100,
    })
    record('alone', (await consumer.describeGroup()).protocol)
    const protocols = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => protocols.push(payload.groupProtocol))
    await consume(context, { partitionAssigners: [roundRobin], heartbeatInterval: 100 })
    await waitFor(() => protocols.length > 0)
    record('together', protocols.at(-1))
  }
)

contract('an assigner nobody else has: the group refuses the member', async context => {
  makeAssigner.protocol = context.kafkajs.AssignerProtocol
  const { kafka, group, topic, record } = context
  await consume(context)
  const consumer = kafka().consumer({ groupId: group, partitionAssigners: [makeAssigner()] })
  let crash
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crash = payload
  })
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => crash)
  record('crash', crash)
})

test('range: neighbouring partitions, of each topic its own members', async t => {
  const context = await ours(t, { partitions: 4 })
  const { range } = context.module.PartitionAssigners
  const { consumer } = await consume(context, {
    partitionAssigners: [range],
    heartbeatInterval: 100,
  })
  const shares = []
  const follow = member =>
    member.on(member.events.GROUP_JOIN, ({ payload }) =>
      shares.push(payload.memberAssignment[context.topic])
    )
  follow(consumer)
  const second = context.kafka().consumer({
    groupId: context.group,
    partitionAssigners: [range],
    heartbeatInterval: 100,
  })
  follow(second)
  await second.subscribe({ topics: [context.topic] })
  await second.run({ eachMessage: async () => {} })
  await waitFor(() => shares.length >= 2)
  assert.deepEqual(shares.slice(-2).sort(), [
    [0, 1],
    [2, 3],
  ])
})

test('an assigner that never answers is given up, and disconnect does not wait for it', async t => {
  const context = await ours(t)
  makeAssigner.protocol = context.module.AssignerProtocol
  let asked = false
  const assign = () => {
    asked = true
    return new Promise(() => {})
  }
  const consumer = context.kafka().consumer({
    groupId: context.group,
    partitionAssigners: [makeAssigner({ assign })],
  })
  await consumer.subscribe({ topics: [context.topic] })
  const running = consumer.run({ eachMessage: async () => {} })
  await waitFor(() => asked)
  await within(10_000, consumer.disconnect(), 'disconnect')
  await within(10_000, running, 'run')
})
