'use strict'

/**
 * Contract 2, 5, 6: arguments nobody should give. What kafkajs takes we take; what is refused is refused by
 * an Error in words for people, and nothing crashes, hangs or rejects behind the caller's back.
 */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')

const {
  brokers,
  contract,
  createTopic,
  subject,
  uniqueGroup,
  uniqueTopic,
  within,
} = require('../harness')
const { SHORT_POLL, committedOffsets, readAll } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const LONE_SURROGATE = 'a\ud800b'

for (const [name, logLevel] of [
  ['null', null],
  ['text', 'ERROR'],
  ['a number as text', '1'],
  ['an object', {}],
  ['Infinity', Number.POSITIVE_INFINITY],
]) {
  contract(`2 logLevel: ${name}`, NO_TOPIC, async ({ kafka, record, logs }) => {
    const client = kafka({ logLevel })
    const admin = client.admin()
    await admin.connect()
    await admin.disconnect()
    logs.splice(0)
    const logger = client.logger()
    for (const method of ['error', 'warn', 'info', 'debug']) logger[method](method)
    record(
      'written',
      logs.map(({ label }) => label)
    )
    logger.setLogLevel('no level')
    logger.debug('all is written')
    record(
      'after setLogLevel',
      logs.map(({ label }) => label)
    )
  })
}

contract('3.7 compression as text', async context => {
  const producer = context.kafka().producer()
  await producer.connect()
  const messages = [{ value: 'a' }]
  const sent = await producer.send({ topic: context.topic, compression: '1', messages })
  context.record('sent', sent)
  const [{ message }] = await readAll(context, 1)
  context.record('value', message.value)
})

contract(
  'compression: null is none',
  {
    differences: {
      sent: {
        reason: 'kafkajs reads a property of null',
        kafkajs: ['TypeError'],
        ours: ['0'],
      },
    },
  },
  async ({ kafka, topic, record }) => {
    const producer = kafka().producer()
    await producer.connect()
    const sent = await producer
      .send({ topic, compression: null, messages: [{ value: 'a' }] })
      .then(([{ baseOffset }]) => baseOffset)
      .catch(error => error.name)
    record('sent', sent)
  }
)

for (const [name, offset] of [
  ['2^63', 2n ** 63n],
  ['2^64 + 5', String(2n ** 64n + 5n)],
  ['-(2^63) - 1', -(2n ** 63n) - 1n],
]) {
  const text = `Invalid offset, expected a long received ${offset}`
  contract(
    `an offset that is no long: ${name}`,
    {
      partitions: 0,
      differences: {
        texts: {
          reason: 'kafkajs takes every whole number and sends what is left of it in 64 bits',
          ours: [text, text],
        },
      },
    },
    async ({ kafka, group, record }) => {
      const consumer = kafka().consumer({ groupId: group })
      const target = { topic: 'topic', partition: 0, offset }
      const textOf = error => error.message
      record('texts', await (async () => consumer.seek(target))().catch(textOf))
      record('texts', await consumer.commitOffsets([target]).catch(textOf))
    }
  )
}

contract('text with half a character travels as U+FFFD', async context => {
  const { kafka, topic, group, record } = context
  const client = kafka({ clientId: `client ${LONE_SURROGATE}` })
  const admin = client.admin()
  await admin.connect()
  const producer = client.producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: LONE_SURROGATE }] })
  const consumer = client.consumer({ groupId: group, ...SHORT_POLL })
  await consumer.subscribe({ topic, fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.run({
      autoCommit: false,
      async eachMessage({ message }) {
        record('value', message.value)
        const metadata = `metadata ${LONE_SURROGATE} \\ud800`
        const entry = { topic, partition: 0, offset: '1', metadata }
        await consumer.commitOffsets([entry]).then(resolve, reject)
      },
    })
  })
  record('committed', await admin.fetchOffsets({ groupId: group, topics: [topic] }))
})

for (const autoCommit of [null, 0, '', 'yes', {}]) {
  contract(`4.4 autoCommit ${JSON.stringify(autoCommit)}: by its truth`, async context => {
    const { kafka, topic, group, record } = context
    const producer = kafka().producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'a' }] })
    const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
    await consumer.subscribe({ topic, fromBeginning: true })
    const handled = new Promise(resolve => {
      consumer.run({ autoCommit, eachMessage: async ({ message }) => resolve(message.value) })
    })
    record('handled', await handled)
    await consumer.disconnect()
    record('committed', await committedOffsets(context))
  })
}

contract('4.10 pause and resume of a topic that is no text', async context => {
  const { kafka, topic, group, record } = context
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  for (const odd of [1, true, ['x'], {}, Symbol('s')]) {
    consumer.pause([{ topic: odd }])
    consumer.resume([{ topic: odd, partitions: [0] }])
  }
  record('paused', consumer.paused())
})

contract('4.2 describeGroup connects by itself', async ({ kafka, group, record }) => {
  const consumer = kafka().consumer({ groupId: group })
  record('group', await consumer.describeGroup())
})

/** Values nobody should give, made anew for each call. */
const ODD = {
  undefined: () => undefined,
  null: () => null,
  'a number': () => 5.5,
  NaN: () => Number.NaN,
  Infinity: () => Number.POSITIVE_INFINITY,
  'a BigInt': () => -1n,
  'half a character': () => LONE_SURROGATE,
  'a Symbol': () => Symbol('s'),
  'a function': () => () => {},
  'an empty array': () => [],
  'an array of null': () => [null],
  'an array of Symbols': () => [Symbol('s')],
  'a huge array': () => new Array(20_000).fill('a'),
  'an object without prototype': () => Object.create(null),
  'a circle': () => {
    const circle = {}
    circle.circle = circle
    return circle
  },
  'a proxy that throws': () =>
    new Proxy(
      {},
      {
        get(_target, key) {
          if (key === 'then') return undefined
          throw new Error(`trap ${String(key)}`)
        },
      }
    ),
  'an object whose getters throw': () => {
    const names = ['topic', 'topics', 'groupId', 'brokers', 'messages', 'retry', 'eachMessage']
    const getter = {
      get() {
        throw new RangeError('getter')
      },
    }
    return Object.defineProperties({}, Object.fromEntries(names.map(name => [name, getter])))
  },
}

/** What only machines read: of napi, of serde, or our payloads themselves. */
const NOT_FOR_PEOPLE = /napi|line \d+ column|^\{|recursive|invalid type|missing field/

/** @param {() => unknown} act resolves, rejects with an Error, or throws one: in time, and in words for people */
async function judge(act, what) {
  try {
    await within(20_000, act(), what)
  } catch (error) {
    assert.ok(error instanceof Error, `${what}: ${typeof error} is no Error`)
    assert.doesNotMatch(error.message, NOT_FOR_PEOPLE, what)
    assert.doesNotMatch(error.message, /did not settle/)
  }
}

/** Calls `act` with every odd value, all at once. */
const judgeAll = (act, what) =>
  Promise.all(
    Object.entries(ODD).map(([name, make]) =>
      judge(async () => act(make(), name), `${what}, ${name}`)
    )
  )

describe('odd arguments, of ours', { timeout: 180_000, skip: subject.isStandIn }, () => {
  const { Kafka, logLevel } = subject.load()
  const retry = { retries: 1, initialRetryTime: 20, maxRetryTime: 50 }
  const quiet = async () => ({ brokers: await brokers(), logLevel: logLevel.NOTHING, retry })

  const OPTIONS = {
    Kafka: [
      ...['brokers', 'ssl', 'sasl', 'clientId', 'connectionTimeout', 'authenticationTimeout'],
      ...['reauthenticationThreshold', 'requestTimeout', 'enforceRequestTimeout', 'retry'],
      ...['socketFactory', 'logLevel', 'logCreator'],
    ],
    producer: [
      ...['createPartitioner', 'retry', 'metadataMaxAge', 'allowAutoTopicCreation', 'idempotent'],
      ...['transactionalId', 'transactionTimeout', 'maxInFlightRequests'],
    ],
    consumer: [
      ...['groupId', 'partitionAssigners', 'metadataMaxAge', 'sessionTimeout', 'rebalanceTimeout'],
      ...['heartbeatInterval', 'maxBytesPerPartition', 'minBytes', 'maxBytes', 'maxWaitTimeInMs'],
      ...['retry', 'allowAutoTopicCreation', 'maxInFlightRequests', 'readUncommitted', 'rackId'],
    ],
    admin: ['retry'],
  }

  for (const [owner, names] of Object.entries(OPTIONS)) {
    for (const name of names) {
      test(`2 ${owner}: option ${name}`, async () => {
        const settings = { ...(await quiet()), connectionTimeout: 1000 }
        await judgeAll(async odd => {
          const kafka = new Kafka(owner === 'Kafka' ? { ...settings, [name]: odd } : settings)
          const kind = owner === 'Kafka' ? 'admin' : owner
          const client = kafka[kind]({
            groupId: uniqueGroup(),
            ...(kind === owner && { [name]: odd }),
          })
          try {
            await client.connect()
          } finally {
            await client.disconnect()
          }
        }, `${owner} ${name}`)
      })
    }
  }

  test('2 the constructor and its methods', async () => {
    const kafka = new Kafka(await quiet())
    await judgeAll(odd => new Kafka(odd), 'new Kafka')
    for (const kind of ['producer', 'consumer', 'admin']) {
      await judgeAll(odd => kafka[kind](odd), kind)
    }
  })

  test('3 producer', async () => {
    const topic = await createTopic(uniqueTopic())
    const kafka = new Kafka(await quiet())
    for (const connects of [false, true]) {
      const producer = kafka.producer()
      if (connects) await producer.connect()
      const message = { value: 'a' }
      for (const method of ['send', 'sendBatch', 'on', 'transaction']) {
        await judgeAll(odd => producer[method](odd), method)
      }
      for (const name of ['topic', 'messages', 'acks', 'timeout', 'compression']) {
        const call = { topic, messages: [message] }
        await judgeAll((odd, isNamed) => {
          // Thousands of topics would be made.
          if (name === 'topic' && isNamed === 'a huge array') return undefined
          return producer.send({ ...call, [name]: odd })
        }, `send ${name}`)
      }
      for (const name of ['key', 'value', 'partition', 'headers', 'timestamp']) {
        const send = odd => producer.send({ topic, messages: [{ ...message, [name]: odd }] })
        await judgeAll(send, `message ${name}`)
      }
      const sendHeader = odd =>
        producer.send({ topic, messages: [{ ...message, headers: { odd } }] })
      await judgeAll(sendHeader, 'header')
      await judgeAll(odd => producer.on(producer.events.CONNECT, odd), 'listener')
      await producer.disconnect()
    }
  })

  test('3.9 transaction', async () => {
    const topic = await createTopic(uniqueTopic())
    // A coordinator that is asked for the first time needs a moment.
    const kafka = new Kafka({ ...(await quiet()), retry: {} })
    const producer = kafka.producer({ transactionalId: uniqueGroup(), idempotent: true })
    await producer.connect()
    const transaction = await producer.transaction()
    const partition = { partition: 0, offset: '1' }
    const offsets = { consumerGroupId: uniqueGroup(), topics: [{ topic, partitions: [partition] }] }
    await judgeAll(odd => transaction.sendOffsets(odd), 'sendOffsets')
    for (const name of ['consumerGroupId', 'topics']) {
      await judgeAll(odd => transaction.sendOffsets({ ...offsets, [name]: odd }), name)
    }
    for (const name of ['partition', 'offset', 'metadata']) {
      await judgeAll(odd => {
        const topics = [{ topic, partitions: [{ ...partition, [name]: odd }] }]
        return transaction.sendOffsets({ ...offsets, topics })
      }, `sendOffsets ${name}`)
    }
    await judge(() => transaction.abort(), 'abort')
    await producer.disconnect()
  })

  test('4 consumer', async () => {
    const topic = await createTopic(uniqueTopic())
    const kafka = new Kafka(await quiet())
    for (const runs of [false, true]) {
      const consumer = kafka.consumer({ groupId: uniqueGroup(), ...SHORT_POLL })
      if (runs) {
        await consumer.subscribe({ topic })
        await consumer.run({ eachMessage: async () => {} })
      }
      const methods = ['subscribe', 'commitOffsets', 'seek', 'pause', 'resume', 'on', 'run']
      for (const method of methods) await judgeAll(odd => consumer[method](odd), method)
      await judgeAll(odd => consumer.subscribe({ topics: odd }), 'subscribe topics')
      for (const name of ['topic', 'partition', 'offset', 'metadata']) {
        const entry = odd => ({ topic, partition: 0, offset: '1', [name]: odd })
        await judgeAll(odd => consumer.commitOffsets([entry(odd)]), `commitOffsets ${name}`)
        await judgeAll(odd => consumer.seek(entry(odd)), `seek ${name}`)
      }
      for (const name of ['topic', 'partitions']) {
        const entry = odd => ({ topic, partitions: [0], [name]: odd })
        await judgeAll(odd => consumer.pause([entry(odd)]), `pause ${name}`)
        await judgeAll(odd => consumer.resume([entry(odd)]), `resume ${name}`)
      }
      await consumer.disconnect()
    }
  })

  test('4.4 run', async () => {
    const topic = await createTopic(uniqueTopic())
    const kafka = new Kafka(await quiet())
    const names = ['autoCommit', 'autoCommitInterval', 'autoCommitThreshold', 'eachMessage']
    names.push('eachBatch', 'eachBatchAutoResolve', 'partitionsConsumedConcurrently')
    for (const name of names) {
      await judgeAll(async odd => {
        const consumer = kafka.consumer({ groupId: uniqueGroup(), ...SHORT_POLL })
        const crashes = []
        consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error))
        await consumer.subscribe({ topic })
        try {
          await consumer.run({ eachMessage: async () => {}, [name]: odd })
        } finally {
          await consumer.disconnect()
        }
        if (crashes.length > 0) throw crashes[0]
      }, `run ${name}`)
    }
  })

  test('5 admin', async () => {
    const topic = await createTopic(uniqueTopic())
    const kafka = new Kafka(await quiet())
    const admin = kafka.admin()
    await admin.connect()
    const acl = { resourceType: 2, resourceName: 'x', resourcePatternType: 3, operation: 2 }
    Object.assign(acl, { principal: 'User:a', host: '*', permissionType: 3 })
    const partitions = [{ partition: 0, offset: '0' }]
    const groupId = uniqueGroup()
    const CALLS = {
      createTopics: { topics: [{ topic }], validateOnly: true, timeout: 1000 },
      deleteTopics: { topics: [uniqueTopic()], timeout: 1000 },
      createPartitions: { topicPartitions: [{ topic, count: 1 }], validateOnly: true },
      fetchTopicMetadata: { topics: [topic] },
      fetchOffsets: { groupId, topics: [topic], resolveOffsets: false },
      setOffsets: { groupId, topic, partitions },
      resetOffsets: { groupId, topic, earliest: true },
      describeConfigs: { resources: [{ type: 2, name: topic }], includeSynonyms: false },
      alterConfigs: {
        resources: [{ type: 2, name: topic, configEntries: [] }],
        validateOnly: true,
      },
      describeAcls: acl,
      createAcls: { acl: [acl] },
      deleteAcls: { filters: [acl] },
      deleteTopicRecords: { topic, partitions },
      alterPartitionReassignments: {
        topics: [{ topic: uniqueTopic(), partitionAssignment: [{ partition: 0, replicas: [1] }] }],
      },
      listPartitionReassignments: { topics: [{ topic, partitions: [0] }] },
    }
    const methods = Object.keys(admin).filter(name => typeof admin[name] === 'function')
    for (const method of methods.filter(name => !name.endsWith('connect'))) {
      await judgeAll(odd => admin[method](odd), method)
    }
    await judgeAll(odd => admin.fetchTopicOffsetsByTimestamp(topic, odd), 'timestamp')
    for (const [method, call] of Object.entries(CALLS)) {
      for (const path of pathsOf(call)) {
        await judgeAll(odd => admin[method](replaced(call, path, odd)), `${method} ${path}`)
      }
    }
    await admin.disconnect()
  })
})

/** @returns {string[][]} the way to everything inside of `value` */
function pathsOf(value, above = []) {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => {
    const path = [...above, key]
    return [path, ...pathsOf(inner, path)]
  })
}

function replaced(value, [key, ...rest], odd) {
  const copy = Array.isArray(value) ? [...value] : { ...value }
  copy[key] = rest.length === 0 ? odd : replaced(value[key], rest, odd)
  return copy
}
