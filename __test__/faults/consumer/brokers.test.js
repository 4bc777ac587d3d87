'use strict'

/** Brokers die and come back while a group consumes: everything arrives, and the membership outlives its coordinator. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const {
  createTopic,
  reference,
  startSingle,
  startThree,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
} = require('../../harness')

const PARTITIONS = 6
/** Nobody is to sleep long after what he waits for is there again. */
const PATIENCE = { retries: 100, maxRetryTime: 1000 }
const SENDER_TIMEOUT_MS = 3000
/** Messages before and after each misfortune. */
const SOME = 100

/** Sends numbered messages until it is stopped; counts those that were acknowledged. */
const startSending = async (brokers, topic) => {
  const { Kafka, logLevel } = reference.load()
  const kafka = new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    retry: PATIENCE,
    requestTimeout: SENDER_TIMEOUT_MS,
  })
  const producer = kafka.producer()
  await producer.connect()
  const acknowledged = []
  let isSending = true
  const sending = (async () => {
    for (let number = 0; isSending; number++) {
      const message = { value: `${number}`, partition: number % PARTITIONS }
      try {
        await producer.send({ topic, messages: [message] })
        acknowledged.push(number)
      } catch {
        // Not acknowledged: nobody has to see it.
      }
    }
  })()
  return {
    acknowledged,
    async stop() {
      isSending = false
      await sending
      await producer.disconnect()
    },
  }
}

const startMember = async (t, brokers, topic, groupId, options = {}) => {
  const { Kafka } = subject.load()
  const logs = []
  const kafka = new Kafka({ brokers, logCreator: () => entry => logs.push(entry) })
  const consumer = kafka.consumer({
    groupId,
    heartbeatInterval: 300,
    sessionTimeout: 6000,
    maxWaitTimeInMs: 300,
    // A broker is missed for longer than kafkajs' five retries last.
    retry: PATIENCE,
    ...options,
  })
  t.after(() => consumer.disconnect())
  const seen = new Map()
  const counts = { crashes: [], joins: 0 }
  let coordinator = null
  consumer.on(consumer.events.CRASH, ({ payload }) => counts.crashes.push(payload.error.message))
  consumer.on(consumer.events.GROUP_JOIN, () => counts.joins++)
  consumer.on(consumer.events.REQUEST, ({ payload }) => {
    if (payload.apiName === 'Heartbeat') coordinator = payload.broker
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      const number = Number(message.value)
      seen.set(number, (seen.get(number) ?? 0) + 1)
    },
  })
  /** Node id of the group's coordinator. */
  const findCoordinator = async () => {
    await waitFor(() => coordinator, { deadline: 30_000, message: 'a heartbeat' })
    return brokers.indexOf(coordinator) + 1
  }
  return { consumer, seen, counts, logs, findCoordinator }
}

const allArrive = async ({ acknowledged }, seen) => {
  await waitFor(() => acknowledged.every(number => seen.has(number)), {
    deadline: 60_000,
    message: 'all that was acknowledged',
  })
}

const reached = async ({ acknowledged }, count) => {
  await waitFor(() => acknowledged.length >= count, { deadline: 60_000, message: `${count} sent` })
}

let cluster

before(async () => {
  cluster = await startThree()
})

after(() => cluster?.stop())

for (const { signal, victims } of [
  { signal: 'SIGKILL', victims: ['the coordinator', 'a leader'] },
  { signal: 'restart', victims: ['the coordinator'] },
]) {
  test(`${signal} of ${victims.join(', then of ')}`, { timeout: 240_000 }, async t => {
    const topic = await createTopic(uniqueTopic(), { partitions: PARTITIONS, on: cluster.brokers })
    const member = await startMember(t, cluster.brokers, topic, uniqueGroup())
    const sender = await startSending(cluster.brokers, topic)
    t.after(() => sender.stop())
    const coordinator = await member.findCoordinator()
    // Each node leads two of the six partitions.
    const nodes = { 'the coordinator': coordinator, 'a leader': (coordinator % 3) + 1 }
    for (const node of victims.map(victim => nodes[victim])) {
      await reached(sender, sender.acknowledged.length + SOME)
      if (signal === 'SIGKILL') await cluster.kill(node)
      else await cluster.restart(node)
      await reached(sender, sender.acknowledged.length + SOME)
      if (signal === 'SIGKILL') await cluster.restart(node)
    }
    await sender.stop()
    await allArrive(sender, member.seen)
    assert.deepEqual(member.counts.crashes, [])
    // The membership outlives its coordinator.
    assert.equal(member.counts.joins, 1)
  })
}

test('the only node restarts: the consumer comes back', { timeout: 120_000 }, async t => {
  const single = await startSingle()
  t.after(() => single.stop())
  const topic = await createTopic(uniqueTopic(), { partitions: PARTITIONS, on: single.brokers })
  const member = await startMember(t, single.brokers, topic, uniqueGroup())
  const sender = await startSending(single.brokers, topic)
  t.after(() => sender.stop())
  await reached(sender, 200)
  await single.restart(1)
  await reached(sender, 400)
  await sender.stop()
  await allArrive(sender, member.seen)
})
