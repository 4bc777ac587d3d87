'use strict'

/** kafka.admin() itself: members, connecting, events. Sections 5 and 9 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { brokers, contract, subject, uniqueTopic, waitFor } = require('../harness')
const { errorOf } = require('../contract/observe')
const { outcomeOf } = require('./outcome')

contract('admin: own members, in order', { partitions: 0 }, async ({ kafka, record }) => {
  const admin = kafka().admin()
  record('keys', Object.keys(admin))
  record('events', Object.entries(admin.events))
  record('logger', Object.keys(admin.logger()))
  record('unknown event', await errorOf(() => admin.on('admin.nothing', () => {})))
})

contract(
  'admin: connect and disconnect resolve undefined and emit',
  { partitions: 0 },
  async context => {
    const { kafka, record, recordEvents } = context
    const admin = kafka().admin()
    const { CONNECT, DISCONNECT } = admin.events
    recordEvents(admin, [CONNECT, DISCONNECT], ({ type, payload }) => [type, payload])

    record('connect', await admin.connect())
    record('connect', await admin.connect())
    record('disconnect', await admin.disconnect())
    record('disconnect', await admin.disconnect())
    record('connect', await admin.connect())
    record('disconnect', await admin.disconnect())
  }
)

contract(
  'admin: no call needs connect, and none emits it',
  async ({ kafka, topic, record, recordEvents }) => {
    const admin = kafka().admin()
    recordEvents(admin, [admin.events.CONNECT])
    record('result', (await admin.listTopics()).includes(topic))
    const parallel = await Promise.all(
      [1, 2, 3].map(() => kafka().admin().fetchTopicOffsets(topic))
    )
    record('in parallel', parallel)
  }
)

contract('admin: REQUEST events', { partitions: 0 }, async ({ kafka, record }) => {
  const admin = kafka({ clientId: 'observed' }).admin()
  const seen = []
  const stop = admin.on(admin.events.REQUEST, event => seen.push(event))
  await admin.listGroups()
  await waitFor(() => seen.some(({ payload }) => payload.apiName === 'ListGroups'))
  stop()
  const { type, payload } = seen.find(event => event.payload.apiName === 'ListGroups')
  record('type', type)
  record('keys', Object.keys(payload).sort())
  record('payload', [payload.apiName, payload.apiKey, payload.clientId])
  const before = seen.length
  await admin.listGroups()
  record('removed', seen.length === before)
})

contract('admin: nobody listens at the brokers', { partitions: 0 }, async ({ kafka, record }) => {
  const settings = { brokers: ['127.0.0.1:1'], retry: { retries: 1, initialRetryTime: 10 } }
  record('connect', await outcomeOf(() => kafka(settings).admin().connect()))
  record('listTopics', await outcomeOf(() => kafka(settings).admin().listTopics()))
})

contract('admin: what is wrong with the brokers', { partitions: 0 }, async ({ kafka, record }) => {
  for (const broken of [undefined, [], [1]]) {
    const admin = kafka({ brokers: broken }).admin()
    record('connect', await outcomeOf(() => admin.connect()))
    record('listTopics', await outcomeOf(() => admin.listTopics()))
  }
})

test('disconnect waits for calls that are under way', { skip: standIn() }, async () => {
  const { Kafka, logLevel } = subject.load()
  const admin = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  const created = admin.createTopics({ topics: [{ topic: uniqueTopic() }] })
  await admin.disconnect()
  assert.equal(await created, true)
  await admin.disconnect()
})

test('a call after disconnect connects again', { skip: standIn() }, async () => {
  const { Kafka, logLevel } = subject.load()
  const admin = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  await admin.disconnect()
  assert.ok((await admin.describeCluster()).brokers.length > 0)
  await admin.disconnect()
})

test('the stack of a rejection has the frame of the caller', async () => {
  const { Kafka, logLevel } = subject.load()
  const admin = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING }).admin()
  try {
    const theCaller = async () => {
      await admin.fetchTopicMetadata({ topics: [uniqueTopic('missing')] })
    }
    const { stack } = await errorOf(theCaller)
    assert.match(stack, /at async theCaller /)
  } finally {
    await admin.disconnect()
  }
})

function standIn() {
  return subject.isStandIn && 'kafkajs does otherwise'
}
