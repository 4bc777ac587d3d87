'use strict'

/**
 * What an admin makes of answers that a healthy Kafka seldom gives, and what it asks for when it is told little. A
 * scripted broker answers both libraries alike. Section 5.
 */

const assert = require('node:assert/strict')
const { describe } = require('node:test')
const { outcomeOf } = require('../admin/outcome')
const { contract } = require('../harness')
const { API, bodyOf, list, write } = require('../harness/wire')
const { codesOnly, codesWithText, scripted } = require('./scriptedAdmin')

const {
  LIST_OFFSETS,
  OFFSET_FETCH,
  DESCRIBE_GROUPS,
  LIST_GROUPS,
  CREATE_TOPICS,
  DELETE_TOPICS,
  DELETE_RECORDS,
  CREATE_PARTITIONS,
  DELETE_GROUPS,
  LIST_PARTITION_REASSIGNMENTS,
} = API

const LEADER_NOT_AVAILABLE = 5
const NOT_LEADER = 6
const REQUEST_TIMED_OUT = 7
const NOT_AVAILABLE = 15
const NOT_COORDINATOR = 16
const TOPIC_DENIED = 29
const GROUP_DENIED = 30
const CLUSTER_DENIED = 31
const INVALID_PARTITIONS = 37
const NOT_CONTROLLER = 41

const NO_TOPIC = { partitions: 0 }

const describedGroups = codes =>
  write(encoder => {
    list(encoder, Object.entries(codes), ([group, code]) => {
      encoder
        .writeInt16(code)
        .writeString(group)
        .writeString(code === 0 ? 'Empty' : '')
      encoder.writeString('').writeString('').writeInt32(0)
    })
  })

const listedGroups = code =>
  write(encoder => {
    encoder.writeInt16(code)
    list(encoder, code === 0 ? ['g'] : [], group => encoder.writeString(group).writeString('own'))
  })

const committed = code =>
  write(encoder => {
    list(encoder, code === 0 ? ['t'] : [], topic => {
      encoder.writeString(topic)
      list(encoder, [0], partition =>
        encoder.writeInt32(partition).writeInt64('5').writeString('').writeInt16(0)
      )
    })
    encoder.writeInt16(code)
  })

const listedOffsets = offset =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, ['t'], topic => {
      encoder.writeString(topic)
      list(encoder, [0], partition =>
        encoder.writeInt32(partition).writeInt16(0).writeInt64('-1').writeInt64(offset)
      )
    })
  })

const deletedRecords = code =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, ['t'], topic => {
      encoder.writeString(topic)
      list(encoder, [0], partition =>
        encoder.writeInt32(partition).writeInt64('-1').writeInt16(code)
      )
    })
  })

/** Partition 0 of `t` moves from node 1 to node 2. Flexible: compact lengths, and tags at the end of each structure. */
const reassignments = write(encoder => {
  const NO_TAGS = Buffer.from([0])
  encoder.writeBuffer(NO_TAGS).writeInt32(0).writeInt16(0).writeUVarInt(0)
  encoder.writeUVarInt(2).writeUVarInt(2).writeBuffer(Buffer.from('t'))
  encoder.writeUVarInt(2).writeInt32(0)
  for (const nodes of [[2, 1], [2], [1]]) {
    encoder.writeUVarInt(nodes.length + 1)
    for (const node of nodes) encoder.writeInt32(node)
  }
  for (let structure = 0; structure < 3; structure++) encoder.writeBuffer(NO_TAGS)
})

const LEADERLESS = [{ name: 't', code: LEADER_NOT_AVAILABLE }]

const notFound = node => ({
  error: {
    class: 'KafkaJSBrokerNotFound',
    message: `Broker ${node} not found in the cached metadata`,
    name: 'KafkaJSBrokerNotFound',
    retriable: true,
    helpUrl: undefined,
  },
})
const ELECTION = 'ours waits for a controller to be elected, with the back-off of the call'

describe('what an admin makes of answers', { concurrency: 6 }, () => {
  contract('5 what is asked for by default', NO_TOPIC, async context => {
    const { admin, requests } = await scripted(context, {
      [CREATE_TOPICS]: [codesWithText({ t: 0 })],
      [DELETE_TOPICS]: [codesOnly({ t: 0 })],
      [CREATE_PARTITIONS]: [codesWithText({ t: 0 })],
    })
    await admin.createTopics({ topics: [{ topic: 't' }] })
    await admin.createPartitions({ topicPartitions: [{ topic: 't', count: 2 }] })
    await admin.deleteTopics({ topics: ['t'] })
    for (const key of [CREATE_TOPICS, CREATE_PARTITIONS, DELETE_TOPICS]) {
      context.record(
        `api ${key}`,
        requests(key).map(request => bodyOf(request).toString('hex'))
      )
    }
  })

  contract('5 an operation is repeated by NOT_CONTROLLER only', NO_TOPIC, async context => {
    const grow = admin =>
      outcomeOf(() => admin.createPartitions({ topicPartitions: [{ topic: 't', count: 2 }] }))
    for (const code of [NOT_CONTROLLER, CLUSTER_DENIED, REQUEST_TIMED_OUT]) {
      const { admin, requests } = await scripted(context, {
        [CREATE_PARTITIONS]: [codesWithText({ t: code }), codesWithText({ t: 0 })],
      })
      context.record(`code ${code}`, await grow(admin))
      context.record(`code ${code}`, requests(CREATE_PARTITIONS).length)
    }
    const { admin, requests } = await scripted(context, {
      [CREATE_PARTITIONS]: [codesWithText({ t: NOT_CONTROLLER })],
    })
    context.record('for ever', await grow(admin))
    context.record('for ever', requests(CREATE_PARTITIONS).length)
  })

  contract('5 createPartitions: the first error is thrown as it is', NO_TOPIC, async context => {
    const answer = codesWithText({ a: 0, b: INVALID_PARTITIONS, c: TOPIC_DENIED })
    const { admin } = await scripted(context, { [CREATE_PARTITIONS]: [answer] })
    const topicPartitions = ['a', 'b', 'c'].map(topic => ({ topic, count: 2 }))
    context.record('outcome', await outcomeOf(() => admin.createPartitions({ topicPartitions })))
  })

  contract(
    '5 createTopics: NOT_CONTROLLER of a topic',
    {
      ...NO_TOPIC,
      differences: {
        outcome: {
          reason: 'ours asks the controller of now for the topics that are left',
          ours: [{ result: true }, 2],
        },
      },
    },
    async context => {
      const { admin, requests } = await scripted(context, {
        [CREATE_TOPICS]: [codesWithText({ t: NOT_CONTROLLER }), codesWithText({ t: 0 })],
      })
      context.record(
        'outcome',
        await outcomeOf(() => admin.createTopics({ topics: [{ topic: 't' }] }))
      )
      context.record('outcome', requests(CREATE_TOPICS).length)
    }
  )

  contract(
    '5 createTopics: leaders are waited for up to timeout',
    { ...NO_TOPIC, concurrent: true },
    async context => {
      const create = async more => {
        const script = { [CREATE_TOPICS]: [codesWithText({ t: 0 })] }
        const { admin } = await scripted(context, script, { named: LEADERLESS })
        const started = Date.now()
        const outcome = await outcomeOf(() =>
          admin.createTopics({ topics: [{ topic: 't' }], ...more })
        )
        return { outcome, took: Date.now() - started }
      }
      const short = await create({ timeout: 300 })
      context.record('300 ms', short.outcome)
      const long = await create()
      context.record('default', long.outcome)
      // 10 s are the default of this wait; the broker's own timeout is 5 s.
      context.record('longer', long.took > 9000)
      context.record('without the wait', (await create({ waitForLeaders: false })).outcome)
    }
  )

  contract('5 deleteTopics: REQUEST_TIMED_OUT', NO_TOPIC, async context => {
    const script = { [DELETE_TOPICS]: [codesOnly({ t: REQUEST_TIMED_OUT })] }
    const { admin, requests } = await scripted(context, script)
    context.record('outcome', await outcomeOf(() => admin.deleteTopics({ topics: ['t'] })))
    context.record('requests', requests(DELETE_TOPICS).length)
  })

  contract('5 listTopics: one topic in error', NO_TOPIC, async context => {
    const topics = [{ name: 'fine' }, { name: 'denied', code: TOPIC_DENIED }]
    const { admin } = await scripted(context, {}, { topics })
    context.record('listTopics', await outcomeOf(() => admin.listTopics()))
    context.record('all', await outcomeOf(() => admin.fetchTopicMetadata()))
    const named = { topics: ['fine', 'denied'] }
    context.record('named', await outcomeOf(() => admin.fetchTopicMetadata(named)))
  })

  contract('5 describeCluster: no controller', NO_TOPIC, async context => {
    const { admin } = await scripted(context, {}, { controller: -1 })
    const { controller, clusterId } = await admin.describeCluster()
    context.record('result', [controller, clusterId])
  })

  contract(
    '5 fetchOffsets and listGroups: an owner that has gone, or is not ready',
    {
      ...NO_TOPIC,
      differences: {
        fetchOffsets: {
          reason: 'kafkajs has no retries there',
          ours: [
            {
              result: [{ topic: 't', partitions: [{ partition: 0, offset: '5', metadata: null }] }],
            },
          ],
        },
        listGroups: {
          reason: 'kafkajs has no retries there',
          ours: [{ result: { groups: [{ groupId: 'g', protocolType: 'own' }] } }],
        },
      },
    },
    async context => {
      const { admin } = await scripted(context, {
        [OFFSET_FETCH]: [committed(NOT_COORDINATOR), committed(0)],
        [LIST_GROUPS]: [listedGroups(NOT_AVAILABLE), listedGroups(0)],
      })
      const about = { groupId: 'g', topics: ['t'] }
      context.record('fetchOffsets', await outcomeOf(() => admin.fetchOffsets(about)))
      context.record('listGroups', await outcomeOf(() => admin.listGroups()))
    }
  )

  contract('5 fetchOffsets and listGroups: what the broker refuses', NO_TOPIC, async context => {
    const { admin } = await scripted(context, {
      [OFFSET_FETCH]: [committed(GROUP_DENIED)],
      [LIST_GROUPS]: [listedGroups(CLUSTER_DENIED)],
    })
    const about = { groupId: 'g', topics: ['t'] }
    context.record('fetchOffsets', await outcomeOf(() => admin.fetchOffsets(about)))
    context.record('listGroups', await outcomeOf(() => admin.listGroups()))
  })

  contract('5 describeGroups: the first error is thrown', NO_TOPIC, async context => {
    const answer = describedGroups({ a: 0, b: GROUP_DENIED, c: CLUSTER_DENIED })
    const { admin } = await scripted(context, { [DESCRIBE_GROUPS]: [answer] })
    context.record('outcome', await outcomeOf(() => admin.describeGroups(['a', 'b', 'c'])))
  })

  contract(
    '5 deleteGroups: not the coordinator',
    {
      ...NO_TOPIC,
      differences: {
        outcome: {
          reason: 'ours asks the coordinator of now for the groups that are left',
          ours: [{ result: [{ groupId: 'a', errorCode: 0 }] }, 2],
        },
      },
    },
    async context => {
      const { admin, requests } = await scripted(context, {
        [DELETE_GROUPS]: [codesOnly({ a: NOT_COORDINATOR }), codesOnly({ a: 0 })],
      })
      context.record('outcome', await outcomeOf(() => admin.deleteGroups(['a'])))
      context.record('outcome', requests(DELETE_GROUPS).length)
    }
  )

  contract('5 deleteTopicRecords: what the leader refuses', NO_TOPIC, async context => {
    for (const code of [NOT_LEADER, TOPIC_DENIED]) {
      const { admin, requests } = await scripted(context, {
        [LIST_OFFSETS]: [listedOffsets('0')],
        [DELETE_RECORDS]: [deletedRecords(code)],
      })
      await admin.fetchTopicOffsets('t')
      const partitions = [{ partition: 0, offset: '3' }]
      const remove = () => admin.deleteTopicRecords({ topic: 't', partitions })
      context.record(`code ${code}`, await outcomeOf(remove))
      context.record(`code ${code}`, requests(DELETE_RECORDS).length)
    }
  })

  contract('5 listPartitionReassignments: what moves', NO_TOPIC, async context => {
    const { admin } = await scripted(context, { [LIST_PARTITION_REASSIGNMENTS]: [reassignments] })
    const result = await admin.listPartitionReassignments({})
    context.record('result', result)
    context.record('members', Object.keys(result.topics[0]))
    context.record('members', Object.keys(result.topics[0].partitions[0]))
  })

  contract(
    '6 metadata without brokers is asked for again, then that is the error',
    NO_TOPIC,
    async context => {
      const { admin } = await scripted(context, {}, { brokers: {} })
      for (const call of ['listTopics', 'describeCluster', 'fetchTopicMetadata']) {
        context.record(call, await outcomeOf(() => admin[call]()))
      }
    }
  )

  contract(
    '6 metadata without a controller, or with one that is no broker',
    {
      ...NO_TOPIC,
      differences: {
        none: { reason: ELECTION, kafkajs: [notFound(-1)] },
        unknown: { reason: ELECTION, kafkajs: [notFound(9)] },
      },
    },
    async context => {
      for (const [label, controller] of [
        ['none', -1],
        ['unknown', 9],
      ]) {
        const { admin } = await scripted(context, {}, { controller })
        const outcome = await outcomeOf(() => admin.deleteTopics({ topics: ['t'] }))
        context.record(label, outcome)
        if (context.library !== 'kafkajs-rs') continue
        const { class: name, cause } = outcome.error
        const text = `Controller broker with id ${controller} not found in the cached metadata`
        assert.deepEqual(
          [name, cause.class, cause.message],
          ['KafkaJSNumberOfRetriesExceeded', 'KafkaJSBrokerNotFound', text]
        )
      }
    }
  )
})
