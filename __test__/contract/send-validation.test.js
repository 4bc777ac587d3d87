'use strict'

/** What bad input to send and sendBatch gets: class, text, properties, and what is checked first. Section 3.3. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, contract, createTopic, subject, uniqueTopic } = require('../harness')
const { endOffsets, errorOf } = require('./observe')

async function connectProducer({ kafka }, options) {
  const producer = kafka().producer(options)
  await producer.connect()
  return producer
}

/** @type {[name: string, record: (topic: string) => object][]} */
const BAD_RECORDS = [
  ['no topic', () => ({ messages: [{ value: 'v' }] })],
  ['empty topic', () => ({ topic: '', messages: [{ value: 'v' }] })],
  ['topic null', () => ({ topic: null, messages: [{ value: 'v' }] })],
  ['neither topic nor messages', () => ({})],
  ['no messages', topic => ({ topic })],
  ['messages null', topic => ({ topic, messages: null })],
  ['messages an object', topic => ({ topic, messages: {} })],
  [
    'a message without value',
    topic => ({ topic, messages: [{ value: 'v' }, { key: 'a', partition: 0 }] }),
  ],
  ['value a number', topic => ({ topic, messages: [{ value: 5 }] })],
  ['value a boolean', topic => ({ topic, messages: [{ value: true }] })],
  ['value an object', topic => ({ topic, messages: [{ value: { a: 1 } }] })],
  ['value an array', topic => ({ topic, messages: [{ value: ['a'] }] })],
  ['key a number', topic => ({ topic, messages: [{ key: 5, value: 'v' }] })],
  ['key an object', topic => ({ topic, messages: [{ key: {}, value: 'v' }] })],
  ['header null', topic => ({ topic, messages: [{ value: 'v', headers: { h: null } }] })],
  ['header undefined', topic => ({ topic, messages: [{ value: 'v', headers: { h: undefined } }] })],
  ['header a number', topic => ({ topic, messages: [{ value: 'v', headers: { h: 5 } }] })],
  [
    'header an array with a number',
    topic => ({ topic, messages: [{ value: 'v', headers: { h: ['a', 5] } }] }),
  ],
  ['headers null', topic => ({ topic, messages: [{ value: 'v', headers: null }] })],
  ['timestamp no number', topic => ({ topic, messages: [{ value: 'v', timestamp: 'abc' }] })],
  ['compression unknown', topic => ({ topic, compression: 9, messages: [{ value: 'v' }] })],
]

for (const [name, bad] of BAD_RECORDS) {
  contract(`3.3 send: ${name}`, async context => {
    const { topic, record } = context
    const producer = await connectProducer(context)

    record('send', await errorOf(() => producer.send(bad(topic))))
    record('own members', Object.keys(await errorOf(() => producer.send(bad(topic)))))
    const { acks, compression, ...entry } = bad(topic)
    const batch = { acks, compression, topicMessages: [entry] }
    record('sendBatch', await errorOf(() => producer.sendBatch(batch)))
    record('nothing was stored', await endOffsets(topic))
  })
}

for (const [name, odd] of [
  ['a number', 5],
  ['an array', ['topic']],
  ['a boolean', true],
]) {
  contract(
    `3.3 send: a topic that is ${name} is refused`,
    {
      partitions: 0,
      differences: {
        refused: {
          reason: 'kafkajs cannot encode it, or sends what is no topic, and does not say so',
          ours: [
            `Invalid topic, expected a string received ${odd}`,
            `Invalid topic, expected a string received ${odd}`,
          ],
        },
      },
    },
    async ({ kafka, record }) => {
      const producer = kafka({ retry: { retries: 0 } }).producer()
      await producer.connect()
      const messages = [{ value: 'v' }]
      for (const call of [
        () => producer.send({ topic: odd, messages }),
        () => producer.sendBatch({ topicMessages: [{ topic: odd, messages }] }),
      ]) {
        const error = await errorOf(call)
        record('retriable', error.retriable)
        record('refused', error.message)
      }
    }
  )
}

contract('3.3 send and sendBatch without an argument', async context => {
  const producer = await connectProducer(context)

  for (const method of ['send', 'sendBatch']) {
    const error = await errorOf(() => producer[method]())
    // Its text names what the library calls its parameter.
    context.record(method, error.constructor.name)
  }
})

contract('3.3 send: no argument is checked before the state of the producer', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer()

  record('not connected, no topic', await errorOf(() => producer.send({ messages: [] })))
  record('not connected, no messages', await errorOf(() => producer.send({ topic })))
  record('not connected, no value', await errorOf(() => producer.send({ topic, messages: [{}] })))
  record('not connected', await errorOf(() => producer.send({ topic, messages: [{ value: 5 }] })))
})

contract(
  '3.3 send: idempotence wants acks -1, said after the topic and before the messages',
  async context => {
    const { topic, record } = context
    const producer = await connectProducer(context, { idempotent: true })

    for (const acks of [0, 1]) {
      record('no topic', await errorOf(() => producer.send({ acks })))
      record('no messages', await errorOf(() => producer.send({ topic, acks })))
      record(
        'all else right',
        await errorOf(() => producer.send({ topic, acks, messages: [{ value: 'v' }] }))
      )
    }
  }
)

contract('3.3 send: acks that Kafka does not know', async context => {
  const { topic, record } = context
  const producer = await connectProducer(context, { retry: { retries: 1, initialRetryTime: 10 } })

  for (const acks of [2, -2]) {
    record('error', await errorOf(() => producer.send({ topic, acks, messages: [{ value: 'v' }] })))
  }
  record('nothing was stored', await endOffsets(topic))
})

contract('3.3 send: acks and timeout as numeric text', async context => {
  const { topic, record } = context
  const producer = await connectProducer(context)

  for (const acks of ['1', '-1']) {
    record(
      'sent',
      await producer.send({ topic, acks, timeout: '1000', messages: [{ value: 'v' }] })
    )
  }
})

/** kafkajs writes NaN and null as acks 0, gets no answer, and waits for it, again and again. */
const KAFKAJS_WAITS = subject.isStandIn && 'kafkajs waits for an answer that never comes'

test('3.3 send: acks that is no number is refused', { skip: KAFKAJS_WAITS }, async t => {
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  t.after(() => producer.disconnect())
  await producer.connect()
  const topic = await createTopic(uniqueTopic())

  for (const acks of ['all', null, {}, Number.NaN]) {
    const error = await errorOf(() => producer.send({ topic, acks, messages: [{ value: 'v' }] }))
    assert.equal(error.name, 'KafkaJSNonRetriableError')
    assert.equal(error.message, `Invalid acks ${acks}, expected -1, 0 or 1`)
  }
  assert.deepEqual(await endOffsets(topic), [0])
})

for (const partition of [99, -1]) {
  contract(
    `3.4 send: partition ${partition} does not exist`,
    {
      differences: {
        outcome: {
          reason:
            'kafkajs drops the message in silence; a message that cannot be stored must not be called sent',
          kafkajs: [['resolved', []]],
        },
      },
    },
    async context => {
      const { topic, record, library } = context
      const producer = await connectProducer(context, {
        retry: { retries: 1, initialRetryTime: 10 },
      })
      const outcome = await producer.send({ topic, messages: [{ value: 'v', partition }] }).then(
        result => ['resolved', result],
        error => ['rejected', error.name, error.message]
      )

      record('outcome', outcome)
      record('nothing was stored', await endOffsets(topic))
      if (library === 'kafkajs-rs') {
        const [, name, message] = outcome
        assert.equal(name, 'KafkaJSNonRetriableError')
        assert.match(message, new RegExp(`partition.*${partition}|${partition}.*partition`, 'i'))
        assert.ok(message.includes(topic), message)
      }
    }
  )
}

contract('3.6 send: an unknown topic that may not be created', { partitions: 0 }, async context => {
  const { topic, record } = context
  const producer = await connectProducer(context, {
    allowAutoTopicCreation: false,
    retry: { retries: 1, initialRetryTime: 10 },
  })

  const error = await errorOf(() => producer.send({ topic, messages: [{ value: 'v' }] }))
  const { retryTime, ...properties } = error
  record('class', [error.constructor.name, error.message, Object.keys(error)])
  record('properties', properties)
  record('cause', error.cause)
})

contract('3.6 send: a topic name that Kafka refuses', { partitions: 0 }, async context => {
  const { record } = context
  const producer = await connectProducer(context, { retry: { retries: 1, initialRetryTime: 10 } })

  for (const topic of ['not/a/topic', 'x'.repeat(250), '..']) {
    const error = await errorOf(() => producer.send({ topic, messages: [{ value: 'v' }] }))
    record('error', error)
    record('cause', error.cause)
  }
})

contract('3.6 send: a message larger than the broker takes', async context => {
  const { topic, record } = context
  const producer = await connectProducer(context, { retry: { retries: 1, initialRetryTime: 10 } })

  record(
    'error',
    await errorOf(() => producer.send({ topic, messages: [{ value: 'x'.repeat(1500000) }] }))
  )
  record('afterwards', await producer.send({ topic, messages: [{ value: 'small' }] }))
})

contract(
  '3.3 send: a codec that kafkajs has not by itself',
  {
    differences: {
      outcome: {
        reason: 'Snappy, LZ4 and ZSTD are built in; kafkajs throws until a codec is registered',
        kafkajs: ['Snappy', 'LZ4', 'ZSTD'].map(codec => [
          'rejected',
          'KafkaJSNotImplemented',
          `${codec} compression not implemented`,
        ]),
        ours: [0, 1, 2].map(offset => ['resolved', String(offset)]),
      },
    },
  },
  async context => {
    const { topic, record, kafkajs } = context
    const producer = await connectProducer(context)

    for (const codec of ['Snappy', 'LZ4', 'ZSTD']) {
      const compression = kafkajs.CompressionTypes[codec]
      const outcome = await producer.send({ topic, compression, messages: [{ value: 'v' }] }).then(
        ([{ baseOffset }]) => ['resolved', baseOffset],
        error => ['rejected', error.name, error.message]
      )
      record('outcome', outcome)
    }
  }
)

contract(
  '3.1 producer: nonsense options are refused when the producer is made',
  { partitions: 0 },
  async context => {
    const { kafka, record } = context
    const idempotent = true

    for (const options of [
      { createPartitioner: null },
      { createPartitioner: 'no function' },
      { idempotent, retry: { retries: 0 } },
    ]) {
      record(JSON.stringify(options), await errorOf(() => kafka().producer(options)))
    }
    for (const requestTimeout of [null, '30000']) {
      record('requestTimeout', await errorOf(() => kafka({ requestTimeout }).producer()))
    }
  }
)
