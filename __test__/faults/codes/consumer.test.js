'use strict'

/**
 * Every retriable error code, once, in every answer that a consumer reads: it goes on, loses nothing, and does not go round
 * in circles. What kafkajs would not try again is refused as it does: `subscribe` rejects, or the consumer crashes and
 * starts again.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const {
  createTopic,
  startSingle,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
  withAdmin,
} = require('../../harness')
const { RETRIABLE, startInjector } = require('./injector')

const API = {
  Fetch: 1,
  ListOffsets: 2,
  Metadata: 3,
  OffsetCommit: 8,
  OffsetFetch: 9,
  FindCoordinator: 10,
  JoinGroup: 11,
  Heartbeat: 12,
  LeaveGroup: 13,
  SyncGroup: 14,
}
/** What a coordinator may say: tried again. It has no reason for the other codes, and a group is not joined by guessing. */
const OF_COORDINATORS = [
  'GROUP_LOAD_IN_PROGRESS',
  'GROUP_COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR_FOR_GROUP',
]
const NOTHING = () => ({ rejections: [], crashes: [] })
const restarts = ({ type }) => ({
  rejections: [],
  crashes: OF_COORDINATORS.includes(type) ? [] : [`${type}, restart: true`],
})
const refusesToSubscribe = ({ type }) => ({
  rejections: type === 'LEADER_NOT_AVAILABLE' ? [] : [type],
  crashes: [],
})
const PLACES = [
  ['Metadata', 'topic', refusesToSubscribe],
  ['Metadata', 'partition', NOTHING],
  ['FindCoordinator', 'answer', NOTHING],
  ['JoinGroup', 'answer', restarts],
  ['SyncGroup', 'answer', restarts],
  ['OffsetFetch', 'partition', NOTHING],
  ['ListOffsets', 'partition', NOTHING],
  ['Fetch', 'session', NOTHING],
  ['Fetch', 'partition', NOTHING],
  ['Heartbeat', 'answer', restarts],
  ['OffsetCommit', 'partition', NOTHING],
  ['LeaveGroup', 'answer', NOTHING],
]
const RETRY = { initialRetryTime: 5, maxRetryTime: 50, retries: 8 }
const DEADLINE_MS = 30_000
/** Groups at a time. */
const AT_ONCE = 8
/** A second's worth of fetches, heartbeats and commits has a few dozen; going round in circles, thousands. */
const MOST_ANSWERS = 300

let cluster
let producer
before(async () => {
  cluster = await startSingle()
  const { Kafka, logLevel } = subject.load()
  producer = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
})
after(async () => {
  await producer?.disconnect()
  await cluster?.stop()
})

/**
 * Consumes with one code in one answer, to the end.
 *
 * @returns {Promise<{ answers: number, news: { rejections: string[], crashes: string[] } }>} answers: how many it took
 */
async function consume(topic, { apiKey, place, code, type }) {
  const { Kafka, logLevel } = subject.load()
  const [broker] = cluster.brokers
  const injector = await startInjector(broker)
  const kafka = new Kafka({
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    retry: RETRY,
    socketFactory: injector.socketFactory,
  })
  const groupId = uniqueGroup()
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 100, maxWaitTimeInMs: 100 })
  const news = NOTHING()
  const seen = new Map()
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart } }) => {
    news.crashes.push(`${error.type}, restart: ${restart}`)
  })
  const subscribe = () => consumer.subscribe({ topic, fromBeginning: true })
  const has = value =>
    waitFor(() => seen.has(value), { deadline: DEADLINE_MS, message: `${type}: ${value}` })
  try {
    injector.inject(apiKey, place, code)
    await consumer.connect()
    await subscribe().catch(error => {
      news.rejections.push(error.type)
      return subscribe()
    })
    await consumer.run({
      autoCommitThreshold: 1,
      eachMessage: async ({ message }) => seen.set(`${message.value}`, Number(message.offset)),
    })
    await has('first')
    if (apiKey !== API.LeaveGroup) {
      await waitFor(injector.told, { deadline: DEADLINE_MS, message: `${type} to be told` })
    }
    await producer.send({ topic, messages: [{ value: type }] })
    await has(type)
  } finally {
    await within(DEADLINE_MS, consumer.disconnect(), `${type}: disconnect`)
    await injector.close()
  }
  assert.ok(injector.told(), `${type} was never told`)
  const [{ partitions }] = await withAdmin([broker], admin =>
    admin.fetchOffsets({ groupId, topics: [topic] })
  )
  assert.ok(Number(partitions[0].offset) > seen.get(type), `${type}: ${partitions[0].offset}`)
  return { answers: injector.answers(), news }
}

for (const [api, place, expected] of PLACES) {
  test(`${api}, ${place}`, { timeout: 120_000 }, async t => {
    const topic = await createTopic(uniqueTopic(), { on: cluster.brokers })
    await producer.send({ topic, messages: [{ value: 'first' }] })
    const left = [...RETRIABLE]
    const news = {}
    let most = 0
    const work = async () => {
      for (let next = left.shift(); next; next = left.shift()) {
        const result = await consume(topic, { ...next, apiKey: API[api], place })
        news[next.type] = result.news
        most = Math.max(most, result.answers)
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, work))
    t.diagnostic(`${most} answers at most`)
    assert.deepEqual(news, Object.fromEntries(RETRIABLE.map(row => [row.type, expected(row)])))
    assert.ok(most <= MOST_ANSWERS, `${most} answers`)
  })
}
