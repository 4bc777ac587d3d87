'use strict'

/** Being a member: heartbeats, rebalances, slow handlers, commits of lost partitions. Sections 4.7, 4.8, 4.11. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createTopic, uniqueTopic, waitFor, within } = require('../harness')
const { committedOffsets } = require('../contract/observe')
const { consume, fill, joined, ours } = require('../consumer/scene')

const deferred = () => {
  let resolve
  const promise = new Promise(settle => {
    resolve = settle
  })
  return { promise, resolve }
}

test('heartbeats are sent in the background and reported', async t => {
  const context = await ours(t)
  const { consumer } = await consume(context, { heartbeatInterval: 50 })
  const beats = []
  consumer.on(consumer.events.HEARTBEAT, ({ payload }) => beats.push(payload))
  await waitFor(() => beats.length >= 3)
  assert.deepEqual(Object.keys(beats[0]), ['groupId', 'memberId', 'groupGenerationId'])
  assert.equal(beats[0].groupId, context.group)
  assert.equal(beats[0].groupGenerationId, 1)
  await consumer.stop()
  const after = beats.length
  await fill(context, 1)
  assert.ok(beats.length <= after + 1, 'no heartbeat after leaving')
})

test('a rebalance waits for the handler, and what it resolved is committed first', async t => {
  const context = await ours(t, { partitions: 2 })
  const { topic } = context
  await fill(context, 3, 0)
  const busy = deferred()
  const events = []
  const { consumer, messages } = await consume(context, {
    heartbeatInterval: 100,
    onMessage: (_, { message }) => (message.offset === '1' ? busy.promise : undefined),
  })
  const follow = (name, pick) =>
    consumer.on(consumer.events[name], ({ payload }) => events.push([name, pick(payload)]))
  await waitFor(() => messages.length === 2)
  follow('COMMIT_OFFSETS', payload => payload.topics)
  follow('REBALANCING', ({ groupId }) => groupId)
  follow('GROUP_JOIN', ({ memberAssignment }) => memberAssignment[topic]?.length)

  const second = context.kafka().consumer({ groupId: context.group })
  await second.subscribe({ topics: [topic] })
  const secondRuns = second.run({ eachMessage: async () => {} })
  const isTold = () =>
    context.logs.some(({ log }) => log.message === 'The group is rebalancing, re-joining')
  await assert.rejects(within(500, waitFor(isTold), 'a rejoin'), 'the handler is still busy')
  busy.resolve()
  await secondRuns
  await waitFor(() => events.some(([name]) => name === 'GROUP_JOIN'))
  assert.deepEqual(events.slice(0, 3), [
    ['COMMIT_OFFSETS', [{ topic, partitions: [{ partition: '0', offset: '2' }] }]],
    ['REBALANCING', context.group],
    ['GROUP_JOIN', 1],
  ])
})

test('a handler that outlasts the patience of the group loses its place, not its message', async t => {
  const context = await ours(t)
  await fill(context, 2)
  const busy = deferred()
  const { messages } = await consume(context, {
    heartbeatInterval: 100,
    rebalanceTimeout: 1000,
    onMessage: (_, { message }) => (message.offset === '0' ? busy.promise : undefined),
  })
  await waitFor(() => messages.length === 1)
  const seen = []
  const second = context.kafka().consumer({ groupId: context.group, maxWaitTimeInMs: 100 })
  await second.subscribe({ topics: [context.topic], fromBeginning: true })
  await within(
    30_000,
    second.run({ eachMessage: async ({ message }) => seen.push(message.offset) }),
    'run'
  )
  // One of the two has the partition now; the first one's busy handler does not get another message beside it.
  const handled = () => [...messages.slice(1).map(({ message }) => message.offset), ...seen]
  if (seen.length === 0) assert.equal(messages.length, 1)
  busy.resolve()
  await waitFor(() => handled().includes('0') && handled().includes('1'))
})

test('maxPollInterval: a handler that takes longer loses its partitions and says so', async t => {
  const context = await ours(t)
  await fill(context, 2)
  const busy = deferred()
  let slow = true
  const { consumer, messages } = await consume(context, {
    heartbeatInterval: 100,
    maxPollInterval: 500,
    onMessage: () => (slow ? busy.promise : undefined),
  })
  const hasJoined = joined(consumer)
  await waitFor(() => messages.length === 1)
  const warning = () =>
    context.logs.find(({ log }) =>
      /longer than maxPollInterval: leaving the group/.test(log.message)
    )
  await waitFor(warning)
  assert.equal(warning().label, 'WARN')
  assert.equal(warning().namespace, 'ConsumerGroup')

  // Somebody else gets the partition meanwhile.
  const others = []
  const second = context.kafka().consumer({ groupId: context.group, maxWaitTimeInMs: 100 })
  await second.subscribe({ topics: [context.topic], fromBeginning: true })
  await second.run({ eachMessage: async ({ message }) => others.push(message.offset) })
  await waitFor(() => others.length === 2)
  await waitFor(async () => (await committedOffsets(context))[0] === 2)
  await second.disconnect()

  slow = false
  busy.resolve()
  await hasJoined()
  await fill(context, 1)
  await waitFor(() => messages.at(-1).message.offset === '2')
  assert.deepEqual(
    messages.map(({ message }) => message.offset),
    ['0', '2'],
    'what the other one committed is not handled again'
  )
  const text = 'The coordinator is not aware of this member, re-joining the group'
  assert.ok(context.logs.some(({ log }) => log.message === text))
})

test('maxPollInterval: heartbeat() and resolveOffset() show progress', async t => {
  const context = await ours(t)
  await fill(context, 2)
  const done = []
  const work = async (heartbeat, steps) => {
    for (let step = 0; step < steps; step++) {
      await new Promise(resolve => {
        setTimeout(resolve, 250)
      })
      await heartbeat()
    }
  }
  const { consumer } = await consume(context, {
    heartbeatInterval: 50,
    maxPollInterval: 2000,
    run: {
      eachMessage: async ({ message, heartbeat }) => {
        await work(heartbeat, 10)
        done.push(message.offset)
      },
    },
  })
  let rejoins = 0
  consumer.on(consumer.events.GROUP_JOIN, () => rejoins++)
  await waitFor(() => done.length === 2, { deadline: 30_000 })
  assert.deepEqual([done, rejoins], [['0', '1'], 0])
})

test('offsets of a partition that is not assigned are not committed', async t => {
  const context = await ours(t)
  const { topic } = context
  const { consumer } = await consume(context)
  const refused = async entry => {
    await assert.rejects(consumer.commitOffsets([entry]), error => {
      assert.deepEqual(
        [error.name, error.cause.type, error.cause.topic, error.cause.partition],
        ['KafkaJSNonRetriableError', 'ILLEGAL_GENERATION', entry.topic, entry.partition]
      )
      return true
    })
  }
  await refused({ topic, partition: 7, offset: '1' })
  await refused({ topic: 'another', partition: 0, offset: '1' })
  await consumer.commitOffsets([{ topic, partition: 0, offset: '0' }])
  assert.deepEqual(await committedOffsets(context), [0])
})

test('a partition that went to another member is not committed any more', async t => {
  const context = await ours(t, { partitions: 2 })
  const { topic } = context
  const { consumer } = await consume(context, { heartbeatInterval: 100, autoCommit: false })
  const hasJoined = joined(consumer)
  let mine
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    mine = payload.memberAssignment[topic]
  })
  await consumer.commitOffsets([{ topic, partition: 1, offset: '5' }])
  await consume(context, { heartbeatInterval: 100, autoCommit: false })
  await hasJoined()
  const lost = [0, 1].find(partition => !mine.includes(partition))
  await assert.rejects(consumer.commitOffsets([{ topic, partition: lost, offset: '9' }]), {
    name: 'KafkaJSNonRetriableError',
  })
  await consumer.commitOffsets([{ topic, partition: mine[0], offset: '7' }])
})

test('auto-commit does not keep the next handler waiting, and many commits share a request', async t => {
  const context = await ours(t)
  const requests = []
  const { consumer, messages } = await consume(context)
  consumer.on(consumer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === 'OffsetCommit') requests.push(payload)
  })
  const producer = context.kafka().producer()
  await producer.connect()
  for (let index = 0; index < 300; index++) {
    await producer.send({ topic: context.topic, messages: [{ value: `${index}` }] })
  }
  await waitFor(() => messages.length === 300)
  await consumer.stop()
  assert.deepEqual(await committedOffsets(context), [300])
  assert.ok(requests.length < 300, `${requests.length} commits of 300 batches`)
})

test('topics of one member are dealt to it only, those it did not subscribe to are reported', async t => {
  const context = await ours(t, { partitions: 2 })
  const other = await createTopic(uniqueTopic(), { partitions: 2 })
  const { consumer: leader } = await consume(context, { heartbeatInterval: 100 })
  const hasRejoined = joined(leader)
  const follower = context.kafka().consumer({ groupId: context.group, heartbeatInterval: 100 })
  await follower.subscribe({ topics: [other] })
  const reports = []
  follower.on(follower.events.RECEIVED_UNSUBSCRIBED_TOPICS, ({ payload }) => reports.push(payload))
  await follower.run({ eachMessage: async () => {} })
  await hasRejoined()
  // kafkajs' round robin deals the leader's topics to everybody.
  await waitFor(() => reports.length > 0)
  const [report] = reports
  assert.deepEqual(Object.keys(report), [
    'groupId',
    'generationId',
    'memberId',
    'assignedTopics',
    'topicsSubscribed',
    'topicsNotSubscribed',
  ])
  assert.deepEqual(
    [report.assignedTopics, report.topicsSubscribed, report.topicsNotSubscribed],
    [[context.topic], [other], [context.topic]]
  )
  assert.ok(
    context.logs.some(
      ({ label, log }) =>
        label === 'WARN' && log.message === 'Consumer group received unsubscribed topics'
    )
  )
})

test('members come and go: every message is handled, and none twice between rebalances', async t => {
  const context = await ours(t, { partitions: 6 })
  const handled = new Map()
  const total = 600
  const makeMember = async () => {
    const consumer = context.kafka().consumer({
      groupId: context.group,
      heartbeatInterval: 50,
      maxWaitTimeInMs: 50,
    })
    await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const key = `${partition}/${message.offset}`
        handled.set(key, (handled.get(key) ?? 0) + 1)
        await new Promise(resolve => {
          setTimeout(resolve, 1)
        })
      },
    })
    return consumer
  }
  const members = [await makeMember()]
  const producer = context.kafka().producer()
  await producer.connect()
  for (let index = 0; index < total; index++) {
    await producer.send({
      topic: context.topic,
      messages: [{ value: `${index}`, partition: index % 6 }],
    })
    if (index % 100 === 30) members.push(await makeMember())
    if (index % 100 === 80) await members.shift().disconnect()
  }
  await waitFor(() => handled.size === total, { deadline: 30_000 })
  const repeated = [...handled.values()].filter(count => count > 1).length
  // Each change of the group may bring back what was in hand, one message a member at most.
  assert.ok(repeated <= 60, `${repeated} messages were handled more than once`)
})
