'use strict'

/** Options of kafka.producer() and what its members do: sections 3.1 and 3.2 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const { promisify } = require('node:util')
const test = require('node:test')
const {
  brokers,
  contract,
  createTopic,
  subject,
  uniqueTopic,
  waitFor,
  withAdmin,
} = require('../harness')
const { endOffsets } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { INIT_PRODUCER_ID, startScriptedBroker } = require('./scriptedBroker')

/** A broker of the test's own, which ends after its clients. */
async function scripted(context, script) {
  const broker = await startScriptedBroker({ topics: { t: 2 }, ...script })
  context.onEnd(() => broker.close())
  context.mask(broker.address, '<broker>')
  return broker
}

contract('3.1 createPartitioner: called once, when the producer is made', async context => {
  const { kafka, topic, record } = context
  let calls = 0
  const createPartitioner = () => {
    calls += 1
    return () => 0
  }
  const producer = kafka().producer({ createPartitioner, transactionalId: topic })
  record('calls', calls)
  await producer.connect()
  for (const value of ['a', 'b']) await producer.send({ topic, messages: [{ value }] })
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ value: 'c' }] })
  await transaction.abort()
  await producer.disconnect()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'd' }] })
  record('calls', calls)
})

contract(
  '3.1 createPartitioner: its counters are shared by sends and transactions',
  { partitions: 3 },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer({
      transactionalId: topic,
      createPartitioner: () => {
        let next = 0
        return ({ partitionMetadata }) => next++ % partitionMetadata.length
      },
    })
    await producer.connect()
    const [first] = await producer.send({ topic, messages: [{ value: 'a' }] })
    const transaction = await producer.transaction()
    const [second] = await transaction.send({ topic, messages: [{ value: 'b' }] })
    await transaction.commit()
    const [third] = await producer.send({ topic, messages: [{ value: 'c' }] })
    record('partitions', [first.partition, second.partition, third.partition])
  }
)

contract(
  '3.1 allowAutoTopicCreation: by default a topic that does not exist is made',
  { partitions: 0 },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    record('sent', (await producer.send({ topic, messages: [{ value: 'v' }] })).length)
    const topics = await withAdmin(undefined, admin => admin.listTopics())
    record('made', topics.includes(topic))
  }
)

contract(
  '3.1 metadataMaxAge: partitions that were added are used once metadata is that old',
  { partitions: 1 },
  async context => {
    const { kafka, topic, record } = context
    const metadataMaxAge = 300
    const producer = kafka().producer({ metadataMaxAge })
    await producer.connect()
    // The partition of this key: 0 of 1, 4 of 12.
    const send = () => producer.send({ topic, messages: [{ key: 'a', value: 'v' }] })
    await send()
    const loaded = Date.now()
    await withAdmin(undefined, async admin => {
      await admin.createPartitions({ topicPartitions: [{ topic, count: 12 }] })
      await waitFor(async () => {
        const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
        return topics[0].partitions.filter(({ leader }) => leader >= 0).length === 12
      })
    })
    await waitFor(() => Date.now() > loaded + metadataMaxAge + 50, { message: 'old metadata' })
    record('partition', (await send())[0].partition)
  }
)

test('metadataMaxAge: a custom partitioner is shown partitions that were added', async t => {
  const topic = await createTopic(uniqueTopic())
  const shown = []
  const producer = await connectProducer(t, await brokers(), {
    metadataMaxAge: 300,
    createPartitioner:
      () =>
      ({ partitionMetadata }) => {
        shown.push(partitionMetadata.length)
        return 0
      },
  })
  await producer.send({ topic, messages: [{ value: 'v' }] })
  await withAdmin(undefined, admin =>
    admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
  )
  await waitFor(
    async () => {
      await producer.send({ topic, messages: [{ value: 'v' }] })
      return shown.at(-1) === 3
    },
    { message: 'the new partitions' }
  )
  assert.equal(shown[0], 1)
})

contract(
  '3.1 transactionTimeout: told to the broker; by default 60000',
  { partitions: 0 },
  async context => {
    const { kafka, record } = context
    const broker = await scripted(context)
    for (const options of [{}, { transactionTimeout: 1234 }]) {
      const producer = kafka({ brokers: broker.brokers }).producer({
        transactionalId: 'x',
        ...options,
      })
      await producer.connect()
      await producer.transaction()
    }
    record('InitProducerId', broker.requests)
  }
)

for (const maxInFlightRequests of [undefined, null, 1, 3]) {
  contract(
    `3.1 maxInFlightRequests ${maxInFlightRequests}: every message arrives`,
    { partitions: 2 },
    async context => {
      const { kafka, topic, record } = context
      const producer = kafka().producer({ maxInFlightRequests })
      await producer.connect()
      await producer.send({ topic, messages: [{ value: 'first', partition: 0 }] })
      const sends = Array.from({ length: 20 }, (_, i) =>
        producer.send({ topic, messages: [{ value: `${i}`, partition: i % 2 }] })
      )
      record(
        'results',
        (await Promise.all(sends)).map(([{ partition }]) => partition)
      )
      record('ends', await endOffsets(topic))
    }
  )
}

for (const maxInFlightRequests of [1.5, '5', Number.POSITIVE_INFINITY]) {
  contract(`3.1 maxInFlightRequests ${maxInFlightRequests}: taken as a number`, async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer({ maxInFlightRequests })
    await producer.connect()
    const send = () => producer.send({ topic, messages: [{ value: 'v' }] })
    record('sent', (await Promise.all(Array.from({ length: 10 }, send))).length)
  })
}

for (const maxInFlightRequests of [Number.NaN, 'many']) {
  contract(
    `3.1 maxInFlightRequests ${maxInFlightRequests}: no number`,
    {
      differences: {
        outcome: {
          reason: 'kafkajs takes what is no number for no limit; ours names the option',
          kafkajs: ['connected'],
          ours: [
            `Invalid maxInFlightRequests, expected a number of requests received ${maxInFlightRequests}`,
          ],
        },
      },
    },
    async ({ kafka, record }) => {
      try {
        await kafka().producer({ maxInFlightRequests }).connect()
        record('outcome', 'connected')
      } catch (error) {
        record('outcome', error.message)
      }
    }
  )
}

/** A program that connects a producer and then says so; where it hangs it has to be killed. */
const CONNECT = `
  const { kafkajs, brokers, maxInFlightRequests } = JSON.parse(process.argv[1])
  const { Kafka } = require(kafkajs)
  const producer = new Kafka({ brokers, logLevel: 0 }).producer({ maxInFlightRequests })
  producer.connect().then(() => console.log('connected'), error => console.log(error.message))`

for (const maxInFlightRequests of [0, -1]) {
  test(`3.1 maxInFlightRequests ${maxInFlightRequests}: refused, where kafkajs waits for ever`, async () => {
    const { Kafka } = subject.load()
    const addresses = await brokers()
    assert.throws(() => new Kafka({ brokers: addresses }).producer({ maxInFlightRequests }), {
      name: 'KafkaJSNonRetriableError',
      message: `Invalid maxInFlightRequests, expected a number of requests above 0 received ${maxInFlightRequests}`,
    })
    const given = { kafkajs: require.resolve('kafkajs'), brokers: addresses, maxInFlightRequests }
    const args = ['-e', CONNECT, JSON.stringify(given)]
    const ran = promisify(execFile)(process.execPath, args, { timeout: 3000 })
    const { killed, stdout } = await ran.then(
      done => done,
      error => error
    )
    assert.deepEqual([killed, stdout], [true, ''], 'kafkajs settles by now: is this still so?')
  })
}

test('maxInFlightRequests 1: one request at a time, also for several partitions', async t => {
  let open = 0
  let most = 0
  const broker = await startScriptedBroker({
    topics: { t: 8 },
    produce: async () => {
      open += 1
      most = Math.max(most, open)
      await new Promise(resolve => setTimeout(resolve, 5))
      open -= 1
      return 0
    },
  })
  const producer = await connectProducer(t, broker, { maxInFlightRequests: 1 })
  await producer.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
  await Promise.all(
    Array.from({ length: 40 }, (_, i) =>
      producer.send({ topic: 't', messages: [{ value: 'v', partition: i % 8 }] })
    )
  )
  assert.equal(most, 1)
})

contract('3.2 isIdempotent is the option', { partitions: 0 }, async ({ kafka, record }) => {
  for (const options of [
    {},
    { idempotent: true },
    { idempotent: false },
    { transactionalId: 'x' },
    { transactionalId: 'x', idempotent: true },
  ]) {
    record(JSON.stringify(options), kafka().producer(options).isIdempotent())
  }
})

contract(
  '3.2 connect: one seed, and no metadata; idempotent: one InitProducerId, however often',
  { partitions: 0 },
  async context => {
    const { kafka, record } = context
    const broker = await scripted(context)
    const plain = kafka({ brokers: broker.brokers }).producer()
    await plain.connect()
    await plain.connect()
    record('plain', broker.requests)

    const idempotent = kafka({ brokers: broker.brokers }).producer({ idempotent: true })
    await idempotent.connect()
    await idempotent.connect()
    await idempotent.disconnect()
    await idempotent.connect()
    record('idempotent', broker.requests)
    record('asked for', INIT_PRODUCER_ID)
  }
)

contract(
  '3.2 connect: a listener that throws',
  {
    partitions: 0,
    differences: {
      connect: {
        reason: 'what listens must not break what it listens to; the error is logged',
        kafkajs: ['from the listener'],
        ours: ['resolved'],
      },
    },
  },
  async context => {
    const { kafka, record } = context
    const producer = kafka().producer()
    producer.on(producer.events.CONNECT, () => {
      throw new Error('from the listener')
    })
    record(
      'connect',
      await producer.connect().then(
        () => 'resolved',
        error => error.message
      )
    )
  }
)

contract('3.2 on: gives a function that ends it', { partitions: 0 }, async context => {
  const { kafka, record } = context
  const producer = kafka().producer()
  let heard = 0
  const remove = producer.on(producer.events.CONNECT, () => {
    heard += 1
  })
  await producer.connect()
  remove()
  await producer.connect()
  record('heard', heard)
})

contract('3.2 logger: of namespace Producer', { partitions: 0 }, async context => {
  const { kafka, logs, record } = context
  const logger = kafka().producer().logger()
  logger.info('text', { extra: 1 })
  record('members', Object.keys(logger))
  record(
    'entry',
    logs.map(({ namespace, label, log }) => [namespace, label, log])
  )
})

contract('3.2 events: requests of a producer', async context => {
  const { kafka, topic, record, mask } = context
  const producer = kafka().producer()
  const requests = []
  producer.on(producer.events.REQUEST, event => requests.push(event))
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'v' }] })
  await waitFor(() => requests.some(({ payload }) => payload.apiName === 'Produce'))

  mask(context.brokers[0], '<broker>')
  const { type, payload } = requests.find(event => event.payload.apiName === 'Produce')
  const { broker, clientId, apiName, apiKey } = payload
  record('event', [type, broker, clientId, apiName, apiKey])
  record('members', Object.keys(payload).sort())
  record(
    'kinds',
    Object.entries(payload)
      .map(([name, value]) => [name, typeof value])
      .sort()
  )
})
