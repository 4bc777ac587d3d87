'use strict'

/**
 * What a bad argument of an admin method leads to, before anything is sent: kafkajs' class and words. Section 5 of
 * kafkajs' behaviour, column "validation messages".
 */

const assert = require('node:assert/strict')
const { after, describe, test } = require('node:test')
const { errorOf } = require('../contract/observe')
const { reference, subject } = require('../harness')

/** Nobody listens there: a call that got past its checks would fail with another error. */
const NOWHERE = ['127.0.0.1:1']

const clients = []

const adminOf = library => {
  const { Kafka, logLevel } = library.load()
  const kafka = new Kafka({
    brokers: NOWHERE,
    logLevel: logLevel.NOTHING,
    retry: { retries: 0, initialRetryTime: 1 },
  })
  const admin = kafka.admin()
  clients.push(admin)
  return admin
}

after(() => Promise.all(clients.map(client => client.disconnect())))

const observe = async (library, method, args) => {
  const error = await errorOf(() => adminOf(library)[method](...args))
  const { name, message, retriable } = error
  return { class: error.constructor.name, name, message, retriable }
}

const ACL = {
  resourceType: 2,
  resourceName: 'topic',
  resourcePatternType: 3,
  principal: 'User:alice',
  host: '*',
  operation: 3,
  permissionType: 3,
}
const acl = changes => [{ acl: [ACL, { ...ACL, ...changes }] }]
const filter = changes => [{ ...ACL, ...changes }]
const filters = changes => [{ filters: [ACL, { ...ACL, ...changes }] }]
const configs = (changes, more) => [
  { resources: [{ type: 2, name: 'topic', configEntries: [], ...changes }], ...more },
]
const reassign = partitionAssignment => [{ topics: [{ topic: 't', partitionAssignment }] }]
const ongoing = partitions => [{ topics: [{ topic: 't', partitions }] }]
const topicWith = configEntries => [{ topics: [{ topic: 'a', configEntries }] }]

/** Argument lists by method. */
const CASES = {
  createTopics: [
    [],
    [{}],
    [{ topics: null }],
    [{ topics: 'a' }],
    [{ topics: ['a'] }],
    [{ topics: [null] }],
    [{ topics: [{ topic: 1 }] }],
    [{ topics: [{ topic: 'a' }, {}] }],
    [{ topics: [{ topic: 'a' }, { topic: 'b' }, { topic: 'a' }] }],
    topicWith('x'),
    topicWith({}),
    topicWith([null]),
    topicWith(['x']),
    topicWith([{ name: 'a', value: 'b' }, {}]),
    topicWith([{ name: 1, value: 'b' }]),
    topicWith([{ name: 'retention.ms' }]),
    topicWith([{ name: 'retention.ms', value: 1 }]),
    topicWith([Object.create({ name: 'inherited', value: 'x' })]),
  ],
  deleteTopics: [[], [{}], [{ topics: 'a' }], [{ topics: ['a', 1] }], [{ topics: [{}] }]],
  createPartitions: [
    [],
    [{}],
    [{ topicPartitions: 'a' }],
    [{ topicPartitions: [] }],
    [{ topicPartitions: [{ count: 1 }] }],
    [{ topicPartitions: [{ topic: 1, count: 1 }] }],
    [
      {
        topicPartitions: [
          { topic: 'a', count: 1 },
          { topic: 'a', count: 2 },
        ],
      },
    ],
  ],
  fetchTopicMetadata: [[{ topics: ['a', ''] }], [{ topics: [1] }], [{ topics: 'a' }], [null]],
  fetchTopicOffsets: [[], [''], [null], [1], [['t']]],
  fetchTopicOffsetsByTimestamp: [[], [''], [1, 2]],
  fetchOffsets: [
    [],
    [{}],
    [{ groupId: '' }],
    [{ groupId: null }],
    [{ groupId: 'g', topics: 't' }],
    [{ groupId: 'g', topics: { 0: 't' } }],
  ],
  setOffsets: [
    [],
    [{}],
    [{ groupId: 'g' }],
    [{ groupId: 'g', topic: '' }],
    [{ groupId: 'g', topic: 't' }],
    [{ groupId: 'g', topic: 't', partitions: [] }],
  ],
  resetOffsets: [[], [{}], [{ groupId: 'g' }], [{ groupId: 'g', topic: '' }]],
  describeConfigs: [
    [],
    [{}],
    [{ resources: 'a' }],
    [{ resources: [] }],
    configs({ type: 3 }),
    configs({ type: '2' }),
    configs({ type: undefined }),
    configs({ name: '' }),
    configs({ name: 1 }),
    configs({ configNames: 'retention.ms' }),
    configs({ configNames: {} }),
  ],
  alterConfigs: [
    [],
    [{}],
    [{ resources: 'a' }],
    [{ resources: [] }],
    configs({ type: 3 }),
    configs({ name: null }),
    configs({ configEntries: undefined }),
    configs({ configEntries: 'x' }),
    configs({ configEntries: [{ name: 'a' }] }),
    configs({ configEntries: [{ value: 'a' }] }),
    configs({ configEntries: [{ name: 'a', value: 1 }] }),
  ],
  describeGroups: [[], [null]],
  deleteGroups: [[], ['g'], [{}], [['g', 1]], [[null]]],
  deleteTopicRecords: [
    [],
    [{}],
    [{ topic: '' }],
    [{ topic: 1 }],
    [{ topic: 't' }],
    [{ topic: 't', partitions: [] }],
  ],
  createAcls: [
    [],
    [{}],
    [{ acl: 'a' }],
    [{ acl: [] }],
    acl({ principal: 1 }),
    acl({ principal: undefined }),
    acl({ host: null }),
    acl({ resourceName: undefined }),
    acl({ operation: 99 }),
    acl({ operation: '3' }),
    acl({ resourcePatternType: 99 }),
    acl({ permissionType: 99 }),
    acl({ resourceType: 99 }),
    acl({ resourceType: undefined }),
    acl({ principal: 1, host: 1, operation: 99, resourceType: 99 }),
  ],
  describeAcls: [
    [],
    [{}],
    filter({ principal: null }),
    filter({ principal: 1 }),
    filter({ host: null }),
    filter({ resourceName: 1 }),
    filter({ operation: 99 }),
    filter({ resourcePatternType: 99 }),
    filter({ permissionType: undefined }),
    filter({ resourceType: 'topic' }),
    filter({ operation: 99, resourceType: 99 }),
  ],
  deleteAcls: [
    [],
    [{}],
    [{ filters: 'a' }],
    [{ filters: [] }],
    filters({ principal: null }),
    filters({ host: 1 }),
    filters({ resourceName: null }),
    filters({ operation: undefined }),
    filters({ resourcePatternType: 99 }),
    filters({ permissionType: 99 }),
    filters({ resourceType: 99 }),
  ],
  alterPartitionReassignments: [
    [],
    [{}],
    [{ topics: 'a' }],
    [{ topics: [{ topic: 1 }] }],
    [{ topics: [{ topic: 'a' }, { topic: 'a' }] }],
    reassign(undefined),
    reassign('x'),
    reassign([{ replicas: [1] }]),
    reassign([{ partition: null, replicas: [1] }]),
    reassign([{ partition: '0', replicas: [1] }]),
    reassign([{ partition: -1, replicas: [1] }]),
    reassign([{ partition: 0 }]),
    reassign([{ partition: 0, replicas: null }]),
    reassign([{ partition: 0, replicas: 'x' }]),
    reassign([{ partition: 0, replicas: [1, -1] }]),
    reassign([{ partition: 0, replicas: ['1'] }]),
  ],
  listPartitionReassignments: [
    [],
    [{ topics: 'a' }],
    [{ topics: {} }],
    [{ topics: [{ topic: 1 }] }],
    [{ topics: [{ topic: 'a' }, { topic: 'a' }] }],
    ongoing(undefined),
    ongoing('x'),
    ongoing([0, -1]),
    ongoing(['0']),
  ],
}

for (const [method, lists] of Object.entries(CASES)) {
  describe(`${method}: bad arguments, as kafkajs says it`, () => {
    for (const args of lists) {
      test(`${method}(${args.map(arg => JSON.stringify(arg)).join(', ')})`, async () => {
        const expected = await observe(reference, method, args)
        assert.deepEqual(await observe(subject, method, args), expected)
      })
    }
  })
}

/** What kafkajs sends as zero, or fails over somewhere in its encoder. `[method, arguments, message]` */
const OURS = [
  [
    'createTopics',
    [{ topics: [{ topic: 'a', numPartitions: 'many' }] }],
    'Invalid numPartitions for topic "a", expected an integer from -2147483648 to 2147483647 received many',
  ],
  [
    'createTopics',
    [{ topics: [{ topic: 'a', replicationFactor: 40000 }] }],
    'Invalid replicationFactor for topic "a", expected an integer from -32768 to 32767 received 40000',
  ],
  [
    'createTopics',
    [{ topics: [{ topic: 'a', replicaAssignment: 'x' }] }],
    'Invalid replicaAssignment for topic "a", must be an array',
  ],
  [
    'createTopics',
    [{ topics: [{ topic: 'a', replicaAssignment: [{ partition: 0 }] }] }],
    'Invalid replica assignment: undefined for topic: a on partition: 0',
  ],
  [
    'createTopics',
    [{ topics: [{ topic: 'a' }], timeout: Number.POSITIVE_INFINITY }],
    'Invalid timeout, expected an integer from -2147483648 to 2147483647 received Infinity',
  ],
  [
    'createPartitions',
    [{ topicPartitions: [{ topic: 'a' }] }],
    'Invalid count for topic "a", expected an integer from -2147483648 to 2147483647 received undefined',
  ],
  [
    'createPartitions',
    [{ topicPartitions: [{ topic: 'a', count: 2, assignments: [1] }] }],
    'Invalid assignments for topic "a", must be an array of arrays of broker ids',
  ],
  [
    'fetchTopicOffsetsByTimestamp',
    ['t', 'yesterday'],
    'Invalid timestamp, expected a long received yesterday',
  ],
  [
    'fetchTopicOffsetsByTimestamp',
    ['t', Number.NaN],
    'Invalid timestamp, expected a long received NaN',
  ],
  ['fetchOffsets', [{ groupId: 5 }], 'Invalid groupId 5'],
  ['fetchOffsets', [{ groupId: 'g', topics: [1] }], 'Invalid topic 1'],
  ['describeGroups', [['g', 1]], 'Invalid groupId 1'],
  [
    'deleteTopicRecords',
    [{ topic: 't', partitions: [{ partition: 0, offset: 'x' }] }],
    'Invalid offset, expected a long received x',
  ],
  [
    'describeConfigs',
    configs({ configNames: [1] }),
    'Invalid resource configNames 1: {"type":2,"name":"topic","configEntries":[],"configNames":[1]}',
  ],
]

describe('what kafkajs lets through is refused by name', { skip: isStandIn() }, () => {
  for (const [method, args, message] of OURS) {
    test(message, async () => {
      const seen = await observe(subject, method, args)
      const expected = { class: 'KafkaJSNonRetriableError', name: 'KafkaJSNonRetriableError' }
      assert.deepEqual(seen, { ...expected, message, retriable: false })
    })
  }
})

/** `setOffsets` takes its entries in the words of `consumer.seek` (section 4.9); kafkajs checks them after joining. */
const SEEK_ENTRIES = [
  [{ partition: 'x', offset: '1' }, 'Invalid partition, expected a number received x'],
  [{ offset: '1' }, 'Invalid partition, expected a number received undefined'],
  [{ partition: 0 }, 'Invalid offset, expected a long received undefined'],
  [{ partition: 0, offset: 'a' }, 'Invalid offset, expected a long received a'],
  [{ partition: 0, offset: 1.5 }, 'Invalid offset, expected a long received 1.5'],
  [{ partition: 0, offset: '' }, 'Invalid offset, expected a long received '],
  [{ partition: 0, offset: '-3' }, 'Offset must not be a negative number'],
]

describe('setOffsets: entries in the words of seek', { skip: isStandIn() }, () => {
  for (const [entry, message] of SEEK_ENTRIES) {
    test(JSON.stringify(entry), async () => {
      const args = [{ groupId: 'g', topic: 't', partitions: [entry] }]
      const { class: name, message: seen } = await observe(subject, 'setOffsets', args)
      assert.deepEqual([name, seen], ['KafkaJSNonRetriableError', message])
    })
  }
})

function isStandIn() {
  return subject.isStandIn && 'these texts are ours'
}
