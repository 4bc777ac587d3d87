'use strict'

/** What is read: transactions, resets, patterns, codecs, compaction. Sections 4.3, 4.9, 3.7. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const zlib = require('node:zlib')
const { brokers, createTopic, reference, uniqueTopic, waitFor, withAdmin } = require('../harness')
const { committedOffsets, endOffsets } = require('../contract/observe')
const { consume, fill, joined, ours } = require('./scene')

/** Transactions are written by kafkajs, so that these tests depend on one library alone. */
const writeTransactions = async (topic, steps) => {
  const { Kafka, logLevel } = reference.load()
  const kafka = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING })
  const producer = kafka.producer({
    transactionalId: uniqueTopic('tx'),
    maxInFlightRequests: 1,
    idempotent: true,
  })
  await producer.connect()
  for (const { values, ending } of steps) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: values.map(value => ({ value, partition: 0 })) })
    if (ending === 'open')
      return { end: () => transaction.abort().then(() => producer.disconnect()) }
    await transaction[ending]()
  }
  await producer.disconnect()
  return { end: async () => {} }
}

const valuesOf = messages => messages.map(({ message }) => String(message.value))

test('read_committed: aborted transactions are left out, markers move the offset', async t => {
  const context = await ours(t)
  await writeTransactions(context.topic, [
    { values: ['a', 'b'], ending: 'commit' },
    { values: ['x', 'y'], ending: 'abort' },
    { values: ['c'], ending: 'commit' },
  ])
  const { consumer, messages } = await consume(context)
  await waitFor(() => messages.length === 3)
  await consumer.stop()
  assert.deepEqual(valuesOf(messages), ['a', 'b', 'c'])
  assert.deepEqual(
    await committedOffsets(context),
    await endOffsets(context.topic),
    'markers included'
  )
})

test('read_committed: a batch that holds only what was taken back is resolved without a handler', async t => {
  const context = await ours(t)
  const batches = []
  const { consumer, messages } = await consume(context)
  consumer.on(consumer.events.END_BATCH_PROCESS, ({ payload }) => batches.push(payload))
  await writeTransactions(context.topic, [{ values: ['x', 'y'], ending: 'abort' }])
  await waitFor(() => batches.some(({ lastOffset }) => lastOffset === '2'))
  assert.equal(messages.length, 0)
  assert.equal(
    batches.reduce((sum, { batchSize }) => sum + batchSize, 0),
    0
  )
})

test('read_committed: eachBatch sees no markers, but its offsets count them', async t => {
  const context = await ours(t)
  await writeTransactions(context.topic, [
    { values: ['x'], ending: 'abort' },
    { values: ['a', 'b'], ending: 'commit' },
  ])
  const seen = []
  const { consumer } = await consume(context, {
    run: {
      eachMessage: undefined,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        seen.push(batch)
        for (const { offset } of batch.messages) resolveOffset(offset)
      },
    },
  })
  await waitFor(async () => (await committedOffsets(context))[0] === 5)
  await consumer.stop()
  const [batch] = seen
  assert.deepEqual(
    batch.messages.map(({ offset }) => offset),
    ['2', '3']
  )
  assert.deepEqual([batch.firstOffset(), batch.lastOffset()], ['0', '4'])
  assert.deepEqual(
    batch.rawMessages.map(({ isControlRecord }) => isControlRecord),
    [false, true, false, false, true]
  )
  assert.equal(batch.messages[0].batchContext.inTransaction, true)
  assert.equal(seen.length, 1)
})

test('an open transaction is waited for; readUncommitted does not wait', async t => {
  const context = await ours(t)
  const transaction = await writeTransactions(context.topic, [
    { values: ['a'], ending: 'commit' },
    { values: ['open'], ending: 'open' },
  ])
  const { messages: committed } = await consume(context)
  const { messages: all } = await consume(
    { ...context, group: `${context.group}-all` },
    { readUncommitted: true }
  )
  await waitFor(() => all.length === 2)
  await waitFor(() => committed.length === 1)
  await transaction.end()
  await fill(context, 1)
  await waitFor(() => committed.length === 2 && all.length === 3)
  assert.deepEqual(valuesOf(committed), ['a', '0'])
  assert.deepEqual(valuesOf(all), ['a', 'open', '0'])
})

describe('an offset that is not there any more', { concurrency: true }, () => {
  for (const fromBeginning of [true, false]) {
    test(`fromBeginning ${fromBeginning} decides`, async t => {
      const context = await ours(t)
      const { topic, group } = context
      await fill(context, 10)
      await withAdmin(undefined, async admin => {
        await admin.setOffsets({
          groupId: group,
          topic,
          partitions: [{ partition: 0, offset: '2' }],
        })
        await admin.fetchTopicMetadata({ topics: [topic] })
        await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '5' }] })
      })
      const consumer = context.kafka().consumer({ groupId: group, maxWaitTimeInMs: 100 })
      await consumer.subscribe({ topics: [topic], fromBeginning })
      const offsets = []
      await consumer.run({ eachMessage: async ({ message }) => offsets.push(message.offset) })
      const reset = () =>
        context.logs.find(
          ({ log }) => log.message === 'Offset out of range, resetting to default offset'
        )
      await waitFor(reset)
      const { label, namespace, log } = reset()
      assert.deepEqual(
        [label, namespace, log.topic, log.partition, log.groupId],
        ['ERROR', 'ConsumerGroup', topic, 0, group]
      )
      // A restart begins at the same end.
      await waitFor(async () => (await committedOffsets(context))[0] !== 2)
      await waitFor(async () => {
        await fill(context, 1)
        return offsets.length > 0
      })
      if (fromBeginning) assert.equal(offsets[0], '5')
      else assert.ok(Number(offsets[0]) >= 10)
    })
  }
})

test('topics that come to match a pattern are consumed as well', async t => {
  const context = await ours(t)
  const prefix = uniqueTopic('pattern')
  await createTopic(`${prefix}-1`)
  const consumer = context
    .kafka()
    .consumer({ groupId: context.group, metadataMaxAge: 1000, maxWaitTimeInMs: 100 })
  await consumer.subscribe({ topics: [new RegExp(`^${prefix}-\\d$`, 'i')], fromBeginning: true })
  const topics = []
  const hasJoined = joined(consumer)
  await consumer.run({ eachMessage: async ({ topic }) => topics.push(topic) })
  await hasJoined()
  await createTopic(`${prefix}-other`)
  await createTopic(`${prefix}-2`)
  await fill({ ...context, topic: `${prefix}-2` }, 1)
  await fill({ ...context, topic: `${prefix}-1` }, 1)
  await waitFor(() => topics.length === 2)
  assert.deepEqual(topics.sort(), [`${prefix}-1`, `${prefix}-2`])
})

test('a codec the program has registered decompresses, from the next fetch on', async t => {
  const context = await ours(t)
  const { CompressionCodecs, CompressionTypes } = context.module
  const builtin = CompressionCodecs[CompressionTypes.GZIP]
  t.after(() => {
    CompressionCodecs[CompressionTypes.GZIP] = builtin
  })
  const { messages } = await consume(context)
  await fill(context, 3, 0, { compression: CompressionTypes.GZIP })
  await waitFor(() => messages.length === 3)
  let calls = 0
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    compress: encoder =>
      new Promise((resolve, reject) =>
        zlib.gzip(encoder.buffer, (e, out) => (e ? reject(e) : resolve(out)))
      ),
    decompress: async buffer => {
      calls++
      assert.ok(Buffer.isBuffer(buffer))
      return zlib.gunzipSync(buffer)
    },
  })
  // What was fetched before may still have been decompressed by ours.
  await waitFor(async () => {
    await fill(context, 2, 0, { compression: CompressionTypes.GZIP })
    return calls > 0
  })
  const before = messages.length
  await fill(context, 2)
  await waitFor(() => messages.length >= before + 2)
  const offsets = messages.map(({ message }) => Number(message.offset))
  assert.deepEqual(
    offsets,
    Array.from(offsets, (_, index) => index)
  )
})

test('a codec of the program that fails: the batch comes again', async t => {
  const context = await ours(t)
  const { CompressionCodecs, CompressionTypes } = context.module
  const builtin = CompressionCodecs[CompressionTypes.GZIP]
  t.after(() => {
    CompressionCodecs[CompressionTypes.GZIP] = builtin
  })
  await fill(context, 3, 0, { compression: CompressionTypes.GZIP })
  let failures = 0
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    decompress: async buffer => {
      if (failures++ < 2) throw new Error('not today')
      return zlib.gunzipSync(buffer)
    },
  })
  const { messages } = await consume(context, { retry: { retries: 5, initialRetryTime: 20 } })
  await waitFor(() => messages.length === 3)
  assert.deepEqual(valuesOf(messages), ['0', '1', '2'])
})

test('every codec is read', async t => {
  const context = await ours(t)
  const { CompressionTypes } = context.module
  for (const compression of Object.values(CompressionTypes))
    await fill(context, 50, 0, { compression })
  const { messages } = await consume(context)
  await waitFor(() => messages.length === 250)
  assert.deepEqual(
    messages.map(({ message }) => Number(message.offset)),
    Array.from({ length: 250 }, (_, index) => index)
  )
})

test('gaps that compaction left are passed over', async t => {
  const context = await ours(t, {
    config: {
      'cleanup.policy': 'compact',
      'segment.ms': '100',
      'min.cleanable.dirty.ratio': '0.01',
      'segment.bytes': '1048576',
    },
  })
  const producer = context.kafka().producer()
  await producer.connect()
  for (let round = 0; round < 6; round++) {
    const messages = ['a', 'b'].map(key => ({ key, value: `${round}`, partition: 0 }))
    await producer.send({ topic: context.topic, messages })
    // A segment is closed by the first record after its time.
    await new Promise(resolve => {
      setTimeout(resolve, 150)
    })
  }
  const countStored = async () => {
    const { messages, consumer } = await consume({
      ...context,
      group: `${context.group}-${Math.random()}`,
    })
    await waitFor(() => messages.at(-1)?.message.offset === '11')
    await consumer.disconnect()
    return messages
  }
  await waitFor(async () => (await countStored()).length < 12, {
    deadline: 30_000,
    message: 'compaction',
  })
  const messages = await countStored()
  assert.deepEqual(valuesOf(messages.slice(-2)), ['5', '5'])
})

test('messages larger than the limits still come', async t => {
  const context = await ours(t, { partitions: 2 })
  const producer = context.kafka().producer()
  await producer.connect()
  for (const partition of [0, 1, 0, 1]) {
    await producer.send({
      topic: context.topic,
      messages: [{ value: Buffer.alloc(200_000, 1), partition }],
    })
  }
  const { messages } = await consume(context, {
    maxBytesPerPartition: 1000,
    maxBytes: 1000,
    maxBufferedBytes: 1000,
  })
  await waitFor(() => messages.length === 4)
  assert.ok(messages.every(({ message }) => message.value.length === 200_000))
})
