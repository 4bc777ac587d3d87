'use strict'

/** stop() and disconnect() at every moment: they resolve soon, and nothing is left behind. Sections 4.2 and 4.12. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { startPeer, waitFor, within, withAdmin } = require('../harness')
const { committedOffsets } = require('../contract/observe')
const { consume, fill, joined, ours } = require('./scene')
const { startScriptedBroker } = require('./scriptedBroker')

const membersOf = group =>
  withAdmin(undefined, async admin => {
    const { groups } = await admin.describeGroups([group])
    return groups[0].members.length
  })

const breathe = () =>
  new Promise(resolve => {
    setTimeout(resolve, 2)
  })

const took = async promise => {
  const startedAt = performance.now()
  await promise
  return performance.now() - startedAt
}

test('an idle consumer stops at once, whatever its long poll', async t => {
  const context = await ours(t)
  await fill(context, 1)
  const elapsed = []
  // The fastest of some: what a busy machine adds is not the consumer's.
  for (let round = 0; round < 5; round++) {
    const { consumer, messages } = await consume(context, { maxWaitTimeInMs: 5000 })
    await waitFor(() => messages.length === 1 || round > 0)
    elapsed.push(await took(consumer.disconnect()))
    assert.equal(await membersOf(context.group), 0)
  }
  assert.ok(Math.min(...elapsed) < 200, `took ${elapsed} ms`)
  assert.ok(Math.max(...elapsed) < 4000, `took ${elapsed} ms`)
  assert.deepEqual(await committedOffsets(context), [1])
})

for (const ending of ['stop', 'disconnect']) {
  for (const handler of ['eachMessage', 'eachBatch']) {
    test(`${ending}() awaited within ${handler} resolves`, async t => {
      const context = await ours(t)
      await fill(context, 5)
      let ended = false
      let calls = 0
      const handle = async () => {
        calls++
        await new Promise(resolve => {
          setImmediate(resolve)
        })
        await consumer[ending]()
        ended = true
      }
      const { consumer } = await consume(context, {
        run: { eachMessage: undefined, [handler]: handle },
      })
      await waitFor(() => ended)
      assert.equal(calls, 1)
      assert.equal(await membersOf(context.group), 0)
      const [committed] = await committedOffsets(context)
      assert.ok(committed <= 0, 'the message in hand is not handled yet')
    })
  }
}

test('a handler that waits for an ending somebody else began does not hold it up', async t => {
  const context = await ours(t)
  await fill(context, 2)
  let isBusy = false
  let proceed
  const { consumer } = await consume(context, {
    onMessage: async () => {
      isBusy = true
      await new Promise(resolve => {
        proceed = resolve
      })
      await consumer.disconnect()
    },
  })
  await waitFor(() => isBusy)
  const outside = consumer.disconnect()
  proceed()
  await within(10_000, outside, 'disconnect')
})

test('the handler in progress finishes and is committed, the next one does not begin', async t => {
  const context = await ours(t)
  await fill(context, 5)
  let release
  let finished = 0
  const { consumer, messages } = await consume(context, {
    onMessage: async () => {
      await new Promise(resolve => {
        release = resolve
      })
      finished++
    },
  })
  await waitFor(() => messages.length === 1)
  const ending = consumer.disconnect()
  release()
  await ending
  assert.deepEqual([messages.length, finished], [1, 1])
  assert.deepEqual(await committedOffsets(context), [1])
})

test('a handler that never ends is waited for as long as a rebalance would be', async t => {
  const context = await ours(t)
  await fill(context, 1)
  const { consumer, messages } = await consume(context, {
    onMessage: () => new Promise(() => {}),
    rebalanceTimeout: 600,
  })
  await waitFor(() => messages.length === 1)
  const elapsed = await took(consumer.disconnect())
  assert.ok(elapsed >= 500 && elapsed < 10_000, `took ${elapsed} ms`)
})

test('during a join: it is given up, and nobody comes back', async t => {
  const context = await ours(t)
  // A member that does not join again keeps the others waiting.
  let release
  const { consumer: first, messages } = await consume(context, {
    onMessage: () =>
      new Promise(resolve => {
        release = resolve
      }),
    rebalanceTimeout: 20_000,
  })
  await fill(context, 1)
  await waitFor(() => messages.length === 1)
  const second = context.kafka().consumer({ groupId: context.group })
  await second.subscribe({ topics: [context.topic] })
  let joins = 0
  second.on(second.events.GROUP_JOIN, () => joins++)
  const running = second.run({ eachMessage: async () => {} })
  await waitFor(async () => (await membersOf(context.group)) === 2)

  const elapsed = await took(second.disconnect())
  assert.ok(elapsed < 10_000, `took ${elapsed} ms`)
  await within(10_000, running, 'run')
  assert.equal(joins, 0)
  await waitFor(async () => (await membersOf(context.group)) === 1)
  release()
  await within(10_000, first.disconnect(), 'disconnect')
})

test('while it cannot connect: disconnect resolves, run resolves, nothing restarts', async t => {
  const context = await ours(t)
  const consumer = context
    .kafka({ brokers: ['127.0.0.1:1'], retry: { retries: 50, initialRetryTime: 100 } })
    .consumer({ groupId: context.group })
  const running = consumer.run({ eachMessage: async () => {} })
  await within(10_000, consumer.disconnect(), 'disconnect')
  await within(10_000, running, 'run')
})

/** Longer than the test waits for an ending. */
const PATIENT = { connectionTimeout: 60_000, authenticationTimeout: 60_000, requestTimeout: 60_000 }

test('while a seed accepts the connection and is silent', async t => {
  const context = await ours(t)
  const peer = await startPeer()
  t.after(() => peer.close())
  const consumer = context
    .kafka({ brokers: [peer.address], ...PATIENT })
    .consumer({ groupId: context.group })
  const running = consumer.run({ eachMessage: async () => {} })
  await waitFor(() => peer.connections > 0)
  await within(10_000, consumer.disconnect(), 'disconnect')
  await within(10_000, running, 'run')
})

test('while a broker accepts the connection and is silent', async t => {
  const { kafka } = await ours(t, { partitions: 1 })
  const broker = await startScriptedBroker({ topic: 't', nodes: 2, silent: [2], fetch: () => ({}) })
  t.after(() => broker.close())
  broker.leader = 2
  const consumer = kafka({ brokers: broker.brokers, ...PATIENT }).consumer({ groupId: 'g' })
  await consumer.subscribe({ topic: 't' })
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => broker.connections(2) > 0)
  await within(10_000, consumer.disconnect(), 'disconnect')
  // And it can begin anew.
  broker.leader = 1
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => broker.asks.length > 0)
  await within(10_000, consumer.disconnect(), 'disconnect')
})

test('twice, at the same time and afterwards', async t => {
  const context = await ours(t)
  await fill(context, 1)
  const { consumer, messages } = await consume(context)
  await waitFor(() => messages.length === 1)
  const stops = []
  consumer.on(consumer.events.STOP, () => stops.push('STOP'))
  await Promise.all([consumer.stop(), consumer.disconnect(), consumer.stop()])
  await consumer.disconnect()
  assert.deepEqual(stops, ['STOP'])
})

test('between a crash and its restart: nothing restarts', async t => {
  const context = await ours(t)
  await fill(context, 1)
  const { consumer } = await consume(context, {
    retry: { retries: 0, initialRetryTime: 300 },
    onMessage: () => {
      throw new Error('no luck')
    },
  })
  const crashes = []
  const hasJoined = joined(consumer)
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    crashes.push(payload.restart)
    consumer.disconnect()
  })
  await waitFor(() => crashes.length === 1)
  await consumer.disconnect()
  await assert.rejects(hasJoined(1, 1000))
  assert.deepEqual(crashes, [true])
})

test('while restartOnFailure is asked: nothing restarts', async t => {
  const context = await ours(t)
  await fill(context, 1)
  let answer
  const { consumer } = await consume(context, {
    retry: {
      retries: 0,
      initialRetryTime: 100,
      restartOnFailure: () =>
        new Promise(resolve => {
          answer = resolve
        }),
    },
    onMessage: () => {
      throw new Error('no luck')
    },
  })
  const hasJoined = joined(consumer)
  await waitFor(() => answer)
  await consumer.disconnect()
  answer(true)
  await assert.rejects(hasJoined(1, 700))
})

test('after a crash the consumer can run again', async t => {
  const context = await ours(t)
  await fill(context, 2)
  let fails = true
  const { consumer, messages } = await consume(context, {
    onMessage: () => {
      if (fails) throw new TypeError('a mistake')
    },
  })
  let crashed = false
  consumer.on(consumer.events.CRASH, () => {
    crashed = true
  })
  await waitFor(() => crashed)
  assert.throws(() => consumer.pause([{ topic: context.topic }]), {
    name: 'KafkaJSNonRetriableError',
    message: 'Consumer group was not initialized, consumer#run must be called first',
  })
  fails = false
  await consumer.run({ eachMessage: async payload => messages.push(payload) })
  await waitFor(() => messages.length === 3)
  assert.deepEqual(
    messages.map(({ message }) => message.offset),
    ['0', '0', '1']
  )
})

test('a stopped consumer leaves what it did not handle to the next run', async t => {
  const context = await ours(t)
  await fill(context, 100)
  const { consumer, messages } = await consume(context, { onMessage: breathe })
  let runs = 1
  while (messages.length < 100) {
    const goal = Math.min(messages.length + 10, 100)
    await waitFor(() => messages.length >= goal)
    await consumer.stop()
    runs++
    await consumer.run({
      eachMessage: async payload => {
        messages.push(payload)
        await breathe()
      },
    })
  }
  const offsets = messages.map(({ message }) => Number(message.offset))
  assert.ok(runs > 2, `${runs} runs`)
  assert.deepEqual(
    offsets,
    Array.from({ length: 100 }, (_, index) => index),
    'each message once, in order'
  )
})
