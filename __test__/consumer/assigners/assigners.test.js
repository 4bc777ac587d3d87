'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')

const kafkajs = require('kafkajs')
const ours = require('../../../src/consumer/assigners')
const { MemberAssignment, MemberMetadata } = require('../../../src/consumer/assignerProtocol')

/** A cluster with this many partitions per topic. Ids are out of order, as a broker may send them. */
const clusterOf = (partitions, hidden = {}) => {
  const known = { ...partitions }
  return {
    asked: [],
    async addTargetTopic(topic) {
      this.asked.push(topic)
      if (!Object.hasOwn(hidden, topic)) throw new Error(`no topic ${topic}`)
      known[topic] = hidden[topic]
    },
    findTopicPartitionMetadata: topic => {
      assert.ok(Object.hasOwn(known, topic), `${topic} is known`)
      return Array.from({ length: known[topic] }, (_, index) => ({
        partitionId: known[topic] - 1 - index,
        leader: 0,
      }))
    },
  }
}

const recordingLogger = () => {
  const warnings = []
  return { warnings, warn: (...args) => warnings.push(args) }
}

/** Members by the topics they subscribed to. */
const membersOf = subscriptions =>
  Object.entries(subscriptions).map(([memberId, topics]) => ({
    memberId,
    memberMetadata: MemberMetadata.encode({ version: 0, topics }),
    groupInstanceId: null,
  }))

const decoded = assignments =>
  Object.fromEntries(
    assignments.map(({ memberId, memberAssignment }) => [
      memberId,
      MemberAssignment.decode(memberAssignment).assignment,
    ])
  )

test('roundRobin is what kafkajs has, range comes on top', () => {
  assert.deepEqual(Object.keys(kafkajs.PartitionAssigners), ['roundRobin'])
  assert.deepEqual(Object.keys(ours), ['roundRobin', 'range'])
})

for (const [library, { roundRobin }] of Object.entries({
  kafkajs: kafkajs.PartitionAssigners,
  ours,
})) {
  describe(`${library}: roundRobin`, () => {
    test('has the wire name that keeps rolling upgrades in one group', () => {
      const assigner = roundRobin({ cluster: clusterOf({}), groupId: 'g', logger: {} })
      assert.deepEqual(Object.keys(assigner), ['name', 'version', 'assign', 'protocol'])
      assert.equal(assigner.name, 'RoundRobinAssigner')
      assert.equal(assigner.version, 0)
      const { name, metadata } = assigner.protocol({ topics: ['a', 'b'] })
      assert.equal(name, 'RoundRobinAssigner')
      assert.equal(metadata.toString('hex'), '0000000000020001610001620000' + '0000')
    })

    test('deals one running list of partitions to the members in order of their ids', async () => {
      const assigner = roundRobin({ cluster: clusterOf({ a: 3, b: 2 }), groupId: 'g' })
      const members = membersOf({ m2: ['a', 'b'], m1: ['a', 'b'] })
      assert.deepEqual(decoded(await assigner.assign({ members, topics: ['a', 'b'] })), {
        m1: { a: [2, 0], b: [0] },
        m2: { a: [1], b: [1] },
      })
    })
  })
}

describe('roundRobin', () => {
  const groups = [
    [{ a: 1 }, { m1: ['a'] }, ['a']],
    [{ a: 12, b: 3, c: 0 }, { m3: ['a'], m1: ['b'], m2: [] }, ['a', 'b', 'c']],
    [{ a: 1 }, { m1: ['a'], m2: ['a'], m3: ['a'] }, ['a']],
    [
      { a: 25, 7: 3 },
      Object.fromEntries(Array.from({ length: 12 }, (_, i) => [i, ['a']])),
      ['a', '7'],
    ],
    [{ a: 0 }, { m1: ['a'] }, ['a']],
    [{ a: 2 }, { m1: ['a'] }, []],
  ]
  groups.forEach(([partitions, subscriptions, topics], index) => {
    test(`gives kafkajs' members kafkajs' bytes (${index})`, async () => {
      const assign = factory =>
        factory({ cluster: clusterOf(partitions), groupId: 'g' }).assign({
          members: membersOf(subscriptions),
          topics,
        })
      assert.deepEqual(
        await assign(ours.roundRobin),
        await assign(kafkajs.PartitionAssigners.roundRobin)
      )
    })
  })
})

describe('range', () => {
  const assign = async (partitions, subscriptions, topics, hidden) => {
    const cluster = clusterOf(partitions, hidden)
    const logger = recordingLogger()
    const assigner = ours.range({ cluster, groupId: 'g', logger })
    const assigned = await assigner.assign({ members: membersOf(subscriptions), topics })
    return { assigned: decoded(assigned), asked: cluster.asked, warnings: logger.warnings }
  }

  test("has Kafka's wire name and the plain subscription", () => {
    const assigner = ours.range({ cluster: clusterOf({}), groupId: 'g', logger: {} })
    const { name, metadata } = assigner.protocol({ topics: ['a'] })
    assert.deepEqual([assigner.name, assigner.version, name], ['range', 0, 'range'])
    assert.deepEqual(MemberMetadata.decode(metadata).topics, ['a'])
  })

  test('gives neighbours, the longer runs first, and cuts equal topics alike', async () => {
    const both = ['a', 'b']
    const { assigned } = await assign({ a: 7, b: 7 }, { m3: both, m1: both, m2: both }, both)
    assert.deepEqual(assigned, {
      m1: { a: [0, 1, 2], b: [0, 1, 2] },
      m2: { a: [3, 4], b: [3, 4] },
      m3: { a: [5, 6], b: [5, 6] },
    })
  })

  test('a topic goes to its subscribers only', async () => {
    const { assigned, asked } = await assign({ a: 2, b: 3 }, { m1: ['a', 'b'], m2: ['b'] }, [
      'a',
      'b',
    ])
    assert.deepEqual(assigned, { m1: { a: [0, 1], b: [0, 1] }, m2: { b: [2] } })
    assert.deepEqual(asked, [])
  })

  test('members without a partition get an empty assignment, so that they know', async () => {
    const { assigned } = await assign({ a: 1 }, { m1: ['a'], m2: ['a'], m3: [] }, ['a'])
    assert.deepEqual(assigned, { m1: { a: [0] }, m2: {}, m3: {} })
  })

  test("topics of other members are looked up, and one that cannot be is only that member's loss", async () => {
    const { assigned, asked, warnings } = await assign(
      { a: 1 },
      { m1: ['a'], m2: ['other', 'gone', 'a'] },
      ['a'],
      { other: 2 }
    )
    assert.deepEqual(asked, ['other', 'gone'])
    assert.deepEqual(assigned, { m1: { a: [0] }, m2: { other: [0, 1] } })
    assert.deepEqual(warnings, [
      ['Cannot assign a topic of another member: no topic gone', { groupId: 'g', topic: 'gone' }],
    ])
  })

  test('a topic named twice in a subscription counts once', async () => {
    const { assigned } = await assign({ a: 2 }, { m1: ['a', 'a'], m2: ['a'] }, ['a'])
    assert.deepEqual(assigned, { m1: { a: [0] }, m2: { a: [1] } })
  })
})
