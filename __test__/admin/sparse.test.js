'use strict'

/**
 * Arrays with holes. kafkajs' checks pass over a hole, and what it sends then is short of an entry: the broker closes the
 * connection, or reads something else. Ours takes a hole as kafkajs takes `undefined`, before anything is sent.
 */

const assert = require('node:assert/strict')
const { after, describe, test } = require('node:test')
const { errorOf } = require('../contract/observe')
const { contract, reference, subject } = require('../harness')
const { outcomeOf } = require('./outcome')

/** Nobody listens there: a call that got past its checks would fail with another error. */
const NOWHERE = ['127.0.0.1:1']

const clients = []
after(() => Promise.all(clients.map(client => client.disconnect())))

async function observe(library, method, args) {
  const { Kafka, logLevel } = library.load()
  const retry = { retries: 0, initialRetryTime: 1 }
  const admin = new Kafka({ brokers: NOWHERE, logLevel: logLevel.NOTHING, retry }).admin()
  clients.push(admin)
  const error = await errorOf(() => admin[method](...args))
  return { class: error.constructor.name, message: error.message, retriable: error.retriable }
}

/** @returns {unknown[]} a hole, then the entries */
function sparse(...entries) {
  const array = new Array(1 + entries.length)
  for (const [index, entry] of entries.entries()) array[index + 1] = entry
  return array
}

const orUndefined = (...entries) => [undefined, ...entries]

const setting = { name: 'retention.ms', value: '1000' }
const replicas = array => [{ partition: 0, replicas: array }]

/** Methods whose check has words for an entry that is undefined, by what is done with the array of the entries. */
const WORDED = {
  'createTopics, configEntries': [
    'createTopics',
    array => [{ topics: [{ topic: 'a', configEntries: array(setting) }] }],
  ],
  deleteTopics: ['deleteTopics', array => [{ topics: array('a') }]],
  fetchTopicMetadata: ['fetchTopicMetadata', array => [{ topics: array('a') }]],
  deleteGroups: ['deleteGroups', array => [array('g')]],
  'alterPartitionReassignments, replicas': [
    'alterPartitionReassignments',
    array => [{ topics: [{ topic: 'a', partitionAssignment: replicas(array(1)) }] }],
  ],
  'listPartitionReassignments, partitions': [
    'listPartitionReassignments',
    array => [{ topics: [{ topic: 'a', partitions: array(0) }] }],
  ],
}

describe('5 a hole is refused in the words kafkajs has for undefined', { skip: standIn() }, () => {
  for (const [name, [method, argsOf]] of Object.entries(WORDED)) {
    test(name, async () => {
      const expected = await observe(reference, method, argsOf(orUndefined))
      assert.equal(expected.class, 'KafkaJSNonRetriableError')
      assert.deepEqual(await observe(subject, method, argsOf(sparse)), expected)
    })
  }
})

const topicOf = more => [{ topics: [{ topic: 'a', ...more }] }]
const resource = more => [{ resources: [{ type: 2, name: 'a', ...more }] }]
const growth = more => [{ topicPartitions: [{ topic: 'a', count: 2, ...more }] }]
const INT32 = 'expected an integer from -2147483648 to 2147483647 received undefined'

/** `[method, arguments, message]` */
const NAMED = [
  [
    'createTopics',
    topicOf({ replicaAssignment: sparse(...replicas([1])) }),
    'Invalid replicaAssignment for topic "a", must not have empty entries',
  ],
  [
    'createTopics',
    topicOf({ replicaAssignment: replicas(sparse(1)) }),
    `Invalid replica of topic "a", ${INT32}`,
  ],
  [
    'createPartitions',
    [{ topicPartitions: sparse({ topic: 'a', count: 2 }) }],
    'Invalid topic partitions array, the topic names have to be a valid string',
  ],
  [
    'createPartitions',
    growth({ assignments: sparse([1]) }),
    'Invalid assignments for topic "a", must be an array of arrays of broker ids',
  ],
  [
    'createPartitions',
    growth({ assignments: [sparse(1)] }),
    `Invalid replica of topic "a", ${INT32}`,
  ],
  ['fetchOffsets', [{ groupId: 'g', topics: sparse('a') }], 'Invalid topic undefined'],
  [
    'describeConfigs',
    resource({ configNames: sparse('retention.ms') }),
    'Invalid resource configNames ,retention.ms: ' +
      '{"type":2,"name":"a","configNames":[null,"retention.ms"]}',
  ],
  [
    'alterConfigs',
    resource({ configEntries: sparse(setting) }),
    'Invalid resource config value: ' +
      '{"type":2,"name":"a","configEntries":[null,{"name":"retention.ms","value":"1000"}]}',
  ],
  ['describeGroups', [sparse('g')], 'Invalid groupId undefined'],
  [
    // kafkajs says the same, but after it has asked to join; that member of it lives as long as the process.
    'setOffsets',
    [{ groupId: 'g', topic: 'a', partitions: sparse({ partition: 0, offset: '1' }) }],
    'Invalid partition, expected a number received undefined',
  ],
]

describe('5 a hole that kafkajs has no words for is refused by name', { skip: standIn() }, () => {
  for (const [method, args, message] of NAMED) {
    test(`${method}: ${message}`, async () => {
      const expected = { class: 'KafkaJSNonRetriableError', message, retriable: false }
      assert.deepEqual(await observe(subject, method, args), expected)
    })
  }
})

const ACL = {
  resourceType: 2,
  resourceName: 'a',
  resourcePatternType: 3,
  principal: 'User:alice',
  host: '*',
  operation: 3,
  permissionType: 3,
}

/** A hole in these is a TypeError to both; its text is the engine's. */
const TYPE_ERRORS = {
  createTopics: [{ topics: sparse({ topic: 'a' }) }],
  describeConfigs: resource({}).map(({ resources }) => ({ resources: sparse(...resources) })),
  alterConfigs: [{ resources: sparse({ type: 2, name: 'a', configEntries: [] }) }],
  createAcls: [{ acl: sparse(ACL) }],
  deleteAcls: [{ filters: sparse(ACL) }],
  alterPartitionReassignments: [{ topics: sparse({ topic: 'a', partitionAssignment: [] }) }],
  listPartitionReassignments: [{ topics: sparse({ topic: 'a', partitions: [] }) }],
}

describe('5 a hole where kafkajs throws a TypeError', () => {
  for (const [method, args] of Object.entries(TYPE_ERRORS)) {
    test(method, async () => {
      const expected = await observe(reference, method, args)
      assert.equal(expected.class, 'TypeError')
      assert.equal((await observe(subject, method, args)).class, expected.class)
    })
  }
})

contract('5 deleteTopicRecords: a hole is passed over', async ({ kafka, topic, record }) => {
  const admin = kafka().admin()
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
  await admin.fetchTopicOffsets(topic)
  const remove = partitions => outcomeOf(() => admin.deleteTopicRecords({ topic, partitions }))

  record('nothing', await remove(sparse()))
  record('left', await admin.fetchTopicOffsets(topic))
  record('one', await remove(sparse({ partition: 0, offset: '1' })))
  record('left', await admin.fetchTopicOffsets(topic))
})

function standIn() {
  return subject.isStandIn && 'kafkajs sends what is left'
}
