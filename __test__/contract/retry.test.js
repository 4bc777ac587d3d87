'use strict'

/** kafkajs-behaviour.md 7.1 and 11 (37, 38, 40): how often is tried, and whose `retry` counts. */

const { contract, startPeer } = require('../harness')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const QUICK = { initialRetryTime: 20, maxRetryTime: 50 }

/** A peer that hangs up on everybody, and a client of it. */
async function refused({ kafka, onEnd }, retry) {
  const peer = await startPeer({ connected: socket => socket.end() })
  onEnd(() => peer.close())
  return { peer, client: kafka({ brokers: [peer.address], retry: { ...QUICK, ...retry } }) }
}

for (const retries of [0, 1, 3]) {
  contract(`7.1 retries ${retries}: one attempt more than that`, NO_TOPIC, async context => {
    const { peer, client } = await refused(context, { retries })
    const { name, retryCount, retriable } = await errorOf(() => client.admin().connect())
    context.record('error', { name, retryCount, retriable })
    context.record('attempts', peer.connections)
  })
}

for (const kind of ['producer', 'consumer', 'admin']) {
  contract(
    `11.38 ${kind}: its own retry does not count for connecting`,
    NO_TOPIC,
    async context => {
      const { peer, client } = await refused(context, { retries: 1 })
      const own = { retry: { retries: 4 } }
      const made = client[kind](kind === 'consumer' ? { groupId: context.group, ...own } : own)
      const { retryCount } = await errorOf(() => made.connect())
      context.record('retryCount', retryCount)
      context.record('attempts', peer.connections)
    }
  )
}

contract('7.1 retryTime: the wait that would come next, jittered', NO_TOPIC, async context => {
  const retry = {
    retries: 0,
    initialRetryTime: 100,
    factor: 0.1,
    multiplier: 2,
    maxRetryTime: 1000,
  }
  const { client } = await refused(context, retry)
  const { retryTime } = await errorOf(() => client.admin().connect())
  context.record('within', retryTime >= 90 && retryTime <= 110)
})

/** Without jitter (factor 0) each wait can be told: `retryTime` is the one that would come after the last attempt. */
const WAITS = {
  'multiplied each time': { initialRetryTime: 10, multiplier: 3, retries: 3, maxRetryTime: 1000 },
  'capped by maxRetryTime': { initialRetryTime: 10, multiplier: 4, retries: 3, maxRetryTime: 50 },
  'first of all initialRetryTime, uncapped': {
    initialRetryTime: 70,
    multiplier: 2,
    retries: 0,
    maxRetryTime: 50,
  },
  'rounded up, then multiplied': {
    initialRetryTime: 10.5,
    multiplier: 1.5,
    retries: 2,
    maxRetryTime: 1000,
  },
}

for (const [name, retry] of Object.entries(WAITS)) {
  contract(`7.1 waits are ${name}`, NO_TOPIC, async context => {
    const { client } = await refused(context, { factor: 0, ...retry })
    const { retryTime, retryCount } = await errorOf(() => client.admin().connect())
    context.record('next wait', retryTime)
    context.record('retryCount', retryCount)
  })
}

contract('7.1 the waits are kept', NO_TOPIC, async context => {
  const retry = { factor: 0, initialRetryTime: 200, multiplier: 2, retries: 2, maxRetryTime: 1000 }
  const { client } = await refused(context, retry)
  const began = Date.now()
  await errorOf(() => client.admin().connect())
  const took = Date.now() - began
  context.record('200 and 400 ms', took >= 580 && took < 20_000)
})

contract(
  '7.1 an admin goes by its own retry, and by the client’s without one',
  NO_TOPIC,
  async context => {
    const client = context.kafka({ retry: { ...QUICK, retries: 1 } })
    for (const own of [undefined, { retries: 3 }, { initialRetryTime: 5 }]) {
      const admin = client.admin({ retry: own })
      await admin.connect()
      const error = await errorOf(() => admin.fetchTopicOffsets(`missing-${context.group}`))
      context.record('admin', [error.name, error.retryCount])
    }
  }
)

for (const [name, thrown] of [
  ['plain Error', new Error('not today')],
  ['TypeError', new TypeError('not today')],
  ['error that is not retriable', Object.assign(new Error('not today'), { retriable: false })],
]) {
  contract(`7.1 a handler throws: ${name}`, async context => {
    const { kafka, topic, group, record } = context
    const producer = kafka().producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'v' }] })
    const retry = { ...QUICK, retries: 2, restartOnFailure: async () => false }
    const consumer = kafka().consumer({ groupId: group, maxWaitTimeInMs: 100, retry })
    const crashed = new Promise(resolve => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
    })
    let calls = 0
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        calls += 1
        throw thrown
      },
    })
    const error = await crashed
    record('calls', calls)
    record('error', [error.constructor.name, error.message, error.retryCount, error.retriable])
    record('cause', error.cause === thrown)
  })
}
