'use strict'

/**
 * Brokers that die by SIGKILL or hang under a producer, and come back: the whole topic is read back. Idempotent sends are there
 * once and in order; transactions are there as a whole or not at all, also when their coordinator dies in between.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { startThree, subject, uniqueGroup, waitFor, within, withAdmin } = require('../../harness')
const { readTopic, transactionCoordinator } = require('../../producer/readTopic')
const {
  RECOVERY_MS,
  leaderOf,
  runningBrokers,
  topicOnThree,
  waitForReplicas,
} = require('./brokers')
const { Ledger } = require('./ledger')

const PARTITIONS = [0, 1, 2]
/** Enough for a broker to be found gone, and another one to take over. */
const RETRY = { initialRetryTime: 50, maxRetryTime: 1000, retries: 100 }
const TEST_MS = 150_000

let cluster
before(async () => {
  cluster = await startThree()
})
after(() => cluster?.stop())

async function connect(t, options, settings = {}) {
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING, ...settings })
  const producer = kafka.producer({ retry: RETRY, ...options })
  t.after(() => producer.disconnect())
  await producer.connect()
  return producer
}

/** Runs `task` while a node is dead, then starts it again. */
async function whileDead(node, topic, task) {
  await cluster.kill(node)
  try {
    return await task()
  } finally {
    await cluster.restart(node)
    await waitForReplicas(cluster, topic)
  }
}

/** Keeps twenty un-awaited sends a partition under way; `stop` waits for them. */
async function keepSending(t, topic, options, settings) {
  const producer = await connect(t, { idempotent: true, ...options }, settings)
  const ledger = new Ledger({ topic, partitions: 3, producer })
  let stopping = false
  const loop = async partition => {
    while (!stopping) await ledger.send([partition])
  }
  const looping = Promise.all(PARTITIONS.flatMap(partition => Array(20).fill(partition)).map(loop))
  return {
    ledger,
    async stop() {
      stopping = true
      await within(RECOVERY_MS, looping, 'the loops')
    },
  }
}

/** A transaction with sends on their way to all brokers; `commit` sends some more, and commits. */
async function openTransaction(t) {
  const topic = await topicOnThree(cluster)
  const producer = await connect(t, { transactionalId: `tx-${topic}` })
  const ledger = new Ledger({ topic, partitions: 3, producer: await producer.transaction() })
  const sends = Array.from({ length: 300 }, (_, i) => ledger.send([i % 3]))
  return {
    ledger,
    async commit() {
      sends.push(...Array.from({ length: 300 }, (_, i) => ledger.send([i % 3])))
      await within(RECOVERY_MS, Promise.all(sends), 'the sends of the transaction')
      await within(RECOVERY_MS, ledger.producer.commit(), 'commit')
    },
  }
}

test('a leader dies under idempotent sends and a transaction, and comes back', {
  timeout: TEST_MS,
}, async t => {
  const topic = await topicOnThree(cluster)
  const other = await topicOnThree(cluster)
  const senders = await Promise.all([
    keepSending(t, topic, {}),
    // So small that several of a partition are under way.
    keepSending(t, other, { batchSize: 300 }),
  ])
  const more = async what => {
    for (const { ledger } of senders) {
      const sofar = ledger.acknowledged.size
      await waitFor(() => ledger.acknowledged.size >= sofar + 1000, {
        deadline: RECOVERY_MS,
        message: `sends to be acknowledged ${what}`,
      })
    }
  }
  await more('at first')
  const open = await openTransaction(t)
  const victim = await leaderOf(cluster, topic, 0)
  await whileDead(victim, topic, async () => {
    await Promise.all([more('without the leader'), open.commit()])
  })
  await open.ledger.assertComplete(cluster.brokers, { exactly: true })
  await more('when it is back')
  for (const { ledger, stop } of senders) {
    await stop()
    t.diagnostic(`${ledger.sent} sent`)
    await ledger.assertComplete(cluster.brokers, { exactly: true })
  }
})

test('a leader hangs, its partition goes elsewhere, and it comes back with what it had been sent', {
  timeout: TEST_MS,
}, async t => {
  const topic = await topicOnThree(cluster)
  const { ledger, stop } = await keepSending(t, topic, {}, { requestTimeout: 1000 })
  let timeouts = 0
  ledger.producer.on(ledger.producer.events.REQUEST_TIMEOUT, () => {
    timeouts += 1
  })
  const reaches = (count, message) =>
    waitFor(() => ledger.acknowledged.size >= count, { deadline: RECOVERY_MS, message })
  await reaches(1000, 'sends to be acknowledged')
  const victim = await leaderOf(cluster, topic, 0)
  await cluster.pause(victim)
  try {
    await waitFor(() => timeouts > 0, { deadline: RECOVERY_MS, message: 'a timeout' })
    const first = `0/${ledger.next[0] - 1}`
    await waitFor(() => ledger.acknowledged.has(first), {
      deadline: RECOVERY_MS,
      message: 'the partition of the leader that hangs',
    })
  } finally {
    await cluster.resume(victim)
  }
  await waitForReplicas(cluster, topic)
  await reaches(ledger.acknowledged.size + 1000, 'sends to be acknowledged when it is back')
  await stop()
  t.diagnostic(`${ledger.sent} sent, ${timeouts} timeouts`)
  await ledger.assertComplete(cluster.brokers, { exactly: true })
})

test('a leader that moves is followed at once: the old one says where it went (KIP-951)', {
  timeout: TEST_MS,
}, async t => {
  const topic = await topicOnThree(cluster)
  // Whoever does not follow waits for a minute.
  const retry = { initialRetryTime: 60_000, maxRetryTime: 60_000, retries: 5 }
  const producer = await connect(t, { idempotent: true, retry })
  const ledger = new Ledger({ topic, partitions: 3, producer })
  await ledger.send([0])
  const old = await leaderOf(cluster, topic, 0)
  const replicas = [1, 2, 3].filter(node => node !== old)
  await withAdmin(cluster.brokers, admin =>
    admin.alterPartitionReassignments({
      topics: [{ topic, partitionAssignment: [{ partition: 0, replicas }] }],
    })
  )
  await waitFor(async () => replicas.includes(await leaderOf(cluster, topic, 0)), {
    deadline: RECOVERY_MS,
    message: 'another leader',
  })
  const requests = []
  producer.on(producer.events.REQUEST, ({ payload }) => requests.push(payload))
  await within(30_000, ledger.send([0]), 'the send')
  await waitFor(() => requests.filter(({ apiName }) => apiName === 'Produce').length >= 2, {
    message: 'both requests',
  })
  assert.deepEqual(
    requests.map(({ apiName }) => apiName).filter(name => name !== 'ApiVersions'),
    ['Produce', 'Produce']
  )
  assert.notEqual(requests[0].broker, requests.at(-1).broker)
  await ledger.assertComplete(cluster.brokers, { exactly: true })
})

const texts = read => read.map(({ value }) => `${value}`).sort()

test('the coordinator of a transaction dies between send and its end', {
  timeout: 2 * TEST_MS,
}, async t => {
  const topic = await topicOnThree(cluster)
  const group = uniqueGroup()
  const transactionalId = `tx-${topic}`
  const producer = await connect(t, { transactionalId })
  const messages = name =>
    PARTITIONS.map(partition => ({ value: `${name}/${partition}`, partition }))
  const offsets = offset => ({
    consumerGroupId: group,
    topics: [{ topic, partitions: [{ partition: 0, offset }] }],
  })
  const committed = []
  const all = []

  for (const [round, end] of ['commit', 'abort'].entries()) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: messages(end) })
    await transaction.sendOffsets(offsets(`${round + 1}`))
    all.push(...messages(end))
    if (end === 'commit') committed.push(...messages(end))

    const victim = await transactionCoordinator(runningBrokers(cluster), transactionalId)
    await whileDead(victim, topic, async () => {
      await within(RECOVERY_MS, transaction[end](), end)
      assert.equal(transaction.isActive(), false)
      // And the next one, which begins while the old coordinator is still away.
      const next = await producer.transaction()
      await next.send({ topic, messages: messages(`after ${end}`) })
      await within(RECOVERY_MS, next.commit(), 'the next commit')
      all.push(...messages(`after ${end}`))
      committed.push(...messages(`after ${end}`))
    })
  }

  assert.deepEqual(texts(await readTopic(cluster.brokers, topic)), texts(committed))
  const uncommitted = await readTopic(cluster.brokers, topic, { readUncommitted: true })
  assert.deepEqual(texts(uncommitted), texts(all))
  const [{ partitions }] = await withAdmin(cluster.brokers, admin =>
    admin.fetchOffsets({ groupId: group, topics: [topic] })
  )
  assert.equal(partitions.find(({ partition }) => partition === 0).offset, '1')
})
