'use strict'

/** Twelve members, half of them kafkajs', come and go at random: nothing is lost, and nothing is handled twice in peace. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const {
  brokers,
  createTopic,
  reference,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  withAdmin,
} = require('../../harness')

const PARTITIONS = 24
const MEMBERS = 12
/** How long members come and go: CHURN_SECONDS=120 is the long version. */
const SECONDS = Number(process.env.CHURN_SECONDS ?? 20)
/** Sent each time after a member has come or gone. */
const PER_ROUND = 50

/** Same choices in every run. */
const makeRandom = seed => () => {
  seed = (seed * 1103515245 + 12345) % 2 ** 31
  return seed / 2 ** 31
}

const isStable = groupId =>
  withAdmin(undefined, async admin => {
    const { groups } = await admin.describeGroups([groupId])
    return groups[0].state === 'Stable'
  })

test('a mixed group in motion', { timeout: (SECONDS + 240) * 1000 }, async t => {
  const addresses = await brokers()
  const topic = await createTopic(uniqueTopic(), { partitions: PARTITIONS })
  const groupId = uniqueGroup()
  /** By message: during which rest between two rebalances it was handled, and how often. */
  const handled = new Map()
  const crashes = []
  const figures = { rounds: 0, joins: 0, sent: 0, again: 0, doubledInPeace: [] }

  const startMember = async library => {
    const { Kafka } = library.load()
    const kafka = new Kafka({ brokers: addresses, logLevel: 0, clientId: library.name })
    const consumer = kafka.consumer({
      groupId,
      heartbeatInterval: 100,
      sessionTimeout: 10_000,
      rebalanceTimeout: 10_000,
      maxWaitTimeInMs: 100,
      retry: { retries: 20, initialRetryTime: 50 },
    })
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push([library.name, payload.error]))
    // Whoever handles a message again has joined since it was handled first.
    consumer.on(consumer.events.GROUP_JOIN, () => figures.joins++)
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({
      eachMessage: async ({ partition, message }) => {
        const key = `${partition}/${message.offset}`
        const before = handled.get(key)
        if (before !== undefined) {
          figures.again++
          if (before === figures.joins) figures.doubledInPeace.push(`${key} by ${library.name}`)
        }
        handled.set(key, figures.joins)
      },
    })
    return { consumer, library }
  }

  const { Kafka } = reference.load()
  const producer = new Kafka({ brokers: addresses, logLevel: 0 }).producer()
  await producer.connect()
  const members = []
  t.after(async () => {
    await Promise.all(members.map(({ consumer }) => consumer.disconnect()))
    await producer.disconnect()
  })

  const random = makeRandom(7)
  const send = async count => {
    const messages = Array.from({ length: count }, () => ({
      value: `${figures.sent}`,
      partition: figures.sent++ % PARTITIONS,
    }))
    await producer.send({ topic, messages })
  }

  const end = performance.now() + SECONDS * 1000
  while (performance.now() < end) {
    const grows = members.length < 2 || (members.length < MEMBERS && random() < 0.6)
    if (grows) {
      members.push(await startMember(figures.rounds % 2 === 0 ? subject : reference))
    } else {
      const [leaver] = members.splice(Math.floor(random() * members.length), 1)
      await leaver.consumer.disconnect()
    }
    figures.rounds++
    await send(PER_ROUND)
  }
  await waitFor(() => handled.size === figures.sent, {
    deadline: 60_000,
    message: 'all messages',
  })
  t.diagnostic(JSON.stringify({ seconds: SECONDS, ...figures }))
  assert.deepEqual(
    crashes.filter(([name]) => name === subject.name),
    []
  )
  assert.deepEqual(
    figures.doubledInPeace.filter(line => line.endsWith(` ${subject.name}`)),
    []
  )

  // From here on nobody comes or goes: each message is handled once.
  await waitFor(() => isStable(groupId), { deadline: 60_000, message: 'a stable group' })
  const before = { sent: figures.sent, again: figures.again }
  await send(1000)
  await waitFor(() => handled.size === before.sent + 1000, {
    deadline: 60_000,
    message: 'what was sent in peace',
  })
  assert.equal(figures.again, before.again)
})

test('a hundred partitions over ten members, then over one', { timeout: 120_000 }, async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 100 })
  const { Kafka } = subject.load()
  const kafka = new Kafka({ brokers: await brokers(), logLevel: 0 })
  const groupId = uniqueGroup()
  const shares = new Map()
  const members = await Promise.all(
    Array.from({ length: 10 }, async (_, index) => {
      const consumer = kafka.consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 200 })
      t.after(() => consumer.disconnect())
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
        shares.set(index, payload.memberAssignment[topic]?.length ?? 0)
      })
      await consumer.subscribe({ topics: [topic] })
      await consumer.run({ eachMessage: async () => {} })
      return consumer
    })
  )
  const counts = () => [...shares.values()].sort((a, b) => a - b)
  await waitFor(() => counts().length === 10 && counts().every(count => count === 10), {
    deadline: 60_000,
    message: 'ten partitions each',
  })
  await Promise.all(members.slice(1).map(consumer => consumer.disconnect()))
  await waitFor(() => shares.get(0) === 100, { deadline: 60_000, message: 'all for the last one' })
})

test('a thousand partitions on one consumer', { timeout: 120_000 }, async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 1000 })
  const { Kafka } = subject.load()
  const kafka = new Kafka({ brokers: await brokers(), logLevel: 0 })
  const producer = kafka.producer()
  await producer.connect()
  t.after(() => producer.disconnect())
  const consumer = kafka.consumer({ groupId: uniqueGroup() })
  t.after(() => consumer.disconnect())
  const seen = new Set()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => seen.add(`${partition}/${message.offset}`),
  })
  for (let round = 1; round <= 3; round++) {
    const messages = Array.from({ length: 1000 }, (_, partition) => ({ value: 'x', partition }))
    await producer.send({ topic, messages })
    await waitFor(() => seen.size === round * 1000, { deadline: 60_000 })
  }
})
