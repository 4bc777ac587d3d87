'use strict'

/** How handlers are called: order, concurrency, context, what they may return. Sections 4.4 to 4.6 and 11. */

const assert = require('node:assert/strict')
const { AsyncLocalStorage } = require('node:async_hooks')
const { test } = require('node:test')
const { contract, waitFor } = require('../harness')
const { consume, fill, joined, ours } = require('./scene')

const sleep = milliseconds =>
  new Promise(resolve => {
    setTimeout(resolve, milliseconds)
  })

/** Counts how many handlers run at the same time, as a whole and per partition. */
const watchOverlap = () => {
  const seen = { most: 0, mostOfOne: 0 }
  const busy = new Map()
  return {
    seen,
    async during(partition, work) {
      busy.set(partition, (busy.get(partition) ?? 0) + 1)
      const counts = [...busy.values()]
      seen.most = Math.max(
        seen.most,
        counts.reduce((sum, count) => sum + count)
      )
      seen.mostOfOne = Math.max(seen.mostOfOne, ...counts)
      await work()
      busy.set(partition, busy.get(partition) - 1)
    },
  }
}

for (const concurrency of [1, 3]) {
  test(`${concurrency} at a time: never more, never two of one partition, in order`, async t => {
    const context = await ours(t, { partitions: 6 })
    for (let partition = 0; partition < 6; partition++) await fill(context, 20, partition)
    const overlap = watchOverlap()
    const { messages } = await consume(context, {
      onMessage: (_, { partition }) => overlap.during(partition, () => sleep(1)),
      run: { partitionsConsumedConcurrently: concurrency },
    })
    await waitFor(() => messages.length === 120)
    assert.deepEqual(overlap.seen, { most: concurrency, mostOfOne: 1 })
    for (let partition = 0; partition < 6; partition++) {
      const offsets = messages.filter(payload => payload.partition === partition)
      assert.deepEqual(
        offsets.map(({ message }) => Number(message.offset)),
        Array.from({ length: 20 }, (_, index) => index)
      )
    }
  })
}

test('a slow partition does not keep the others waiting', async t => {
  const context = await ours(t, { partitions: 3 })
  for (let partition = 0; partition < 3; partition++) await fill(context, 5, partition)
  let release
  const { messages } = await consume(context, {
    onMessage: (_, { partition }) =>
      partition === 0 &&
      new Promise(resolve => {
        release = resolve
      }),
    run: { partitionsConsumedConcurrently: 2 },
  })
  const done = () => messages.filter(({ partition }) => partition !== 0).length
  await waitFor(() => done() === 10)
  for (let round = 0; round < 3; round++) {
    await fill(context, 2, 1)
    await waitFor(() => done() === 12 + 2 * round)
  }
  assert.equal(messages.filter(({ partition }) => partition === 0).length, 1)
  while (messages.filter(({ partition }) => partition === 0).length < 5) {
    release()
    await sleep(1)
  }
  release()
})

test('a handler that blocks the event loop for longer than the session keeps its partitions', async t => {
  const context = await ours(t)
  await fill(context, 2)
  const { consumer, messages } = await consume(context, {
    sessionTimeout: 2000,
    heartbeatInterval: 200,
    onMessage: (_, { message }) => {
      // Three sessions.
      const end = Date.now() + (message.offset === '0' ? 6000 : 0)
      while (Date.now() < end);
    },
  })
  let rebalances = 0
  consumer.on(consumer.events.REBALANCING, () => rebalances++)
  consumer.on(consumer.events.GROUP_JOIN, () => rebalances++)
  await waitFor(() => messages.length === 2, { deadline: 30_000 })
  await fill(context, 1)
  await waitFor(() => messages.length === 3)
  assert.equal(rebalances, 0)
  assert.deepEqual(
    messages.map(({ message }) => message.offset),
    ['0', '1', '2']
  )
})

test('synchronous handlers leave the event loop its turns', async t => {
  const context = await ours(t)
  await fill(context, 10_000)
  let count = 0
  let mostInOneTurn = 0
  let before = 0
  const turn = () => {
    mostInOneTurn = Math.max(mostInOneTurn, count - before)
    before = count
    if (count < 10_000) setImmediate(turn)
  }
  setImmediate(turn)
  const consumer = context.kafka().consumer({ groupId: context.group })
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run({
    eachMessage: () => {
      count++
      const end = performance.now() + 0.02
      while (performance.now() < end);
    },
  })
  await waitFor(() => count === 10_000, { deadline: 30_000 })
  // A turn is due every 5 ms, after 250 of them.
  assert.ok(mostInOneTurn < 1000, `${mostInOneTurn} handler calls without a turn`)
})

test('handlers run in the async context of run', async t => {
  const context = await ours(t, { partitions: 2 })
  const storage = new AsyncLocalStorage()
  await fill(context, 3, 0)
  await fill(context, 3, 1)
  const seen = []
  const consumer = context.kafka().consumer({ groupId: context.group, maxWaitTimeInMs: 50 })
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  let fails = true
  await storage.run('the context of run', () =>
    consumer.run({
      partitionsConsumedConcurrently: 2,
      eachMessage: async ({ partition, message }) => {
        const before = storage.getStore()
        await storage.run(`${partition}`, async () => {
          await sleep(1)
          assert.equal(storage.getStore(), `${partition}`)
        })
        seen.push([before, storage.getStore()])
        if (message.offset === '1' && partition === 0 && fails) {
          fails = false
          throw new Error('once, to see the context after a retry')
        }
      },
    })
  )
  await waitFor(() => seen.length === 7)
  await fill(context, 2, 0)
  await waitFor(() => seen.length === 9)
  for (const stores of seen) {
    assert.deepEqual(stores, ['the context of run', 'the context of run'])
  }
})

contract('handlers may return anything, throw anything', async context => {
  const { record } = context
  await fill(context, 4)
  const thrown = [undefined, null, 'text', { plain: true }]
  const { messages } = await consume(context, {
    retry: { retries: 5, initialRetryTime: 10 },
    run: {
      eachMessage: payload => {
        messages.push(payload)
        if (payload.message.offset === '2' && thrown.length > 2) {
          return Promise.reject(thrown.pop())
        }
        return payload.message.offset
      },
    },
  })
  await waitFor(() => messages.at(-1)?.message.offset === '3')
  record(
    'offsets',
    messages.map(({ message }) => message.offset)
  )
})

test('a handler that throws undefined is tried again as well', async t => {
  const context = await ours(t)
  await fill(context, 2)
  let failures = 0
  const { messages } = await consume(context, {
    retry: { retries: 3, initialRetryTime: 10 },
    onMessage: () => {
      if (failures++ < 2) throw undefined
    },
  })
  await waitFor(() => messages.length === 4)
  assert.deepEqual(
    messages.map(({ message }) => message.offset),
    ['0', '0', '0', '1']
  )
})

test('the failed message comes first again, before those of other partitions', async t => {
  const context = await ours(t, { partitions: 3 })
  for (let partition = 0; partition < 3; partition++) await fill(context, 3, partition)
  let failed = null
  const after = []
  await consume(context, {
    retry: { retries: 3, initialRetryTime: 200 },
    onMessage: (_, { partition, message }) => {
      if (failed) after.push([partition, message.offset])
      if (!failed && message.offset === '1') {
        failed = [partition, message.offset]
        throw new Error('once')
      }
    },
  })
  await waitFor(() => after.length === 8)
  assert.deepEqual(after[0], failed)
})

test('without a handler run joins, consumes nothing and says so', async t => {
  const context = await ours(t)
  await fill(context, 3)
  const consumer = context.kafka().consumer({ groupId: context.group, maxWaitTimeInMs: 50 })
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  const hasJoined = joined(consumer)
  let batches = 0
  consumer.on(consumer.events.START_BATCH_PROCESS, () => batches++)
  await consumer.run()
  await hasJoined()
  const fetched = new Promise(resolve => consumer.on(consumer.events.FETCH, resolve))
  await fetched
  assert.equal(batches, 0)
  const warning = 'consumer#run was called without eachMessage or eachBatch: nothing is consumed'
  assert.ok(context.logs.some(({ label, log }) => label === 'WARN' && log.message === warning))
})

test('a large batch is handed to eachBatch whole, and the event loop turns while it is made', async t => {
  const context = await ours(t)
  const producer = context.kafka().producer()
  await producer.connect()
  const messages = Array.from({ length: 50_000 }, () => ({ value: 'x' }))
  await producer.send({ topic: context.topic, messages })
  const sizes = []
  await consume(context, {
    run: {
      eachMessage: undefined,
      eachBatch: async ({ batch }) => sizes.push(batch.messages.length),
    },
  })
  const total = () => sizes.reduce((sum, size) => sum + size, 0)
  await waitFor(() => total() === 50_000)
  assert.ok(Math.max(...sizes) > 10_000, `${sizes}`)
})

test('messages of a batch that is not resolved come again', async t => {
  const context = await ours(t)
  await fill(context, 6)
  const batches = []
  const { consumer } = await consume(context, {
    run: {
      eachMessage: undefined,
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, isRunning, isStale, uncommittedOffsets }) => {
        batches.push(batch.messages.map(({ offset }) => offset))
        assert.deepEqual([isRunning(), isStale()], [true, false])
        if (batches.length === 1) return
        resolveOffset(batch.messages[1].offset)
        assert.deepEqual(uncommittedOffsets(), {
          topics: [
            {
              topic: context.topic,
              partitions: [
                { partition: '0', offset: String(Number(batch.messages[1].offset) + 1) },
              ],
            },
          ],
        })
      },
    },
  })
  await waitFor(() => batches.length === 4)
  await consumer.stop()
  assert.deepEqual(batches, [
    ['0', '1', '2', '3', '4', '5'],
    ['0', '1', '2', '3', '4', '5'],
    ['2', '3', '4', '5'],
    ['4', '5'],
  ])
})
