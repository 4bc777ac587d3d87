'use strict'

/**
 * createTopics, deleteTopics, createPartitions, listTopics, fetchTopicMetadata, describeCluster. Section 5 of kafkajs'
 * behaviour.
 */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { brokers, contract, subject, uniqueTopic, waitFor, withAdmin } = require('../harness')
const { outcomeOf } = require('./outcome')

/** Two attempts instead of nine seconds of them. */
const QUICK = { retry: { retries: 1, initialRetryTime: 20 } }

const mask = ({ mask: hide }, name) => {
  hide(name, '<other>')
  return name
}

contract('createTopics: true, then false when all exist', { partitions: 0 }, async context => {
  const { kafka, topic, record } = context
  const admin = kafka().admin()
  const other = mask(context, uniqueTopic())
  const make = topics => outcomeOf(() => admin.createTopics({ topics }))

  record('first', await make([{ topic, numPartitions: 2 }]))
  record('again', await make([{ topic, numPartitions: 2 }]))
  record('one of them is new', await make([{ topic }, { topic: other }]))
  record('none', await make([]))
  record('metadata', await admin.fetchTopicMetadata({ topics: [topic] }))
  record('the new one', await admin.fetchTopicMetadata({ topics: [other] }))
})

contract('createTopics: one error per topic, sorted by topic', async context => {
  const { kafka, topic, record } = context
  const admin = kafka().admin()
  const topics = [
    { topic: 'not valid' },
    { topic },
    { topic: 'Ä' },
    { topic: mask(context, uniqueTopic()), replicationFactor: 100 },
  ]

  const outcome = await outcomeOf(() => admin.createTopics({ topics }))

  // The names differ from run to run, and the order of errors with them.
  outcome.error.errors.sort((a, b) => a.code - b.code)
  record('errors', outcome)
})

contract(
  'createTopics: assignment, configuration, numeric strings',
  { partitions: 0 },
  async context => {
    const { kafka, topic, record } = context
    const admin = kafka().admin()
    const other = mask(context, uniqueTopic())
    const { brokers: nodes } = await admin.describeCluster()
    const replicas = [nodes[0].nodeId]
    const configEntries = [{ name: 'cleanup.policy', value: 'compact' }]
    const topics = [
      {
        topic,
        replicaAssignment: [0, 1].map(partition => ({ partition, replicas })),
        configEntries,
      },
      { topic: other, numPartitions: '3', replicationFactor: '1' },
    ]

    record('result', await admin.createTopics({ topics, timeout: '6000' }))
    for (const name of [topic, other]) {
      const [{ partitions }] = (await admin.fetchTopicMetadata({ topics: [name] })).topics
      record('partitions', partitions.length)
    }
    const query = { type: 2, name: topic, configNames: ['cleanup.policy'] }
    const { resources } = await admin.describeConfigs({ resources: [query] })
    record('configuration', resources[0].configEntries[0].configValue)
  }
)

contract(
  'createTopics: validateOnly checks and makes nothing',
  {
    partitions: 0,
    differences: {
      'with the default waitForLeaders': {
        reason: 'kafkajs waits for the leaders of a topic that it did not make',
        ours: [{ result: true }],
      },
    },
  },
  async context => {
    const { kafka, topic, record } = context
    const admin = kafka().admin()
    const validate = (options, more) =>
      outcomeOf(() =>
        admin.createTopics({ topics: [{ topic, ...options }], validateOnly: true, ...more })
      )

    record('with the default waitForLeaders', await validate())
    record('without', await validate({}, { waitForLeaders: false }))
    record('bad', await validate({ replicationFactor: 100 }, { waitForLeaders: false }))
    record('made', (await admin.listTopics()).includes(topic))
  }
)

test('createTopics: leaders are there when it resolves, time after time', async () => {
  const admin = await adminOf(subject)
  try {
    for (let round = 0; round < 10; round++) {
      const topics = [uniqueTopic(), uniqueTopic()].map(topic => ({ topic, numPartitions: 3 }))
      assert.equal(await admin.createTopics({ topics }), true)
      const names = topics.map(({ topic }) => topic)
      const metadata = await admin.fetchTopicMetadata({ topics: names })
      const leaders = metadata.topics.flatMap(({ partitions }) => partitions.map(p => p.leader))
      assert.equal(leaders.length, 6)
      assert.ok(leaders.every(leader => leader >= 0))
    }
  } finally {
    await admin.disconnect()
  }
})

contract('createTopics: a broker that is given no time', { partitions: 0 }, async context => {
  const { kafka, topic, record } = context
  const admin = kafka().admin()
  record('outcome', await outcomeOf(() => admin.createTopics({ topics: [{ topic }], timeout: 0 })))
})

contract('deleteTopics: undefined, and the topics are gone', async context => {
  const { kafka, topic, record } = context
  const admin = kafka().admin()
  const other = mask(context, uniqueTopic())
  await admin.createTopics({ topics: [{ topic: other }] })

  record('result', await admin.deleteTopics({ topics: [topic, other] }))
  record('none', await admin.deleteTopics({ topics: [] }))
  const gone = async () => {
    const left = await admin.listTopics()
    return ![topic, other].some(name => left.includes(name))
  }
  await waitFor(gone, { message: 'the topics to be gone' })
})

contract('deleteTopics: a topic that does not exist, after all attempts', async context => {
  const { kafka, topic, record, logs } = context
  const admin = kafka(QUICK).admin()
  const missing = mask(context, uniqueTopic('missing'))

  record('missing', await outcomeOf(() => admin.deleteTopics({ topics: [missing] })))
  record('with another', await outcomeOf(() => admin.deleteTopics({ topics: [missing, topic] })))
  const warnings = logs.filter(({ namespace, label }) => namespace === 'Admin' && label === 'WARN')
  record(
    'warnings',
    warnings.map(({ log }) => [log.message, log.error, log.retryCount])
  )
})

contract('createPartitions: undefined', { partitions: 1 }, async context => {
  const { kafka, topic, record } = context
  const admin = kafka(QUICK).admin()
  const grow = (count, more) =>
    outcomeOf(() =>
      admin.createPartitions({ topicPartitions: [{ topic, count, ...more?.entry }], ...more })
    )
  const { brokers: nodes } = await admin.describeCluster()

  record('validateOnly', await grow(3, { validateOnly: true }))
  record('more', await grow(2))
  record('assigned', await grow(3, { entry: { assignments: [[nodes[0].nodeId]] } }))
  record('fewer', await grow(1))
  record('bad assignment', await grow(4, { entry: { assignments: [[77]] } }))
  const missing = mask(context, uniqueTopic('missing'))
  const topicPartitions = [{ topic: missing, count: 2 }]
  record('missing', await outcomeOf(() => admin.createPartitions({ topicPartitions })))
  const counted = async () => {
    const [{ partitions }] = (await admin.fetchTopicMetadata({ topics: [topic] })).topics
    return partitions.length
  }
  record('partitions', await waitFor(async () => (await counted()) === 3 && 3))
})

contract('listTopics: all names, internal ones too', async ({ kafka, topic, record }) => {
  const admin = kafka().admin()
  const topics = await admin.listTopics()
  record('is there', topics.includes(topic))
  record('internal', topics.includes('__consumer_offsets'))
  record('types', [...new Set(topics.map(name => typeof name))])
})

contract('fetchTopicMetadata: one, several, all, missing', { partitions: 2 }, async context => {
  const { kafka, topic, record } = context
  const admin = kafka(QUICK).admin()
  const other = mask(context, uniqueTopic())
  await admin.createTopics({ topics: [{ topic: other }] })
  const fetch = options => outcomeOf(() => admin.fetchTopicMetadata(options))

  record('one', await fetch({ topics: [topic] }))
  const { result } = await fetch({ topics: [topic, other] })
  record('several', result.topics.filter(({ name }) => [topic, other].includes(name)).length)
  for (const options of [undefined, {}, { topics: [] }]) {
    const all = (await fetch(options)).result.topics
    record(
      'all',
      all.find(({ name }) => name === topic)
    )
    record('keys', Object.keys(all[0].partitions[0] ?? {}))
  }
  const missing = mask(context, uniqueTopic('missing'))
  record('missing', await fetch({ topics: [missing] }))
  record('one is missing', await fetch({ topics: [topic, missing] }))
  // To look at a topic must not make it.
  record('made', (await admin.listTopics()).includes(missing))
})

contract('describeCluster', { partitions: 0 }, async ({ kafka, record }) => {
  record('result', await kafka().admin().describeCluster())
})

test("the broker's own text is kept in brokerMessage", { skip: isStandIn() }, async () => {
  const admin = await adminOf(subject)
  try {
    const topic = uniqueTopic()
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })
    const again = [{ topic }, { topic: 'not valid' }]
    await assert.rejects(admin.createTopics({ topics: again }), error => {
      const texts = error.errors.map(({ brokerMessage }) => brokerMessage)
      return (
        texts.some(text => text.includes('exists')) && texts.some(text => text.includes('ASCII'))
      )
    })
    const fewer = { topicPartitions: [{ topic, count: 1 }] }
    await assert.rejects(admin.createPartitions(fewer), ({ message, brokerMessage }) => {
      return (
        message === 'Number of partitions is invalid' && brokerMessage.includes('2 partition(s)')
      )
    })
  } finally {
    await admin.disconnect()
  }
})

test('a topic that was deleted by somebody else does not get in the way of others', {
  skip: isStandIn(),
}, async () => {
  const topic = uniqueTopic()
  const admin = await adminOf(subject)
  try {
    await admin.createTopics({ topics: [{ topic }] })
    await admin.fetchTopicOffsets(topic)
    await withAdmin(undefined, other => other.deleteTopics({ topics: [topic] }))
    assert.equal(await admin.createTopics({ topics: [{ topic: uniqueTopic() }] }), true)
    assert.ok((await admin.listGroups()).groups)
  } finally {
    await admin.disconnect()
  }
})

async function adminOf(library) {
  const { Kafka, logLevel } = library.load()
  return new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING, ...QUICK }).admin()
}

function isStandIn() {
  return subject.isStandIn && 'kafkajs does otherwise'
}
