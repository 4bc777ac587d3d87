'use strict'

/**
 * Transactions on a cluster whose `transaction.version` is 1, as before Kafka 4.0: every partition is announced to the
 * coordinator before its first record, and the epoch stays (no KIP-890).
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const {
  createTopic,
  startSingle,
  subject,
  uniqueGroup,
  uniqueTopic,
  withAdmin,
} = require('../harness')
const { errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')

let cluster
before(async () => {
  cluster = await startSingle({ features: { 'transaction.version': 1 } })
})
after(() => cluster?.stop())

const texts = async (topic, options) =>
  (await readTopic(cluster.brokers, topic, options)).map(({ value }) => `${value}`).sort()

/** A transactional producer, and the requests that it makes. */
async function start(t, options = {}) {
  const topic = await createTopic(uniqueTopic(), { partitions: 3, on: cluster.brokers })
  const producer = await connectProducer(t, cluster.brokers, {
    transactionalId: `tx-${topic}`,
    ...options,
  })
  const requests = []
  producer.on(producer.events.REQUEST, ({ payload }) => requests.push(payload))
  const send = (transaction, value, partitions = [0, 1, 2]) =>
    transaction.send({ topic, messages: partitions.map(partition => ({ value, partition })) })
  return { topic, producer, requests, send }
}

test('the cluster runs transactions of version 1', async t => {
  const { producer, requests, send } = await start(t)
  const transaction = await producer.transaction()
  await send(transaction, 'v')
  await transaction.commit()
  const by = name => requests.filter(({ apiName }) => apiName === name)
  assert.equal(by('AddPartitionsToTxn').length, 1, 'partitions are announced, all at once')
  assert.ok(by('Produce').every(({ apiVersion }) => apiVersion < 12))
  assert.ok(by('EndTxn').every(({ apiVersion }) => apiVersion < 5))
})

for (const end of ['commit', 'abort']) {
  test(`${end}: what is seen, and isActive`, async t => {
    const { topic, producer, send } = await start(t)
    const first = await producer.transaction()
    assert.equal(first.isActive(), true)
    await send(first, 'a')
    await first[end]()
    assert.equal(first.isActive(), false)
    assert.match((await errorOf(() => send(first, 'late'))).message, /^Cannot continue to use/)
    const second = await producer.transaction()
    await send(second, 'b', [1])
    await second.commit()
    assert.deepEqual(await texts(topic), end === 'commit' ? ['a', 'a', 'a', 'b'] : ['b'])
    assert.deepEqual(await texts(topic, { readUncommitted: true }), ['a', 'a', 'a', 'b'])
  })

  test(`${end} of an empty transaction asks nobody`, async t => {
    const { producer, requests } = await start(t)
    const transaction = await producer.transaction()
    await transaction[end]()
    assert.deepEqual(
      requests.filter(({ apiName }) => apiName === 'EndTxn'),
      []
    )
  })
}

test('thirty transactions, every other one aborted, un-awaited sends', async t => {
  const { topic, producer, send } = await start(t)
  const expected = []
  for (let i = 0; i < 30; i++) {
    const transaction = await producer.transaction()
    const sends = [0, 1, 2].map(partition => send(transaction, `${i}`, [partition]))
    const settled = Promise.allSettled(sends)
    if (i % 2 === 0) {
      await transaction.commit()
      expected.push(`${i}`, `${i}`, `${i}`)
    } else {
      await transaction.abort()
    }
    await settled
  }
  assert.deepEqual(await texts(topic), expected.sort())
})

test('sendOffsets: with the commit, not with the abort', async t => {
  const { topic, producer } = await start(t)
  const group = uniqueGroup()
  const committed = () =>
    withAdmin(cluster.brokers, async admin => {
      const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
      return partitions.find(({ partition }) => partition === 0).offset
    })
  for (const [offset, end, expected] of [
    ['5', 'commit', '5'],
    ['9', 'abort', '5'],
    ['7', 'commit', '7'],
  ]) {
    const transaction = await producer.transaction()
    const topics = [{ topic, partitions: [{ partition: 0, offset }] }]
    await transaction.sendOffsets({ consumerGroupId: group, topics })
    await transaction[end]()
    assert.equal(await committed(), expected)
  }
})

test('a producer whose id was taken over is fenced, clearly and for good', async t => {
  const { topic, producer, send } = await start(t)
  const transaction = await producer.transaction()
  await send(transaction, 'of the first')
  const next = await connectProducer(t, cluster.brokers, { transactionalId: `tx-${topic}` })
  const taken = await next.transaction()
  await send(taken, 'of the next')
  await taken.commit()

  const isFenced = ({ type, cause, message }) =>
    ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH'].includes(type ?? cause?.type) ||
    /fenced|epoch/i.test(message)
  const late = await errorOf(() => send(transaction, 'late'))
  assert.ok(isFenced(late), `${late}`)
  assert.ok(isFenced(await errorOf(() => transaction.commit())))
  assert.deepEqual(await texts(topic), ['of the next', 'of the next', 'of the next'])
})

test('a message that is refused does not end the transaction', async t => {
  const { topic, producer, send } = await start(t)
  const transaction = await producer.transaction()
  await send(transaction, 'a', [0])
  const error = await errorOf(() => send(transaction, 'x'.repeat(2_000_000), [0]))
  assert.equal(error.type, 'MESSAGE_TOO_LARGE')
  await send(transaction, 'b', [0])
  await transaction.commit()
  assert.deepEqual(await texts(topic), ['a', 'b'])
})

test('a transaction that took too long is as one that was taken over: the next producer goes on', async t => {
  const { topic, producer, send } = await start(t, { transactionTimeout: 1000 })
  const slow = await producer.transaction()
  await send(slow, 'too slow')
  // To the end of a topic one can read only when no transaction is open.
  assert.deepEqual(await texts(topic), [])
  const error = await errorOf(() => slow.commit())
  assert.equal(error.type, 'PRODUCER_FENCED')
  assert.equal((await errorOf(() => slow.abort())).type, 'PRODUCER_FENCED')
  const { Kafka } = subject.load()
  const other = new Kafka({ brokers: cluster.brokers, logLevel: 0 }).producer({
    transactionalId: `tx-${topic}`,
  })
  t.after(() => other.disconnect())
  await other.connect()
  const next = await other.transaction()
  await send(next, 'in time', [0])
  await next.commit()
  assert.deepEqual(await texts(topic), ['in time'])
})
