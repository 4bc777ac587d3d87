'use strict'

/** kafka.admin(): createTopics, deleteTopics, listTopics, fetchOffsets, fetchTopicOffsets. Section 5. */

const { contract, shapeOf, uniqueGroup, uniqueTopic, waitFor } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }

const BROKER_TEXT = {
  "the broker's text": {
    reason: 'the broker says what is wrong with the value; kafkajs drops its text',
  },
}

/** Records an error of createTopics: kafkajs' members, and apart from them the broker's own text. */
function recordCreateError({ record }, error) {
  for (const inner of error.errors ?? []) {
    record("the broker's text", typeof inner.brokerMessage)
    delete inner.brokerMessage
    record('members', Object.keys(inner))
  }
  record('error', error)
}

async function connectAdmin({ kafka }, options) {
  const admin = kafka().admin(options)
  await admin.connect()
  return admin
}

contract('admin: own members, in order, and events', NO_TOPIC, async context => {
  const { record } = context
  const admin = context.kafka().admin()

  record('keys', Object.keys(admin))
  record('events', Object.entries(admin.events))
  record('unknown event', await errorOf(() => admin.on('NOTHING', () => {})))
  context.recordEvents(admin, [admin.events.CONNECT, admin.events.DISCONNECT])
  record('connect', await admin.connect())
  record('disconnect', await admin.disconnect())
})

contract('createTopics, listTopics, deleteTopics', NO_TOPIC, async context => {
  const { topic, record } = context
  const admin = await connectAdmin(context)
  const create = options =>
    admin.createTopics({ topics: [{ topic, numPartitions: 3, replicationFactor: 1 }], ...options })

  record('create', await create())
  record('create again', await create())
  record('without leaders', await create({ waitForLeaders: false, timeout: 1000 }))
  record(
    'listed',
    (await admin.listTopics()).filter(name => name === topic)
  )
  record('kinds', [...new Set((await admin.listTopics()).map(name => typeof name))])
  record('delete', await admin.deleteTopics({ topics: [topic], timeout: 5000 }))
  await waitFor(async () => !(await admin.listTopics()).includes(topic))
})

contract(
  'createTopics with the defaults of the broker, and with a configuration',
  NO_TOPIC,
  async context => {
    const { topic, record } = context
    const other = uniqueTopic()
    const admin = await connectAdmin(context)

    record(
      'create',
      await admin.createTopics({
        topics: [
          { topic },
          {
            topic: other,
            numPartitions: 2,
            configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
          },
        ],
      })
    )
    record('partitions', (await admin.fetchTopicOffsets(other)).length)
    record(
      'validateOnly',
      await admin.createTopics({
        topics: [{ topic: uniqueTopic() }],
        validateOnly: true,
        waitForLeaders: false,
      })
    )
  }
)

contract(
  'createTopics: bad arguments',
  { ...NO_TOPIC, differences: BROKER_TEXT },
  async context => {
    const admin = await connectAdmin(context)

    for (const argument of [
      {},
      { topics: null },
      { topics: 'text' },
      { topics: [{}] },
      { topics: [{ topic: 1 }] },
      { topics: [{ topic: '' }] },
      { topics: [{ topic: 'a' }, { topic: 'a' }] },
      { topics: [{ topic: 'a', configEntries: 'text' }] },
      { topics: [{ topic: 'a', configEntries: [1] }] },
      { topics: [{ topic: 'a', configEntries: [{ value: 'v' }] }] },
      { topics: [{ topic: 'a', configEntries: [{ name: 'n' }] }] },
      { topics: [{ topic: 'a', configEntries: [{ name: 'n', value: 1 }] }] },
    ]) {
      recordCreateError(context, await errorOf(() => admin.createTopics(argument)))
    }
  }
)

contract(
  'createTopics: what the broker refuses',
  { ...NO_TOPIC, differences: BROKER_TEXT },
  async context => {
    const { topic } = context
    const admin = await connectAdmin(context)

    for (const settings of [
      { topic: 'not/a/topic' },
      { topic, numPartitions: 0 },
      { topic, replicationFactor: 50 },
      { topic, configEntries: [{ name: 'no.such.setting', value: 'v' }] },
    ]) {
      recordCreateError(context, await errorOf(() => admin.createTopics({ topics: [settings] })))
    }
  }
)

contract('deleteTopics: bad arguments, and a topic that there is not', NO_TOPIC, async context => {
  const { topic, record, kafka } = context
  const admin = kafka({ retry: { retries: 1, initialRetryTime: 10 } }).admin()
  await admin.connect()

  for (const argument of [
    {},
    { topics: null },
    { topics: 'text' },
    { topics: [1] },
    { topics: [null] },
  ]) {
    record('error', await errorOf(() => admin.deleteTopics(argument)))
  }
  const { retryTime, ...properties } = await errorOf(() => admin.deleteTopics({ topics: [topic] }))
  record('missing', properties)
})

contract('fetchTopicOffsets', { partitions: 3 }, async context => {
  const { topic, kafka, record } = context
  const admin = await connectAdmin(context)
  const byPartition = (a, b) => a.partition - b.partition
  record('empty', (await admin.fetchTopicOffsets(topic)).sort(byPartition))

  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [0, 2, 2].map(partition => ({ value: 'v', partition })) })
  const offsets = await admin.fetchTopicOffsets(topic)
  record('offsets', offsets.sort(byPartition))
  record('members', offsets.map(Object.keys))
})

contract(
  'fetchTopicOffsets: bad arguments, and a topic that there is not',
  NO_TOPIC,
  async context => {
    const { topic, record, kafka } = context
    const admin = kafka({ retry: { retries: 1, initialRetryTime: 10 } }).admin()
    await admin.connect()

    for (const name of [undefined, null, '', 5, {}]) {
      record('error', await errorOf(() => admin.fetchTopicOffsets(name)))
    }
    const error = await errorOf(() => admin.fetchTopicOffsets(topic))
    const { retryTime, ...properties } = error
    record('missing', { ...properties, message: error.message })
  }
)

contract(
  'fetchOffsets: nothing committed, committed, all topics',
  { partitions: 2 },
  async context => {
    const { topic, group, kafka, record } = context
    const admin = await connectAdmin(context)
    const sorted = topics =>
      topics.map(entry => ({
        ...entry,
        partitions: entry.partitions.sort((a, b) => a.partition - b.partition),
      }))
    record('nothing', sorted(await admin.fetchOffsets({ groupId: group, topics: [topic] })))
    record('nothing, all topics', await admin.fetchOffsets({ groupId: group }))

    const producer = kafka().producer()
    await producer.connect()
    const messages = Array.from({ length: 10 }, (_, index) => ({
      value: 'v',
      partition: index % 2,
    }))
    await producer.send({ topic, messages })
    const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await consumer.commitOffsets([
      { topic, partition: 0, offset: '4' },
      { topic, partition: 1, offset: '3', metadata: 'note' },
    ])
    await consumer.disconnect()

    const committed = sorted(await admin.fetchOffsets({ groupId: group, topics: [topic] }))
    record('committed', committed)
    record(
      'members',
      committed.map(entry => [Object.keys(entry), ...entry.partitions.map(Object.keys)])
    )
    record(
      'committed, all topics',
      sorted(await admin.fetchOffsets({ groupId: group, topics: [] }))
    )
  }
)

contract('fetchOffsets: bad arguments', NO_TOPIC, async context => {
  const { record } = context
  const admin = await connectAdmin(context)

  for (const argument of [
    {},
    { groupId: '' },
    { groupId: 'g', topics: 'text' },
    { groupId: 'g', topics: {} },
  ]) {
    record('error', await errorOf(() => admin.fetchOffsets(argument)))
  }
  record('no argument', (await errorOf(() => admin.fetchOffsets())).constructor.name)
  record('unknown group', await admin.fetchOffsets({ groupId: uniqueGroup() }))
})

contract('an admin connects by itself', async context => {
  const { topic, kafka, record } = context
  const admin = kafka().admin()

  record('offsets', shapeOf(await admin.fetchTopicOffsets(topic)))
  record('disconnect', await admin.disconnect())
})
