'use strict'

/**
 * Every retriable error code, once, in every answer that an admin reads. What says that another broker has to be asked is
 * tried again; the rest rejects at once and names the code, as in kafkajs, for whoever calls to decide. Nothing hangs, and
 * nothing is asked for without end.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const {
  createTopic,
  startSingle,
  subject,
  uniqueGroup,
  uniqueTopic,
  within,
} = require('../../harness')
const { RETRIABLE, startInjector } = require('./injector')

const API = {
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  DescribeGroups: 15,
  ListGroups: 16,
  CreateTopics: 19,
  DeleteRecords: 21,
  DescribeAcls: 29,
  CreateAcls: 30,
  DeleteAcls: 31,
  DescribeConfigs: 32,
  AlterConfigs: 33,
  CreatePartitions: 37,
  DeleteGroups: 42,
  AlterPartitionReassignments: 45,
  ListPartitionReassignments: 46,
}
const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  Kafka,
  ResourcePatternTypes,
  logLevel,
} = subject.load()
const ACL = {
  resourceType: AclResourceTypes.TOPIC,
  resourceName: 'acl-of-codes',
  resourcePatternType: ResourcePatternTypes.LITERAL,
  principal: 'User:code',
  host: '*',
  operation: AclOperationTypes.READ,
  permissionType: AclPermissionTypes.ALLOW,
}

const LEADERS = new Set([3, 5, 6, 9, 13, 41, 56, 72, 74, 80, 83, 84, 100, 103])
/** Types that are tried again, by who has said them. */
const AGAIN = {
  anybody: RETRIABLE.map(({ type }) => type),
  controller: ['NOT_CONTROLLER'],
  coordinator: [
    'GROUP_LOAD_IN_PROGRESS',
    'GROUP_COORDINATOR_NOT_AVAILABLE',
    'NOT_COORDINATOR_FOR_GROUP',
  ],
  // Those with which a partition has another leader, or none yet.
  leader: RETRIABLE.filter(({ code }) => LEADERS.has(code)).map(({ type }) => type),
  topic: ['LEADER_NOT_AVAILABLE'],
}
const reassign = (admin, { topic }) =>
  admin.alterPartitionReassignments({
    topics: [{ topic, partitionAssignment: [{ partition: 0, replicas: [1] }] }],
  })
const fetchOffsets = (admin, { topic, groupId }) => admin.fetchOffsets({ groupId, topics: [topic] })
const fetchMetadata = (admin, { topic }) => admin.fetchTopicMetadata({ topics: [topic] })
const topicResource = ({ topic }, more) => ({
  resources: [{ type: ConfigResourceTypes.TOPIC, name: topic, ...more }],
})
const RETENTION = { configEntries: [{ name: 'retention.ms', value: '3600000' }] }

/**
 * @typedef {object} Operation
 * @property {string} api
 * @property {string} place        of the code
 * @property {string} again        key of AGAIN
 * @property {(admin: object, scene: object) => Promise<unknown>} act  asks for it
 * @property {string} [error]      class of what rejects, default KafkaJSProtocolError
 * @property {string} [done]       what trying again leads to, where the broker has done it already; default: it resolves
 */

/** @type {Operation[]} */
const OPERATIONS = [
  { api: 'Metadata', place: 'topic', again: 'topic', act: fetchMetadata },
  { api: 'Metadata', place: 'partition', again: 'topic', act: fetchMetadata },
  {
    api: 'ListOffsets',
    place: 'partition',
    again: 'leader',
    act: (admin, { topic }) => admin.fetchTopicOffsets(topic),
  },
  { api: 'FindCoordinator', place: 'answer', again: 'anybody', act: fetchOffsets },
  { api: 'OffsetFetch', place: 'partition', again: 'coordinator', act: fetchOffsets },
  {
    api: 'OffsetCommit',
    place: 'partition',
    again: 'coordinator',
    act: (admin, { topic, groupId, partitions }) =>
      admin.setOffsets({ groupId, topic, partitions }),
  },
  {
    api: 'DescribeGroups',
    place: 'group',
    again: 'anybody',
    act: (admin, { groupId }) => admin.describeGroups([groupId]),
  },
  { api: 'ListGroups', place: 'answer', again: 'anybody', act: admin => admin.listGroups() },
  {
    api: 'DeleteGroups',
    place: 'group',
    again: 'coordinator',
    error: 'KafkaJSDeleteGroupsError',
    done: 'KafkaJSDeleteGroupsError: GROUP_ID_NOT_FOUND',
    act: (admin, { groupId }) => admin.deleteGroups([groupId]),
  },
  {
    api: 'CreateTopics',
    place: 'topic',
    again: 'controller',
    error: 'KafkaJSAggregateError',
    done: 'false: it is there',
    act: (admin, { name }) =>
      admin.createTopics({ topics: [{ topic: name }], waitForLeaders: false }),
  },
  {
    api: 'CreatePartitions',
    place: 'topic',
    again: 'controller',
    done: 'KafkaJSProtocolError: INVALID_PARTITIONS',
    act: (admin, { topic, count }) =>
      admin.createPartitions({ topicPartitions: [{ topic, count }] }),
  },
  {
    api: 'DeleteRecords',
    place: 'partition',
    again: 'anybody',
    act: (admin, { topic }) =>
      admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '-1' }] }),
  },
  {
    api: 'DescribeConfigs',
    place: 'resource',
    again: 'controller',
    act: (admin, scene) =>
      admin.describeConfigs({ ...topicResource(scene), includeSynonyms: false }),
  },
  {
    api: 'AlterConfigs',
    place: 'resource',
    again: 'controller',
    act: (admin, scene) =>
      admin.alterConfigs({ ...topicResource(scene, RETENTION), validateOnly: false }),
  },
  {
    api: 'CreateAcls',
    place: 'acl',
    again: 'controller',
    act: admin => admin.createAcls({ acl: [ACL] }),
  },
  {
    api: 'DescribeAcls',
    place: 'answer',
    again: 'controller',
    act: admin => admin.describeAcls(ACL),
  },
  {
    api: 'DeleteAcls',
    place: 'filter',
    again: 'controller',
    act: admin => admin.deleteAcls({ filters: [ACL] }),
  },
  {
    api: 'AlterPartitionReassignments',
    place: 'answer',
    again: 'controller',
    error: 'KafkaJSAlterPartitionReassignmentsError',
    act: reassign,
  },
  {
    api: 'AlterPartitionReassignments',
    place: 'partition',
    again: 'controller',
    error: 'KafkaJSAggregateError',
    act: reassign,
  },
  {
    api: 'ListPartitionReassignments',
    place: 'answer',
    again: 'controller',
    act: (admin, { topic }) =>
      admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] }),
  },
]
const RETRY = { initialRetryTime: 5, maxRetryTime: 50, retries: 8 }
const DEADLINE_MS = 20_000
/** A few connections, and what is asked for twice: more would be going round in circles. */
const MOST_ANSWERS = 20

let cluster
/** Sets the scene. */
let direct
before(async () => {
  cluster = await startSingle({
    overrides: {
      'authorizer.class.name': 'org.apache.kafka.metadata.authorizer.StandardAuthorizer',
      'allow.everyone.if.no.acl.found': 'true',
      'super.users': 'User:ANONYMOUS',
    },
  })
  direct = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).admin()
  await direct.connect()
})
after(async () => {
  await direct?.disconnect()
  await cluster?.stop()
})

/** @returns {Promise<string>} 'done', or how it was refused */
const outcomeOf = promise =>
  within(DEADLINE_MS, promise, 'it').then(
    result => (result === false ? 'false: it is there' : 'done'),
    ({ name, type, errors, groups }) =>
      `${name}: ${type ?? errors?.map(each => each.type) ?? groups?.map(({ error }) => error.type)}`
  )

for (const {
  api,
  place,
  again,
  act,
  error = 'KafkaJSProtocolError',
  done = 'done',
} of OPERATIONS) {
  test(`${api}, ${place}`, { timeout: 120_000 }, async t => {
    const [broker] = cluster.brokers
    const injector = await startInjector(broker)
    const topic = await createTopic(uniqueTopic(), { on: [broker] })
    const kafka = new Kafka({
      brokers: [broker],
      logLevel: logLevel.NOTHING,
      retry: RETRY,
      socketFactory: injector.socketFactory,
    })
    const partitions = [{ partition: 0, offset: '0' }]
    const outcomes = {}
    let most = 0
    for (const [i, { code, type }] of RETRIABLE.entries()) {
      const admin = kafka.admin()
      await admin.connect()
      const scene = { topic, partitions, groupId: uniqueGroup(), name: uniqueTopic(), count: i + 2 }
      if (api === 'DeleteGroups') await direct.setOffsets(scene)
      const sofar = injector.answers()
      injector.inject(API[api], place, code)
      outcomes[type] = await outcomeOf(act(admin, scene))
      assert.ok(injector.told(), `${type} was never told`)
      most = Math.max(most, injector.answers() - sofar)
      await admin.disconnect()
    }
    await injector.close()
    t.diagnostic(`${most} answers at most`)
    const expected = RETRIABLE.map(({ type }) => [
      type,
      AGAIN[again].includes(type) ? done : `${error}: ${type}`,
    ])
    assert.deepEqual(outcomes, Object.fromEntries(expected))
    assert.ok(most <= MOST_ANSWERS, `${most} answers`)
  })
}
