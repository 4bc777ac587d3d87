'use strict'

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, createTopic, subject, uniqueTopic } = require('../../harness')
const { connectProducer } = require('../clients')
const { startScriptedBroker } = require('../scriptedBroker')
const {
  DefaultPartitioner,
  StickyPartitioner,
  nativePartitioner,
} = require('../../../src/producer/partitioners')

const BATCH_SIZE = 10_000

async function stickyProducer(t, addresses, options) {
  return connectProducer(t, addresses, {
    createPartitioner: StickyPartitioner,
    batchSize: BATCH_SIZE,
    ...options,
  })
}

test('StickyPartitioner is exported, and the core has it', () => {
  assert.equal(subject.load().Partitioners.StickyPartitioner, StickyPartitioner)
  assert.equal(nativePartitioner(StickyPartitioner), 'sticky')
})

test('messages without a key stay on a partition until a batch is full, then go to another', async t => {
  const broker = await startScriptedBroker({ topics: { t: 8 } })
  const producer = await stickyProducer(t, broker)
  const visited = []
  for (let i = 0; i < 400; i++) {
    const [{ partition }] = await producer.send({
      topic: 't',
      messages: [{ value: 'x'.repeat(1000) }],
    })
    if (visited.at(-1)?.partition === partition) visited.at(-1).count += 1
    else visited.push({ partition, count: 1 })
  }
  // 400 KB in pieces of 10 KB, of which some neighbours may be the same partition.
  assert.ok(visited.length >= 20 && visited.length <= 50, `${visited.length} changes`)
  assert.ok(visited.slice(0, -1).every(({ count }) => count >= 9 && count % 1 === 0))
  // At random, so not necessarily all; that 40 draws meet fewer than 4 of 8 happens never.
  assert.ok(new Set(visited.map(({ partition }) => partition)).size >= 4)
})

test('one call without keys goes to few partitions, where the default visits all', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 6 })
  const messages = Array.from({ length: 12 }, () => ({ value: 'v' }))
  const sticky = await stickyProducer(t, await brokers())
  assert.equal((await sticky.send({ topic, messages })).length, 1)
  const all = await connectProducer(t, await brokers(), { createPartitioner: DefaultPartitioner })
  assert.equal((await all.send({ topic, messages })).length, 6)
})

test('keys and partitions decide as with the default', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 12 })
  const sticky = await stickyProducer(t, await brokers())
  for (const [key, expected] of [
    ['a', 4],
    ['key1', 8],
    ['', 9],
  ]) {
    const [{ partition }] = await sticky.send({ topic, messages: [{ key, value: 'v' }] })
    assert.equal(partition, expected)
  }
  const [{ partition }] = await sticky.send({ topic, messages: [{ value: 'v', partition: 11 }] })
  assert.equal(partition, 11)
})

test('called by hand it is a partitioner as any other', () => {
  const partition = StickyPartitioner()
  const partitionMetadata = [0, 1, 2].map(partitionId => ({ partitionId, leader: 0 }))
  const chosen = partition({ topic: 't', partitionMetadata, message: { value: 'v' } })
  assert.ok([0, 1, 2].includes(chosen))
  assert.equal(partition({ topic: 't', partitionMetadata, message: { partition: 1 } }), 1)
})
