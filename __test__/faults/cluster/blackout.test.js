'use strict'

/**
 * All brokers are gone for 30 s: who has the patience goes on when they are back, who has not is told in time.
 *
 * FAULT_OUTAGE=1 runs it: on a machine that is busy, brokers that start at once take minutes.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const {
  createTopic,
  startThree,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
} = require('../../harness')
const { RECOVERY_MS, waitForReplicas } = require('../producer/brokers')
const { SESSION_TIMEOUT_MS, startLoad } = require('./load')

const NODES = [1, 2, 3]
const PARTITIONS = 6
const OUTAGE_MS = 30_000
/** Five retries of 300 ms and more, and connections that are refused at once. */
const DEFAULT_PATIENCE_MS = 20_000

let cluster
before(async () => {
  if (process.env.FAULT_OUTAGE !== '1') return
  cluster = await startThree()
})
after(() => cluster?.stop())

/**
 * A consumer with kafkajs' retries: it crashes and starts again, by itself, as a new member. The group lets that in when the
 * session of the old one, which could not leave, has passed.
 */
async function startDefault(t, topic) {
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({
    groupId: uniqueGroup(),
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: SESSION_TIMEOUT_MS,
  })
  t.after(() => within(RECOVERY_MS, consumer.disconnect(), 'the end of the consumer'))
  const crashes = []
  const seen = new Set()
  consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload))
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => seen.add(`${message.value}`) })
  return { crashes, seen }
}

test('all brokers are down for 30 s and come back', {
  timeout: 280_000,
  skip: process.env.FAULT_OUTAGE !== '1' && 'takes minutes: FAULT_OUTAGE=1 runs it',
}, async t => {
  const topic = await createTopic(uniqueTopic(), {
    partitions: PARTITIONS,
    replicationFactor: 3,
    on: cluster.brokers,
  })
  const load = await startLoad(t, cluster, { topic, partitions: PARTITIONS })
  const ordinary = await startDefault(t, topic)
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING })
  const impatient = kafka.producer()
  await impatient.connect()
  t.after(() => within(RECOVERY_MS, impatient.disconnect(), 'the end of the producer'))
  const own = await createTopic(uniqueTopic(), { replicationFactor: 3, on: cluster.brokers })
  const send = value => impatient.send({ topic: own, messages: [{ value }] })
  await send('before')

  await Promise.all(NODES.map(node => cluster.kill(node)))
  const down = performance.now()
  const refused = within(DEFAULT_PATIENCE_MS, send('never'), 'the send of the impatient')
  await assert.rejects(refused, ({ name, message }) => {
    t.diagnostic(`the impatient: ${name} after ${Math.round(performance.now() - down)} ms`)
    assert.match(name, /^KafkaJS(NumberOfRetriesExceeded|ConnectionError)$/)
    return /ECONNREFUSED|Closed connection|ECONNRESET/.test(message)
  })
  await sleep(OUTAGE_MS - (performance.now() - down))
  await Promise.all(NODES.map(node => cluster.restart(node)))
  const up = performance.now()
  await waitForReplicas(cluster, topic)

  await load.goesOn('after the outage', 2 * RECOVERY_MS)
  t.diagnostic(`everything goes on ${Math.round(performance.now() - up)} ms after the last start`)
  load.forgetWaits()
  await load.goesOn('for good')
  await send('after')
  t.diagnostic(await load.finish())
  const crashes = ordinary.crashes.map(({ error, restart }) => `${error}, restart: ${restart}`)
  t.diagnostic(`with kafkajs' retries: ${crashes.join('; ')}`)
  await waitFor(() => [...load.ledger.acknowledged].every(text => ordinary.seen.has(text)), {
    deadline: 2 * RECOVERY_MS,
    message: 'the consumer with defaults to have everything',
  })
  assert.ok(ordinary.crashes.every(({ restart }) => restart))
})
