'use strict'

/**
 * What a broker sees of a producer: defaults, numbers of attempts, numbers of requests. Sections 3.1, 3.2, 3.6, 3.8 and
 * 3.9 of kafkajs' behaviour.
 */

const { contract, waitFor } = require('../harness')
const { errorOf } = require('../contract/observe')
const { END_TXN, INIT_PRODUCER_ID, startScriptedBroker } = require('./scriptedBroker')

const NOT_LEADER = 6
const NOT_COORDINATOR = 16
const UNKNOWN_SERVER_ERROR = -1
const QUICK = { initialRetryTime: 2, maxRetryTime: 5 }

async function start(context, script, options, settings) {
  const broker = await startScriptedBroker({ topics: { t: 3 }, ...script })
  context.onEnd(() => broker.close())
  context.mask(broker.address, '<broker>')
  const kafka = context.kafka({ brokers: broker.brokers, retry: QUICK, ...settings })
  const producer = kafka.producer(options)
  await producer.connect()
  return { broker, producer }
}

const send = (producer, messages = [{ value: 'v', partition: 0 }]) =>
  producer.send({ topic: 't', messages })

for (const [name, options, settings] of [
  ['by default', {}, {}],
  ['by default, idempotent', { idempotent: true }, {}],
  ['of the client', {}, { retry: { ...QUICK, retries: 2 } }],
  ['of the producer, before that of the client', { retry: { ...QUICK, retries: 1 } }, {}],
  ['null', { retry: { ...QUICK, retries: 0 } }, {}],
]) {
  contract(`3.1 retries: ${name}`, { partitions: 0 }, async context => {
    const { broker, producer } = await start(
      context,
      { produce: () => NOT_LEADER },
      options,
      settings
    )
    const error = await errorOf(() => send(producer))
    context.record('error', [error.name, error.retryCount, error.cause?.type])
    context.record('attempts', broker.attempts.length)
  })
}

contract('3.1 retries of an idempotent producer: a warning', { partitions: 0 }, async context => {
  const { kafka, logs, record } = context
  for (const options of [
    { idempotent: true },
    { idempotent: true, retry: { retries: 3 } },
    { idempotent: true, retry: { retries: Number.MAX_SAFE_INTEGER } },
    { retry: { retries: 3 } },
  ]) {
    const before = logs.length
    kafka().producer(options)
    const said = logs.slice(before).filter(({ namespace }) => namespace === 'Producer')
    record(
      JSON.stringify(options),
      said.map(({ label, log }) => [label, log.message])
    )
  }
})

contract(
  '3.2 acks, timeout and compression: defaults on the wire',
  { partitions: 0 },
  async context => {
    const { broker, producer } = await start(context)
    await send(producer)
    await producer.sendBatch({ topicMessages: [{ topic: 't', messages: [{ value: 'v' }] }] })
    await producer.send({ topic: 't', acks: 1, timeout: 1234, messages: [{ value: 'v' }] })
    context.record(
      'calls',
      broker.attempts.map(({ acks, timeout, bytes }) => [acks, timeout, bytes.readInt16BE(21) & 7])
    )
  }
)

contract(
  '3.6 requests of un-awaited sends',
  {
    partitions: 0,
    differences: {
      requests: {
        reason:
          'kafkajs makes a request of every call; with ours, what comes while one is under way leaves together in the ' +
          'next one',
        kafkajs: [21],
        ours: ['fewer'],
      },
    },
  },
  async context => {
    const { broker, producer } = await start(context)
    await send(producer)
    await Promise.all(Array.from({ length: 20 }, () => send(producer)))
    const requests = broker.attempts.length
    context.record('requests', requests < 12 ? 'fewer' : requests)
    context.record(
      'stored',
      broker.stored.reduce((sum, { records }) => sum + records, 0)
    )
  }
)

contract(
  '3.6 a partitioner is asked for each message',
  {
    partitions: 0,
    differences: {
      asked: {
        reason:
          'kafkajs asks again at every attempt, so that a message may be repeated to another partition: lost or doubled',
        kafkajs: [6],
        ours: [2],
      },
    },
  },
  async context => {
    let asked = 0
    const createPartitioner = () => () => {
      asked += 1
      return 0
    }
    const { producer } = await start(
      context,
      { produce: ({ attempt }) => (attempt < 2 ? NOT_LEADER : 0) },
      { createPartitioner }
    )
    await send(producer, [{ value: 'a' }, { value: 'b' }])
    context.record('asked', asked)
  }
)

contract(
  '3.8 InitProducerId: attempts',
  {
    partitions: 0,
    differences: {
      asked: {
        reason: 'kafkajs has a back-off of its own there, which no option reaches; ours is `retry`',
        ours: [2],
      },
    },
  },
  async context => {
    let asked = 0
    const identify = () => {
      asked += 1
      // The built-in back-off takes ten seconds in all.
      return asked > 3 ? 0 : NOT_COORDINATOR
    }
    const broker = await startScriptedBroker({ topics: { t: 1 }, identify })
    context.onEnd(() => broker.close())
    const kafka = context.kafka({ brokers: broker.brokers })
    const producer = kafka.producer({ idempotent: true, retry: { ...QUICK, retries: 1 } })
    await producer.connect().catch(() => {})
    context.record('asked', asked)
  }
)

contract(
  '3.9 EndTxn fails: what can be done then',
  {
    partitions: 0,
    differences: {
      abort: {
        reason: 'with kafkajs nothing can be done any more: the producer has to be made again',
        kafkajs: ['Cannot continue to use transaction once ended'],
        ours: ['done'],
      },
      next: {
        reason: 'as above',
        kafkajs: [
          'Transaction state exception: Cannot call "beginTransaction" in state "COMMITTING"',
        ],
        ours: ['done'],
      },
      requests: { reason: 'as above', kafkajs: [1], ours: [2] },
    },
  },
  async context => {
    const { record } = context
    let refuse = true
    const { broker, producer } = await start(
      context,
      { endTransaction: () => (refuse ? UNKNOWN_SERVER_ERROR : 0) },
      { transactionalId: 'x' }
    )
    const outcome = promise =>
      promise.then(
        () => 'done',
        error => error.message
      )
    const transaction = await producer.transaction()
    await transaction.send({ topic: 't', messages: [{ value: 'v' }] })
    record('commit', (await errorOf(() => transaction.commit())).type)
    refuse = false
    record('abort', await outcome(transaction.abort()))
    record('next', await outcome(producer.transaction()))
    record('requests', broker.requests.filter(({ api }) => api === END_TXN).length)
  }
)

contract('3.9 a partition is announced once in a transaction', { partitions: 0 }, async context => {
  const { broker, producer } = await start(context, {}, { transactionalId: 'x' })
  for (let round = 0; round < 2; round++) {
    const transaction = await producer.transaction()
    for (const partition of [0, 0, 1]) {
      await transaction.send({ topic: 't', messages: [{ value: 'v', partition }] })
    }
    await transaction[round === 0 ? 'commit' : 'abort']()
  }
  const bodies = broker.requests.filter(({ api }) => api !== INIT_PRODUCER_ID)
  context.record(
    'requests',
    bodies.map(({ api, body }) => [api, body.topics ?? body.committed])
  )
})

const OLD_BROKER_REASON =
  'the members do not depend on the version of the broker: -1 says that it did not tell (Produce v3 and v4, Kafka 0.11)'

contract(
  '3.5 a broker of Produce v3 says nothing of its log',
  {
    partitions: 0,
    differences: {
      logStartOffset: { reason: OLD_BROKER_REASON, kafkajs: [undefined], ours: ['-1'] },
    },
  },
  async context => {
    const { producer } = await start(context)
    const messages = [0, 1].map(partition => ({ value: 'v', partition }))
    const [first, second] = await send(producer, messages)
    for (const { logStartOffset, ...result } of [first, second]) context.record('result', result)
    context.record('logStartOffset', first.logStartOffset)
  }
)

for (const [name, call] of Object.entries({
  'a value of the wrong type': { messages: [{ value: 5, partition: 0 }] },
  'a timestamp that is none': { messages: [{ value: 'v', timestamp: 'abc', partition: 0 }] },
  'a broker that refuses': { messages: [{ value: 'refused', partition: 0 }] },
})) {
  contract(`3.3 and 3.6 logs: ${name}`, { partitions: 0 }, async context => {
    const TOPIC_AUTHORIZATION_FAILED = 29
    const { broker, producer } = await start(context, {
      produce: ({ bytes }) => (bytes.includes('refused') ? TOPIC_AUTHORIZATION_FAILED : 0),
    })
    context.logs.length = 0
    await errorOf(() => producer.send({ topic: 't', ...call }))
    context.record('attempts', broker.attempts.length)
    context.record(
      'entries',
      context.logs
        .filter(({ namespace }) => namespace === 'Producer')
        .map(({ label, log }) => [label, log.message])
    )
  })
}

contract(
  '9 producer.network.request_queue_size: sends beyond maxInFlightRequests',
  {
    partitions: 0,
    differences: {
      events: {
        reason:
          'with kafkajs requests wait in the queue of a connection; with ours their messages gather into the next request',
        kafkajs: [['producer.network.request_queue_size', ['broker', 'clientId', 'queueSize']]],
        ours: ['none'],
      },
    },
  },
  async context => {
    const { record } = context
    let release
    const gate = new Promise(resolve => {
      release = resolve
    })
    const { broker, producer } = await start(
      context,
      {
        produce: ({ attempt, partition }) =>
          attempt === 0 && partition === 0 ? 0 : gate.then(() => 0),
      },
      { maxInFlightRequests: 1 }
    )
    await send(producer)
    const events = []
    producer.on(producer.events.REQUEST_QUEUE_SIZE, event => events.push(event))
    const sends = [0, 1, 2].map(partition => send(producer, [{ value: 'v', partition }]))
    await waitFor(() => broker.attempts.length > 1, { message: 'a request that waits' })
    release()
    await Promise.all(sends)
    const [first] = events
    record('events', first ? [first.type, Object.keys(first.payload).sort()] : 'none')
    record('settled', true)
  }
)
