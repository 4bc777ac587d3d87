'use strict'

/** kafka.consumer(): options, subscribe, run with eachMessage and eachBatch. Sections 4.1 to 4.6. */

const { contract, createTopic, shapeOf, uniqueTopic, waitFor } = require('../harness')
const { SHORT_POLL, endOffsets, errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
/** The same for both libraries, so that what is read can be compared. */
const NOW = Date.now()

function makeMessages(count) {
  return Array.from({ length: count }, (_, index) => ({
    key: `k${index}`,
    value: `v${index}`,
    timestamp: String(NOW - 1000 + index),
  }))
}

/** Sends `messages` in one call, hence as one batch, to partition 0. */
async function sendBatch({ kafka, topic }, messages) {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: messages.map(message => ({ ...message, partition: 0 })) })
  await producer.disconnect()
}

function makeConsumer({ kafka, group }, options) {
  return kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })
}

/** Subscribes from the beginning, runs, and waits until `done()`. */
async function runUntil(context, config, done) {
  const consumer = makeConsumer(context)
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run(config)
  await waitFor(done, { message: 'what the handler waits for' })
  return consumer
}

contract('consumer: own members, in order', NO_TOPIC, async context => {
  const { record } = context
  const consumer = makeConsumer(context)

  record('keys', Object.keys(consumer))
  record('events', Object.entries(consumer.events))
  record('paused', consumer.paused())
  record('unknown event', await errorOf(() => consumer.on('NOTHING', () => {})))
})

contract(
  'consumer: bad options are refused when it is made',
  NO_TOPIC,
  async ({ kafka, record }) => {
    for (const options of [{}, { groupId: '' }, { groupId: null }]) {
      record('groupId', await errorOf(() => kafka().consumer(options)))
    }
    for (const heartbeatInterval of [30000, 40000]) {
      const options = { groupId: 'g', sessionTimeout: 30000, heartbeatInterval }
      record('heartbeatInterval', await errorOf(() => kafka().consumer(options)))
    }
    record('no options', (await errorOf(() => kafka().consumer())).constructor.name)
  }
)

contract('subscribe: bad arguments', NO_TOPIC, async context => {
  const consumer = makeConsumer(context)

  for (const argument of [
    {},
    { topics: 'text' },
    { topics: {} },
    { topics: [1] },
    { topics: [null] },
    { topics: [undefined] },
    { topic: 1 },
    { topics: ['a', true] },
  ]) {
    context.record('error', await errorOf(() => consumer.subscribe(argument)))
  }
  context.record('none', (await errorOf(() => consumer.subscribe())).constructor.name)
})

contract('subscribe: a topic that there is not', NO_TOPIC, async context => {
  const consumer = makeConsumer(context, { allowAutoTopicCreation: false })
  context.record('error', await errorOf(() => consumer.subscribe({ topics: [context.topic] })))
})

contract('subscribe while running', async context => {
  const { topic, record } = context
  const consumer = makeConsumer(context)
  record('subscribe', await consumer.subscribe({ topics: [topic] }))
  record('run', await consumer.run({ eachMessage: async () => {} }))

  record('error', await errorOf(() => consumer.subscribe({ topics: [topic] })))
  record('run again', await consumer.run({ eachMessage: async () => {} }))
})

contract('subscribe by topic, topics and RegExp', NO_TOPIC, async context => {
  const { kafka, record } = context
  const prefix = uniqueTopic('match')
  const names = ['a', 'b', 'c1', 'c2', 'other'].map(name => `${prefix}-${name}`)
  for (const name of names) await createTopic(name)
  const producer = kafka().producer()
  await producer.connect()
  await producer.sendBatch({
    topicMessages: names.map(topic => ({
      topic,
      messages: [{ value: topic.slice(prefix.length) }],
    })),
  })

  const seen = []
  const consumer = makeConsumer(context)
  await consumer.subscribe({ topic: `${prefix}-a`, fromBeginning: true })
  await consumer.subscribe({
    topics: [`${prefix}-b`, new RegExp(`^${prefix}-C\\d$`, 'i')],
    fromBeginning: true,
  })
  await consumer.run({ eachMessage: async ({ message }) => seen.push(String(message.value)) })
  await waitFor(() => seen.length >= 4)
  await consumer.disconnect()
  record('seen', seen.sort())
})

contract('fromBeginning false: a new group reads what comes after it has joined', async context => {
  const { topic, record, kafka } = context
  await sendBatch(context, makeMessages(3))
  const seen = []
  const consumer = makeConsumer(context)
  const fetched = new Promise(resolve => consumer.on(consumer.events.FETCH, resolve))
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async ({ message }) => seen.push(String(message.value)) })
  await fetched

  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'late' }] })
  await waitFor(() => seen.length > 0)
  record('seen', seen)
})

contract('eachMessage: the payload', async context => {
  const { record } = context
  await sendBatch(context, makeMessages(3))
  const payloads = []
  await runUntil(
    context,
    {
      eachMessage: async payload => {
        record('keys', Object.keys(payload))
        record('message keys', Object.keys(payload.message))
        record('heartbeat', await payload.heartbeat())
        record('pause', typeof payload.pause)
        const { topic: name, partition, message } = payload
        payloads.push({ name, partition, message })
      },
    },
    () => payloads.length === 3
  )

  record('payloads', payloads)
})

contract(
  'eachMessage: order within a partition, no two calls at once',
  { partitions: 4 },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    const messages = Array.from({ length: 80 }, (_, index) => ({
      value: `${index}`,
      partition: index % 4,
    }))
    await producer.send({ topic, messages })

    const seen = [[], [], [], []]
    let running = 0
    let most = 0
    await runUntil(
      context,
      {
        eachMessage: async ({ partition, message }) => {
          running++
          most = Math.max(most, running)
          await new Promise(resolve => setImmediate(resolve))
          seen[partition].push([message.offset, String(message.value)])
          running--
        },
      },
      () => seen.flat().length >= messages.length
    )
    record('seen', seen)
    record('at once', most)
  }
)

contract('eachMessage may be synchronous and return anything', async context => {
  await sendBatch(context, makeMessages(5))
  const seen = []
  await runUntil(
    context,
    {
      eachMessage: ({ message }) => {
        seen.push(message.offset)
        return seen.length % 2 ? undefined : { any: 'thing' }
      },
    },
    () => seen.length === 5
  )
  context.record('seen', seen)
})

contract('eachBatch: the payload', async context => {
  const { record } = context
  await sendBatch(context, makeMessages(5))
  let done = false
  await runUntil(
    context,
    {
      eachBatch: async payload => {
        const { batch, resolveOffset, heartbeat, uncommittedOffsets, isRunning, isStale } = payload
        record('keys', Object.keys(payload))
        record('batch', Object.keys(batch))
        record('batch', { ...batch, rawMessages: batch.rawMessages.length })
        record('class', batch.constructor.name)
        for (const method of [
          'isEmpty',
          'isEmptyIncludingFiltered',
          'isEmptyDueToFiltering',
          'isEmptyControlRecord',
          'isEmptyDueToLogCompactedMessages',
          'firstOffset',
          'lastOffset',
          'offsetLag',
          'offsetLagLow',
        ]) {
          record(method, batch[method]())
        }
        record('isRunning', isRunning())
        record('isStale', isStale())
        record('heartbeat', await heartbeat())
        record('uncommitted', uncommittedOffsets())
        for (const { offset } of batch.messages.slice(0, 3)) {
          record('resolveOffset', resolveOffset(offset))
          record('uncommitted', uncommittedOffsets())
        }
        done = true
      },
    },
    () => done
  )
})

contract('eachBatch: a batch ends where the broker had ended', async context => {
  const { record } = context
  await sendBatch(context, makeMessages(2))
  await sendBatch(context, makeMessages(3))
  const seen = []
  await runUntil(
    context,
    { eachBatch: async ({ batch }) => seen.push(...batch.messages.map(({ offset }) => offset)) },
    () => seen.length >= 5
  )
  record('seen', seen)
})

contract('eachBatch without auto-resolve: the rest comes again', async context => {
  const { record } = context
  await sendBatch(context, makeMessages(6))
  const seen = []
  await runUntil(
    context,
    {
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset }) => {
        const [first, second] = batch.messages
        seen.push(batch.messages.map(({ offset }) => offset))
        resolveOffset(first.offset)
        if (second) resolveOffset(second.offset)
      },
    },
    () => seen.length >= 3
  )
  record('seen', seen.slice(0, 3))
})

contract('eachBatch: isStale after a seek, isRunning after a stop', async context => {
  const { topic, record } = context
  await sendBatch(context, makeMessages(5))
  const consumer = makeConsumer(context)
  const stopped = []
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, isRunning, isStale }) => {
      record('first offset', batch.firstOffset())
      record('before', { running: isRunning(), stale: isStale() })
      if (batch.firstOffset() === '0') {
        consumer.seek({ topic, partition: 0, offset: '3' })
        record('after seek', { running: isRunning(), stale: isStale() })
        return
      }
      if (stopped.length > 0) return
      stopped.push(consumer.stop())
      await new Promise(resolve => setImmediate(resolve))
      record('after stop', { running: isRunning(), stale: isStale() })
    },
  })
  await waitFor(() => stopped.length > 0)
  await Promise.all(stopped)
})

contract('eachMessage wins over eachBatch', async context => {
  await sendBatch(context, makeMessages(2))
  const seen = []
  await runUntil(
    context,
    {
      eachMessage: async () => seen.push('message'),
      eachBatch: async () => seen.push('batch'),
    },
    () => seen.length >= 2
  )
  context.record('seen', seen)
})

contract('foreign members and explicit undefined in every options object', async context => {
  const { kafka, kafkajs, topic, group, brokers, record } = context
  const client = new kafkajs.Kafka({
    brokers,
    clientId: undefined,
    logLevel: kafkajs.logLevel.NOTHING,
    ssl: undefined,
    sasl: undefined,
    retry: undefined,
    requestTimeout: undefined,
    foreign: {},
  })
  const producer = client.producer(undefined)
  const consumer = client.consumer({ groupId: group, ...SHORT_POLL, retry: undefined, foreign: 1 })
  context.onEnd(() => producer.disconnect())
  context.onEnd(() => consumer.disconnect())
  await producer.connect()
  record(
    'sent',
    await producer.send({
      topic,
      acks: undefined,
      timeout: undefined,
      compression: undefined,
      foreign: 1,
      messages: [
        { key: undefined, value: 'v', partition: undefined, headers: undefined, foreign: 1 },
      ],
    })
  )
  await consumer.subscribe({ topic, topics: undefined, fromBeginning: true, foreign: 1 })
  const seen = []
  await consumer.run({
    eachBatch: undefined,
    autoCommit: undefined,
    autoCommitInterval: undefined,
    partitionsConsumedConcurrently: undefined,
    foreign: 1,
    eachMessage: async ({ message }) => seen.push(shapeOf(message)),
  })
  await waitFor(() => seen.length > 0)
  record('seen', seen)
  record('ends', await endOffsets(topic))
  record('made', kafka() instanceof kafkajs.Kafka)
})
