'use strict'

/** What a user may not do: each kind of resource has its error, told by whoever asks for it. */

const assert = require('node:assert/strict')
const { describe: suite } = require('node:test')
const {
  contract,
  createTopic,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
  withAdmin,
} = require('../harness')
const { errorOf } = require('../contract/observe')
const { QUICK, describe } = require('./connecting')
const { secured } = require('./secured')

const NO_TOPIC = { partitions: 0 }

/** No ACL names her, and she is no super user. */
const sasl = { mechanism: 'plain', username: 'alice', password: 'alice-secret' }

const ANY = { host: '*', resourcePatternType: 3, permissionType: 3 }
const [TOPIC, GROUP] = [2, 3]
const READ = 3

/** A client of alice, and a topic of somebody else. */
async function alice(context) {
  const { listeners, brokers } = await secured()
  const topic = await createTopic(uniqueTopic(), { on: brokers })
  context.mask(topic, '<topic>')
  const kafka = context.kafka({ ...QUICK, brokers: listeners.saslPlaintext, sasl })
  return { kafka, topic, brokers }
}

/** Lets alice read, and waits until the broker has heard of it. */
async function allow(brokers, entries) {
  const acl = entries.map(entry => ({ ...ANY, principal: 'User:alice', operation: READ, ...entry }))
  await withAdmin(brokers, async admin => {
    await admin.createAcls({ acl })
    const [{ resourceType, resourceName }] = acl
    const filter = { ...ANY, resourceType, resourceName, operation: READ }
    const isThere = async () => (await admin.describeAcls(filter)).resources.length > 0
    await waitFor(isThere, { message: 'the ACL' })
  })
}

const COORDINATOR = { reason: 'kafkajs says that it found no coordinator' }

const outcome = async act => describe(await errorOf(act))

suite('what a user may not do', { concurrency: 6 }, () => {
  contract('a topic: sends', NO_TOPIC, async context => {
    const { kafka, topic } = await alice(context)
    const producer = kafka.producer()
    await producer.connect()
    const send = more => () => producer.send({ topic, messages: [{ value: 'v' }], ...more })
    context.record('send', await outcome(send()))
    context.record('acks 1', await outcome(send({ acks: 1 })))
  })

  contract(
    'a transactional id',
    { ...NO_TOPIC, differences: { type: COORDINATOR } },
    async context => {
      const { kafka } = await alice(context)
      const producer = kafka.producer({ transactionalId: uniqueTopic(), maxInFlightRequests: 1 })
      const { type, cause } = await errorOf(async () => {
        await producer.connect()
        await producer.transaction()
      })
      context.record('type', type ?? cause?.type)
      if (context.library === 'kafkajs-rs')
        assert.equal(type, 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED')
    }
  )

  const differences = {
    'the topic alone': { ...COORDINATOR, ours: ['GROUP_AUTHORIZATION_FAILED'] },
  }
  contract('a topic and a group: consumers', { ...NO_TOPIC, differences }, async context => {
    const { kafka, topic, brokers } = await alice(context)
    const groupId = uniqueGroup()
    context.mask(groupId, '<group>')
    const consume = async () => {
      const retry = { retries: 1, initialRetryTime: 10, restartOnFailure: async () => false }
      const consumer = kafka.consumer({ groupId, retry })
      const ended = new Promise(resolve => {
        consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
        consumer.on(consumer.events.GROUP_JOIN, () => resolve(new Error('joined')))
      })
      try {
        await consumer.subscribe({ topic, fromBeginning: true })
        await consumer.run({ eachMessage: async () => {} })
        throw await within(30_000, ended, 'the crash, or the join')
      } finally {
        await consumer.disconnect()
      }
    }
    const typeOf = async () => {
      const error = await errorOf(consume)
      return error.type ?? error.cause?.type ?? error.cause?.cause?.type
    }
    context.record('neither', await typeOf())
    await allow(brokers, [{ resourceType: TOPIC, resourceName: topic }])
    context.record('the topic alone', await typeOf())
    await allow(brokers, [{ resourceType: GROUP, resourceName: groupId }])
    // The first group of a cluster waits until its internal topic is there.
    const joins = async () => (await errorOf(consume)).message === 'joined'
    context.record('both', await waitFor(joins, { message: 'the join', deadline: 45_000 }))
  })

  contract('the cluster and a topic: admins', NO_TOPIC, async context => {
    const { kafka, topic } = await alice(context)
    const admin = kafka.admin()
    const resources = [{ type: TOPIC, name: topic }]
    const calls = {
      createTopics: () => admin.createTopics({ topics: [{ topic: uniqueTopic() }] }),
      deleteTopics: () => admin.deleteTopics({ topics: [topic] }),
      createPartitions: () => admin.createPartitions({ topicPartitions: [{ topic, count: 2 }] }),
      fetchTopicMetadata: () => admin.fetchTopicMetadata({ topics: [topic] }),
      describeConfigs: () => admin.describeConfigs({ resources }),
      alterConfigs: () =>
        admin.alterConfigs({ resources: [{ ...resources[0], configEntries: [] }] }),
      describeAcls: () => admin.describeAcls({ ...ANY, resourceType: TOPIC, operation: READ }),
      alterPartitionReassignments: () =>
        admin.alterPartitionReassignments({
          topics: [{ topic, partitionAssignment: [{ partition: 0, replicas: [1] }] }],
        }),
    }
    for (const [name, call] of Object.entries(calls)) {
      const error = await errorOf(call)
      const [first] = error.errors ?? []
      context.record(name, [error.constructor.name, error.type ?? first?.type ?? error.cause?.type])
    }
    context.record('listTopics', (await admin.listTopics()).includes(topic))
  })
})
