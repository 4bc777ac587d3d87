'use strict'

/** How failures of send show: sections 3.3 and 3.6 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const test = require('node:test')
const {
  brokers,
  contract,
  createTopic,
  startPeer,
  uniqueTopic,
  waitFor,
  withAdmin,
} = require('../harness')
const { errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { describe, send } = require('./failed')
const { startScriptedBroker } = require('./scriptedBroker')

const RETRY = { initialRetryTime: 10, retries: 2 }

async function scripted(context, script, { options, ...settings } = {}) {
  const broker = await startScriptedBroker({ topics: { t: 3 }, ...script })
  context.onEnd(() => broker.close())
  context.mask(broker.address, '<broker>')
  context.mask(broker.address.split(':')[1], '<port>')
  const kafka = context.kafka({ brokers: broker.brokers, retry: RETRY, ...settings })
  const producer = kafka.producer(options)
  await producer.connect()
  return { broker, producer }
}

const RETRIABLE = {
  UNKNOWN_TOPIC_OR_PARTITION: 3,
  LEADER_NOT_AVAILABLE: 5,
  NOT_LEADER_FOR_PARTITION: 6,
  REQUEST_TIMED_OUT: 7,
  NETWORK_EXCEPTION: 13,
  NOT_ENOUGH_REPLICAS: 19,
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: 20,
  KAFKA_STORAGE_ERROR: 56,
}

for (const [type, code] of Object.entries(RETRIABLE)) {
  contract(
    `3.6 ${type}: tried again, then KafkaJSNumberOfRetriesExceeded`,
    { partitions: 0 },
    async context => {
      const { broker, producer } = await scripted(context, { produce: () => code })
      const error = await errorOf(() => send(producer))
      context.record('error', describe(error))
      context.record('cause', describe(error.cause))
      context.record('stack', error.stack.split('\n').slice(0, 2))
      context.record('attempts', broker.attempts.length)
    }
  )
}

const FOR_GOOD = {
  UNKNOWN: -1,
  CORRUPT_MESSAGE: 2,
  MESSAGE_TOO_LARGE: 10,
  INVALID_TOPIC_EXCEPTION: 17,
  RECORD_LIST_TOO_LARGE: 18,
  INVALID_REQUIRED_ACKS: 21,
  TOPIC_AUTHORIZATION_FAILED: 29,
  INVALID_TIMESTAMP: 32,
  UNSUPPORTED_FOR_MESSAGE_FORMAT: 43,
  POLICY_VIOLATION: 44,
  INVALID_RECORD: 87,
}

for (const [type, code] of Object.entries(FOR_GOOD)) {
  contract(`3.6 ${type}: as kafkajs takes it`, { partitions: 0 }, async context => {
    const { broker, producer } = await scripted(context, { produce: () => code })
    const error = await errorOf(() => send(producer))
    context.record('error', describe(error))
    context.record('cause', error.cause && describe(error.cause))
    context.record('attempts', broker.attempts.length)
  })
}

contract(
  '3.6 a code above 88',
  {
    partitions: 0,
    differences: {
      error: {
        reason: 'kafkajs knows no code above 88; ours names all of them',
        kafkajs: [['KafkaJSProtocolError', 'KAFKAJS_UNKNOWN_ERROR_CODE', -99]],
        ours: [['KafkaJSProtocolError', 'THROTTLING_QUOTA_EXCEEDED', 89]],
      },
    },
  },
  async context => {
    const { producer } = await scripted(context, { produce: () => 89 }, { retry: { retries: 0 } })
    const error = await errorOf(() => send(producer))
    const shown = error.cause?.type ? error.cause : error
    context.record('error', [shown.name, shown.type, shown.code])
  }
)

contract('3.6 of several partitions one error is reported', { partitions: 0 }, async context => {
  const { broker, producer } = await scripted(context, {
    produce: ({ partition }) => (partition === 0 ? 0 : 29),
  })
  const messages = [0, 1, 2].map(partition => ({ value: 'v', partition }))
  context.record('error', describe(await errorOf(() => send(producer, messages))))
  context.record(
    'stored',
    broker.stored.map(({ partition }) => partition)
  )
})

contract('3.3 a topic without partitions', { partitions: 0 }, async context => {
  const { broker, producer } = await scripted(context, { topics: { t: 1, u: 0 } })
  context.record('sent', (await send(producer)).length)
  const error = await errorOf(() => producer.send({ topic: 'u', messages: [{ value: 'v' }] }))
  context.record('error', describe(error))
  context.record('cause', describe(error.cause))
  context.record('attempts', broker.attempts.length)
})

contract(
  '3.6 a topic without a leader',
  {
    partitions: 0,
    differences: {
      error: {
        reason:
          'kafkajs has two back-offs in each other, the outer one wraps what the inner one gave up',
        kafkajs: [['KafkaJSNonRetriableError', 'LEADER_NOT_AVAILABLE']],
        ours: [['KafkaJSNumberOfRetriesExceeded', 'LEADER_NOT_AVAILABLE']],
      },
    },
  },
  async context => {
    const { broker, producer } = await scripted(context)
    broker.leaderless.add('t')
    const error = await errorOf(() => send(producer))
    context.record('error', [error.name, error.cause.type])
    context.record('retriable', [error.retriable, error.cause.retriable])
  }
)

contract('3.6 a connection that is closed: tried again', { partitions: 0 }, async context => {
  const { broker, producer } = await scripted(context, {
    produce: ({ attempt }) => (attempt === 0 ? 'hang up' : 0),
  })
  context.record(
    'sent',
    await send(producer).then(sent => sent.map(({ baseOffset }) => baseOffset))
  )
  context.record('attempts', broker.attempts.length)
})

contract(
  '3.6 and 7.3 requestTimeout: that long, whatever the broker may wait',
  { partitions: 0 },
  async context => {
    const requestTimeout = 300
    const { producer } = await scripted(
      context,
      { produce: () => 'silence' },
      { requestTimeout, retry: { initialRetryTime: 10, retries: 1 } }
    )
    const timeouts = []
    producer.on(producer.events.REQUEST_TIMEOUT, ({ payload }) => timeouts.push(payload))
    const began = Date.now()
    const error = await errorOf(() =>
      producer.send({ topic: 't', timeout: 30000, messages: [{ value: 'v', partition: 0 }] })
    )
    const took = Date.now() - began
    context.record('in time', took >= 2 * requestTimeout && took < 20_000)
    context.record('error', [error.name, error.retryCount, error.cause.name, error.cause.retriable])
    context.record('members', Object.keys(error.cause))
    context.record('events', [
      timeouts.length,
      timeouts.map(({ apiName, apiKey }) => [apiName, apiKey]),
    ])
    context.record('payload', Object.keys(timeouts[0]))
  }
)

contract('3.6 logs of a send that fails', { partitions: 0 }, async context => {
  const { producer } = await scripted(context, { produce: () => 6 })
  await errorOf(() => send(producer))
  const entries = context.logs.filter(({ namespace }) => namespace === 'Producer')
  context.record('entries', entries.length)
  context.record('first', [entries[0].label, entries[0].log.message])
})

contract(
  '3.6 un-awaited sends to one partition',
  {
    partitions: 0,
    differences: {
      order: {
        reason: 'kafkajs keeps no order of sends that were not awaited',
        ours: [true],
      },
    },
  },
  async context => {
    const { record } = context
    // An answer that is late for some lets the next ones overtake, where that is possible.
    const { broker, producer } = await scripted(context, {
      produce: async ({ attempt }) => (attempt === 1 || attempt === 3 ? 6 : 0),
    })
    await send(producer)
    const values = Array.from({ length: 40 }, (_, i) => `message-${String(i).padStart(2, '0')}`)
    await Promise.all(values.map(value => send(producer, [{ value, partition: 0 }])))
    const arrived = broker.stored.flatMap(({ bytes }) => `${bytes}`.match(/message-\d\d/g) ?? [])
    record('all', [...arrived].sort().join() === values.join())
    record('order', arrived.join() === values.join())
  }
)

contract('3.3 and 2: nobody answers at the address', { partitions: 0 }, async context => {
  const peer = await startPeer()
  await peer.close()
  context.mask(peer.address, '<broker>')
  context.mask(peer.port, '<port>')
  const producer = context.kafka({ brokers: [peer.address], retry: RETRY }).producer()
  const error = await errorOf(() => producer.connect())
  context.record('error', [
    error.name,
    error.message,
    error.retryCount,
    error.cause.name,
    error.cause.code,
  ])
  context.record('send', describe(await errorOf(() => send(producer))))
})

test('an error that fails one topic of a call leaves no other one waiting', async t => {
  const broker = await startScriptedBroker({
    topics: { t: 1, u: 1 },
    produce: ({ topic }) => (topic === 't' ? 29 : 0),
  })
  const producer = await connectProducer(t, broker)
  const error = await errorOf(() =>
    producer.sendBatch({
      topicMessages: ['t', 'u'].map(topic => ({ topic, messages: [{ value: 'v' }] })),
    })
  )
  assert.equal(error.type, 'TOPIC_AUTHORIZATION_FAILED')
  assert.deepEqual(
    broker.stored.map(({ topic }) => topic),
    ['u']
  )
})

test('a topic that does not exist fails its own sends only', async t => {
  const good = await createTopic(uniqueTopic())
  const bad = uniqueTopic('missing')
  const producer = await connectProducer(t, await brokers(), {
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 20, retries: 8 },
  })
  let isRefused = false
  const refused = producer.send({ topic: bad, messages: [{ value: 'v' }] }).catch(error => {
    isRefused = true
    return error
  })
  let sent = 0
  while (!isRefused) {
    await producer.send({ topic: good, messages: [{ value: 'v' }] })
    sent += 1
  }
  assert.equal((await refused).cause.type, 'UNKNOWN_TOPIC_OR_PARTITION')
  assert.ok(sent > 5, `only ${sent} sends while the other topic was looked for`)
  // Nor does it come back to haunt what follows.
  await producer.send({ topic: good, messages: [{ value: 'v' }] })
  const invalid = await errorOf(() =>
    producer.send({ topic: 'not/a/topic', messages: [{ value: 'v' }] })
  )
  assert.equal(invalid.cause.type, 'INVALID_TOPIC_EXCEPTION')
  await producer.send({ topic: good, messages: [{ value: 'v' }] })
})

test('a topic that is made meanwhile gets what waits for it', async t => {
  const topic = uniqueTopic()
  const producer = await connectProducer(t, await brokers(), {
    allowAutoTopicCreation: false,
    retry: { initialRetryTime: 50, retries: 100, maxRetryTime: 100 },
  })
  const sends = ['a', 'b', 'c'].map(value => producer.send({ topic, messages: [{ value }] }))
  await createTopic(topic)
  const results = await Promise.all(sends)
  assert.deepEqual(
    results.map(([{ baseOffset }]) => baseOffset),
    ['0', '1', '2']
  )
})

test('a topic that was deleted and made again is written to', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers(), {
    retry: { initialRetryTime: 50, retries: 100, maxRetryTime: 100 },
  })
  await producer.send({ topic, messages: [{ value: 'v' }] })
  await withAdmin(undefined, admin => admin.deleteTopics({ topics: [topic] }))
  await waitFor(() => createTopic(topic), { message: 'the topic again' })
  const [{ baseOffset }] = await producer.send({ topic, messages: [{ value: 'v' }] })
  assert.equal(baseOffset, '0')
})
