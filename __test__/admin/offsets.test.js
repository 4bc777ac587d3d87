'use strict'

/**
 * fetchTopicOffsets, fetchTopicOffsetsByTimestamp, fetchOffsets, setOffsets, resetOffsets, deleteTopicRecords. Section 5
 * of kafkajs' behaviour, and rows 27 and 59 of section 11.
 */

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
  waitFor,
} = require('../harness')
const { outcomeOf } = require('./outcome')

/** Two attempts instead of nine seconds of them. */
const QUICK = { retry: { retries: 1, initialRetryTime: 20 } }

/** Not so long ago that retention would take the messages away. */
const START = Date.now() - 60_000
const TIMES = [START, START + 1000, START + 2000]

/** The scene is set by kafkajs, whatever is under test. */
async function withReference(task) {
  const { Kafka, logLevel } = reference.load()
  return task(new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING }))
}

/** Three messages in partition 0, a second apart. */
function produce(topic, messages = TIMES.map(time => ({ value: 'v', timestamp: `${time}` }))) {
  return withReference(async kafka => {
    const producer = kafka.producer({ createPartitioner: () => () => 0 })
    await producer.connect()
    await producer.send({ topic, messages })
    await producer.disconnect()
  })
}

/** A transaction that is begun and not ended holds the last stable offset back. Gives what ends it. */
function openTransaction(topic) {
  return withReference(async kafka => {
    const transactionalId = uniqueGroup('transaction')
    const producer = kafka.producer({ transactionalId, maxInFlightRequests: 1, idempotent: true })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'open' }] })
    return async () => {
      await transaction.abort()
      await producer.disconnect()
    }
  })
}

/** Runs a member of the group, without our own consumer having a part in it. */
async function withMember({ group, topic }, task) {
  await withReference(async kafka => {
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic] })
    const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
    await consumer.run({ eachMessage: async () => {} })
    await joined
    try {
      await task()
    } finally {
      await consumer.disconnect()
    }
  })
}

const byPartition = (a, b) => a.partition - b.partition

contract('fetchTopicOffsets: strings, offset is high', { partitions: 2 }, async context => {
  const { kafka, topic, record } = context
  const admin = kafka(QUICK).admin()

  record('empty', (await admin.fetchTopicOffsets(topic)).sort(byPartition))
  await produce(topic)
  const offsets = (await admin.fetchTopicOffsets(topic)).sort(byPartition)
  record('three', offsets)
  record('keys', Object.keys(offsets[0]))
})

contract('fetchTopicOffsets: a missing topic, after all attempts', async context => {
  const { kafka, record, mask } = context
  const missing = uniqueTopic('missing')
  mask(missing, '<missing>')
  record('outcome', await outcomeOf(() => kafka(QUICK).admin().fetchTopicOffsets(missing)))
  const byTime = () => kafka(QUICK).admin().fetchTopicOffsetsByTimestamp(missing, 1)
  record('by timestamp', await outcomeOf(byTime))
})

contract('fetchTopicOffsets: high is the last stable offset', async context => {
  const { kafka, topic, record, onEnd } = context
  await produce(topic)
  onEnd(await openTransaction(topic))
  record('outcome', await outcomeOf(() => kafka(QUICK).admin().fetchTopicOffsets(topic)))
})

contract(
  'fetchTopicOffsetsByTimestamp: none is found: the end',
  { partitions: 2 },
  async context => {
    const { kafka, topic, record } = context
    const admin = kafka(QUICK).admin()
    await produce(topic)
    const at = async (label, timestamp) => {
      const offsets = await admin.fetchTopicOffsetsByTimestamp(topic, timestamp)
      record(label, offsets.sort(byPartition))
    }

    for (const after of [-1, 0, 999, 1000, 1001, 2000, 2001]) await at(after, START + after)
    await at('now', Date.now())
    await at('string', `${TIMES[1]}`)
    await at('bigint', BigInt(TIMES[1]))
    for (const special of [undefined, null, -1, -2]) await at(`${special}`, special)
  }
)

contract('fetchOffsets: nothing committed', { partitions: 3 }, async context => {
  const { kafka, topic, group, record } = context
  const admin = kafka(QUICK).admin()
  const fetch = more => outcomeOf(() => admin.fetchOffsets({ groupId: group, ...more }))

  record('of a topic', await fetch({ topics: [topic] }))
  for (const more of [{}, { topics: [] }, { topics: null }])
    record('of all topics', await fetch(more))
  const missing = uniqueTopic('missing')
  context.mask(missing, '<missing>')
  record('of a missing topic', await fetch({ topics: [missing] }))
})

contract(
  'fetchOffsets: what was committed, with its metadata',
  { partitions: 3 },
  async context => {
    const { kafka, topic, group, record } = context
    const admin = kafka(QUICK).admin()
    await produce(topic)
    await withReference(async reader => {
      const consumer = reader.consumer({ groupId: group, maxWaitTimeInMs: 100 })
      await consumer.subscribe({ topics: [topic] })
      await consumer.run({ autoCommit: false, eachMessage: async () => {} })
      await consumer.commitOffsets([
        { topic, partition: 0, offset: '2', metadata: 'two of three' },
        { topic, partition: 1, offset: '9007199254740993' },
      ])
      await consumer.disconnect()
    })

    record('of a topic', await admin.fetchOffsets({ groupId: group, topics: [topic] }))
    const [all, ...others] = await admin.fetchOffsets({ groupId: group })
    record('of all topics', [{ ...all, partitions: all.partitions.sort(byPartition) }, others])
  }
)

contract('fetchOffsets: several topics', { partitions: 1 }, async context => {
  const { kafka, topic, group, record, mask } = context
  const admin = kafka(QUICK).admin()
  const other = await createTopic(uniqueTopic(), { partitions: 2 })
  mask(other, '<other>')
  const offsets = await admin.fetchOffsets({ groupId: group, topics: [topic, other] })
  const counts = offsets.map(entry => [entry.topic, entry.partitions.length])
  record(
    'topics',
    counts.sort((a, b) => a[1] - b[1])
  )
})

contract('setOffsets and fetchOffsets', { partitions: 3 }, async context => {
  const { kafka, topic, group, record, mask } = context
  const admin = kafka(QUICK).admin()
  const set = partitions => outcomeOf(() => admin.setOffsets({ groupId: group, topic, partitions }))
  const stored = () => admin.fetchOffsets({ groupId: group, topics: [topic] })

  record(
    'set',
    await set([
      { partition: 0, offset: '5' },
      { partition: 1, offset: -2 },
      { partition: 9, offset: '1' },
    ])
  )
  record('stored', await stored())
  const missing = uniqueTopic('missing')
  mask(missing, '<missing>')
  const partitions = [{ partition: 0, offset: '5' }]
  const elsewhere = () => admin.setOffsets({ groupId: group, topic: missing, partitions })
  record('of a missing topic', await outcomeOf(elsewhere))
})

contract(
  'resetOffsets: literal -1 and -2, resolved on demand',
  { partitions: 2 },
  async context => {
    const { kafka, topic, group, record } = context
    const admin = kafka(QUICK).admin()
    await produce(topic)
    const stored = more => admin.fetchOffsets({ groupId: group, topics: [topic], ...more })

    record('latest', await outcomeOf(() => admin.resetOffsets({ groupId: group, topic })))
    record('stored', await stored())
    record('resolved', await stored({ resolveOffsets: true }))
    record('stored', await stored())
    const toBeginning = { groupId: group, topic, earliest: true }
    record('earliest', await outcomeOf(() => admin.resetOffsets(toBeginning)))
    record('stored', await stored())
  }
)

contract('offsets of a group that runs cannot be set', async context => {
  const { kafka, topic, group, record } = context
  const admin = kafka(QUICK).admin()
  const partitions = [{ partition: 0, offset: '0' }]
  await withMember(context, async () => {
    const about = { groupId: group, topic }
    record('setOffsets', await outcomeOf(() => admin.setOffsets({ ...about, partitions })))
    record('resetOffsets', await outcomeOf(() => admin.resetOffsets(about)))
    const fetch = () =>
      admin.fetchOffsets({ groupId: group, topics: [topic], resolveOffsets: true })
    record('resolveOffsets', await outcomeOf(fetch))
  })
})

test('setOffsets: a consumer goes on where it was sent, at once', { skip: standIn() }, async () => {
  const topic = await createTopic(uniqueTopic())
  const group = uniqueGroup()
  await produce(topic)
  const admin = await adminOf(subject)
  const started = Date.now()
  await admin.setOffsets({ groupId: group, topic, partitions: [{ partition: 0, offset: 2 }] })
  assert.ok(Date.now() - started < 2000, 'kafkajs takes five seconds')
  await admin.disconnect()

  await withReference(async kafka => {
    const seen = []
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => seen.push(message.offset) })
    await waitFor(() => seen.length > 0, { message: 'a message' })
    await consumer.disconnect()
    assert.deepEqual(seen, ['2'])
  })
})

test('offsets are exact beyond 2^53', { skip: standIn() }, async () => {
  const about = { groupId: uniqueGroup(), topic: await createTopic(uniqueTopic()) }
  const admin = await adminOf(subject)
  for (const offset of ['9007199254740993', 9007199254740995n]) {
    await admin.setOffsets({ ...about, partitions: [{ partition: 0, offset }] })
    const [{ partitions }] = await admin.fetchOffsets({ groupId: about.groupId })
    assert.equal(partitions[0].offset, `${offset}`)
  }
  await admin.disconnect()
})

test('fetchOffsets: partitions in the order of their numbers', { skip: standIn() }, async () => {
  const topic = await createTopic(uniqueTopic(), { partitions: 12 })
  const admin = await adminOf(subject)
  const [{ partitions }] = await admin.fetchOffsets({ groupId: uniqueGroup(), topics: [topic] })
  await admin.disconnect()
  const numbers = partitions.map(({ partition }) => partition)
  assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])
})

/** kafkajs reads the topic's metadata before it loads it, unless an earlier call of the same admin has done so. */
const afterLoading = admin => async request => {
  await admin.fetchTopicOffsets(request.topic)
  return outcomeOf(() => admin.deleteTopicRecords(request))
}

contract('deleteTopicRecords', { partitions: 2 }, async context => {
  const { kafka, topic, record, logs } = context
  const admin = kafka(QUICK).admin()
  const remove = partitions => afterLoading(admin)({ topic, partitions })
  const low = async () => (await admin.fetchTopicOffsets(topic)).sort(byPartition)
  await produce(topic)

  record('two', await remove([{ partition: 0, offset: '2' }]))
  record('left', await low())
  record('fewer', await remove([{ partition: 0, offset: '1' }]))
  const warnings = logs.filter(({ label }) => label === 'WARN')
  record(
    'warnings',
    warnings.map(({ namespace, log }) => ({ namespace, ...log }))
  )
  record(
    'all',
    await remove([
      { partition: 0, offset: -1 },
      { partition: 1, offset: '-1' },
    ])
  )
  record('left', await low())
  record('too many', await remove([{ partition: 0, offset: '100' }]))
  record(
    'unknown partition',
    await remove([
      { partition: 0, offset: '3' },
      { partition: 7, offset: '1' },
    ])
  )
  record('no number', await remove([{ partition: '0', offset: '3' }]))
})

contract(
  'deleteTopicRecords: on an admin that has asked nothing yet',
  {
    differences: {
      outcome: {
        reason: 'kafkajs reads metadata before it has loaded it',
        kafkajs: [
          {
            error: {
              class: 'KafkaJSTopicMetadataNotLoaded',
              message: 'Topic metadata not loaded',
              name: 'KafkaJSTopicMetadataNotLoaded',
              retriable: true,
              helpUrl: undefined,
              topic: '<topic>',
            },
          },
        ],
        ours: [{ result: undefined }],
      },
    },
  },
  async ({ kafka, topic, record }) => {
    await produce(topic)
    const partitions = [{ partition: 0, offset: '1' }]
    const admin = kafka(QUICK).admin()
    record('outcome', await outcomeOf(() => admin.deleteTopicRecords({ topic, partitions })))
  }
)

async function adminOf(library) {
  const { Kafka, logLevel } = library.load()
  return new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING, ...QUICK }).admin()
}

function standIn() {
  return subject.isStandIn && 'kafkajs does otherwise'
}
