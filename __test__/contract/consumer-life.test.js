'use strict'

/** Contract 4.1 to 4.3 and 4.10 to 4.12: what the other files about a consumer's life leave out. */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { contract, createTopic, uniqueTopic, waitFor, within, withAdmin } = require('../harness')
const { SHORT_POLL, errorOf, linesOf } = require('./observe')
const { TOPIC, consumeScripted, makeScripted, serve } = require('./scriptedConsumer')
const { ours } = require('../consumer/scene')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }
const STAY_DOWN = { restartOnFailure: async () => false }

async function send({ kafka }, topic, count = 1) {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: Array.from({ length: count }, (_, index) => ({ value: `v${index}`, partition: 0 })),
  })
  await producer.disconnect()
}

const makeConsumer = ({ kafka, group }, options = {}, settings = {}) =>
  kafka(settings).consumer({ groupId: group, ...SHORT_POLL, ...options })

const crashOf = consumer =>
  new Promise(resolve => consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload)))

describe('the life of a consumer', { concurrency: 6 }, () => {
  for (const [name, retry] of [
    ['left out: 5 retries', undefined],
    ['{}: those of the client', {}],
  ]) {
    contract(`4.1 retry ${name}`, NO_TOPIC, async context => {
      const { record } = context
      const settings = { retry: { retries: 1, initialRetryTime: 10, ...STAY_DOWN } }
      let calls = 0
      const eachMessage = async () => {
        calls++
        throw new Error('no luck')
      }
      const options = { retry, settings, run: { eachMessage } }
      const { seen } = await consumeScripted(context, { fetch: serve(1) }, options)
      const { error } = await within(30_000, seen.crashed, 'CRASH')
      record('calls', calls)
      record('crash', [error.name, error.retryCount])
    })
  }

  contract('4.2 after stop another topic can be added, the first is remembered', async context => {
    const { topic, record } = context
    const other = await createTopic(uniqueTopic('other'))
    const seen = []
    const eachMessage = async payload => seen.push(payload.topic === topic ? 'first' : 'other')
    const consumer = makeConsumer(context)
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage })
    await consumer.stop()
    await consumer.subscribe({ topic: other, fromBeginning: true })
    await send(context, topic)
    await send(context, other)
    await consumer.run({ eachMessage })
    await waitFor(() => seen.length === 2, DEADLINE)
    record('seen', seen.sort())
  })

  const ONE_BACK_OFF = {
    reason: 'one back-off, not two in each other',
    kafkajs: [['KafkaJSNonRetriableError', false]],
    ours: [['KafkaJSNumberOfRetriesExceeded', false]],
  }

  contract(
    '4.2 describeGroup when no broker answers',
    { ...NO_TOPIC, differences: { error: ONE_BACK_OFF } },
    async context => {
      const settings = { brokers: ['127.0.0.1:1'], retry: { retries: 1, initialRetryTime: 10 } }
      const consumer = makeConsumer(
        context,
        { retry: { retries: 1, initialRetryTime: 10 } },
        settings
      )
      const error = await errorOf(() => consumer.describeGroup())
      context.record('error', [error.name, error.retriable])
    }
  )

  contract('4.3 an unknown topic is made, and consumed all the same', NO_TOPIC, async context => {
    const { topic, record } = context
    const consumer = makeConsumer(context)
    const failure = await consumer.subscribe({ topic, fromBeginning: true }).then(
      () => null,
      error => error
    )
    record('first', failure && [failure.name, failure.type])
    await waitFor(() => send(context, topic).then(() => true), DEADLINE)
    const seen = []
    await consumer.run({ eachMessage: async payload => seen.push(payload.topic) })
    await waitFor(() => seen.length > 0, DEADLINE)
    record('seen', seen[0])
  })

  contract('4.3 a pattern matches internal topics as well', NO_TOPIC, async context => {
    const isThere = admin => async () => {
      // The first question for a coordinator makes it.
      await admin.fetchOffsets({ groupId: context.group })
      return (await admin.listTopics()).includes('__consumer_offsets')
    }
    await withAdmin(undefined, admin => waitFor(isThere(admin), DEADLINE))
    const consumer = makeConsumer(context)
    let assigned
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      assigned = Object.keys(payload.memberAssignment)
    })
    await consumer.subscribe({ topic: /^__consumer_offsets$/ })
    await consumer.run({ eachMessage: async () => {} })
    await waitFor(() => assigned, DEADLINE)
    context.record('assigned', assigned)
  })

  contract('4.10 pauses end with a crash that restarts', NO_TOPIC, async context => {
    const { record } = context
    const other = [{ topic: TOPIC, partitions: [1] }]
    let calls = 0
    const eachMessage = async () => {
      calls++
      if (calls > 1) return
      consumer.pause(other)
      record('paused', consumer.paused())
      throw new Error('once')
    }
    const { consumer, start } = await makeScripted(
      context,
      { partitions: 2, fetch: ask => (ask.partition === 0 ? serve(1)(ask) : {}) },
      {
        maxWaitTimeInMs: 50,
        retry: { retries: 0, initialRetryTime: 50 },
        run: { eachMessage },
      }
    )
    const crashed = crashOf(consumer)
    let joins = 0
    consumer.on(consumer.events.GROUP_JOIN, () => joins++)
    await start()
    record('restart', (await within(30_000, crashed, 'CRASH')).restart)
    await waitFor(() => joins === 2 && calls === 2, DEADLINE)
    record('after', consumer.paused())
  })

  contract('4.11 a new member is given its id, and joins again at once', async context => {
    const { topic, record } = context
    const consumer = makeConsumer(context)
    const requests = []
    consumer.on(consumer.events.REQUEST, ({ payload }) => {
      if (['JoinGroup', 'SyncGroup'].includes(payload.apiName)) requests.push(payload.apiName)
    })
    let joins = 0
    consumer.on(consumer.events.GROUP_JOIN, () => joins++)
    await consumer.subscribe({ topic })
    await consumer.run({ eachMessage: async () => {} })
    await waitFor(() => joins === 1 && requests.includes('SyncGroup'), DEADLINE)
    record('requests', requests)
  })

  contract(
    '4.11 RoundRobinAssigner counts through all topics',
    { partitions: 3 },
    async context => {
      const { topic, record } = context
      const other = await createTopic(uniqueTopic('a-second'), { partitions: 3 })
      context.mask(other, '<other>')
      const shares = new Map()
      const start = async () => {
        const consumer = makeConsumer(context, { heartbeatInterval: 100 })
        let mine
        consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
          shares.delete(mine)
          mine = payload.memberId
          shares.set(mine, payload.memberAssignment)
        })
        await consumer.subscribe({ topics: [topic, other] })
        await consumer.run({ eachMessage: async () => {} })
      }
      await start()
      await start()
      const count = share => Object.values(share).flat().length
      await waitFor(() => [...shares.values()].map(count).join() === '3,3', DEADLINE)
      const byMember = [...shares].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, share]) => share)
      record(
        'shares, by member id',
        byMember.map(share => [share[topic] ?? [], share[other] ?? []])
      )
    }
  )

  contract('4.11 topics nobody here subscribed to', { partitions: 2 }, async context => {
    const { topic, record } = context
    const other = await createTopic(uniqueTopic('other'), { partitions: 1 })
    context.mask(other, '<other>')
    const leader = makeConsumer(context, { heartbeatInterval: 100 })
    await leader.subscribe({ topic })
    await leader.run({ eachMessage: async () => {} })
    const follower = makeConsumer(context, { heartbeatInterval: 100 })
    const reports = []
    const assigned = []
    follower.on(follower.events.RECEIVED_UNSUBSCRIBED_TOPICS, ({ payload }) =>
      reports.push(payload)
    )
    follower.on(follower.events.GROUP_JOIN, ({ payload }) =>
      assigned.push(payload.memberAssignment)
    )
    await follower.subscribe({ topic: other })
    await follower.run({ eachMessage: async () => {} })
    await waitFor(() => reports.length > 0 && assigned.length > 0, DEADLINE)
    const { memberId: _, generationId, ...report } = reports[0]
    record('keys', Object.keys(reports[0]))
    record('report', { ...report, generationId: typeof generationId })
    record('assigned', assigned[0])
    record('lines', linesOf(context, 'Consumer group received unsubscribed').slice(0, 1))
  })

  contract(
    '4.11 a rebalance tells commits, REBALANCING, GROUP_JOIN',
    { partitions: 2 },
    async context => {
      const { topic, record } = context
      const options = { heartbeatInterval: 100 }
      const consumer = makeConsumer(context, options)
      const events = []
      for (const name of ['REBALANCING', 'GROUP_JOIN']) {
        consumer.on(consumer.events[name], ({ type, payload }) => {
          events.push([type, Object.keys(payload)])
        })
      }
      await consumer.subscribe({ topic })
      await consumer.run({ eachMessage: async () => {} })
      const other = makeConsumer(context, options)
      await other.subscribe({ topic })
      await other.run({ eachMessage: async () => {} })
      await waitFor(() => events.length >= 3, DEADLINE)
      record('events', events.slice(0, 3))
    }
  )

  for (const [name, makeError] of [
    ['ReferenceError', () => new ReferenceError('a bug')],
    ['SyntaxError', () => new SyntaxError('a bug')],
    [
      'an Error that is not retriable',
      () => Object.assign(new Error('stop'), { retriable: false }),
    ],
  ]) {
    contract(
      `4.12 eachMessage throws ${name}: no restart; the consumer can run again`,
      NO_TOPIC,
      async context => {
        const { record } = context
        const topic = TOPIC
        const seen = []
        let fails = true
        const eachMessage = async ({ message }) => {
          if (fails) throw makeError()
          seen.push(message.offset)
        }
        const { consumer, seen: life } = await consumeScripted(
          context,
          { fetch: serve(2) },
          { run: { eachMessage } }
        )
        const { error, restart } = await within(30_000, life.crashed, 'CRASH')
        record('crash', [error.name, error.message, error.cause?.name, restart])
        const target = { topic, partition: 0, offset: '0' }
        record('commitOffsets', await errorOf(() => consumer.commitOffsets([target])))
        record('seek', await errorOf(() => consumer.seek(target)))
        record('pause', await errorOf(() => consumer.pause([{ topic }])))
        record('paused', consumer.paused())
        fails = false
        await consumer.run({ eachMessage })
        await waitFor(() => seen.length === 2, DEADLINE)
        record('seen', seen)
      }
    )
  }

  contract(
    '4.12 restarts are unlimited, each with CONNECT and GROUP_JOIN',
    NO_TOPIC,
    async context => {
      let failures = 4
      let done = false
      const { consumer, start } = await makeScripted(
        context,
        { fetch: serve(1) },
        {
          maxWaitTimeInMs: 50,
          retry: { retries: 0, initialRetryTime: 20 },
          run: {
            eachMessage: async () => {
              if (failures-- > 0) throw new Error('not yet')
              done = true
            },
          },
        }
      )
      const { CONNECT, GROUP_JOIN, CRASH } = consumer.events
      const events = []
      for (const name of [CONNECT, GROUP_JOIN, CRASH]) {
        consumer.on(name, ({ type }) => events.push(type))
      }
      await start()
      await waitFor(() => done, { deadline: 40_000 })
      // Now and then what is left of a run of kafkajs crashes once more.
      const count = name => events.filter(type => type === name).length
      context.record('crashes', count(CRASH) >= 4)
      context.record('begun anew', [count(CONNECT) >= 5, count(GROUP_JOIN) >= 5])
    }
  )

  contract('4.12 a failing eachBatch is logged, an error of the library is not', async context => {
    const { topic, record, kafkajs } = context
    await send(context, topic)
    const consumer = makeConsumer(context, { retry: { retries: 5, initialRetryTime: 10 } })
    const errors = [new Error('of the program'), new kafkajs.KafkaJSError('of the library')]
    let done = false
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachBatch: async () => {
        if (errors.length > 0) throw errors.shift()
        done = true
      },
    })
    await waitFor(() => done, DEADLINE)
    record('lines', linesOf(context, 'Error when calling'))
  })

  // On kafkajs a TypeError ends its crash handler, and with it the process: nobody hears of the crash.
  test('4.12 restartOnFailure that gives no promise: its answer counts', async t => {
    const { kafka, topic, group } = await ours(t)
    await send({ kafka }, topic)
    const asked = []
    const restartOnFailure = error => {
      asked.push(error.name)
      return false
    }
    const consumer = kafka().consumer({
      groupId: group,
      ...SHORT_POLL,
      retry: { retries: 0, initialRetryTime: 20, restartOnFailure },
    })
    const crashed = crashOf(consumer)
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        throw new Error('no luck')
      },
    })
    const { restart } = await within(30_000, crashed, 'CRASH')
    assert.deepEqual([asked, restart], [['KafkaJSNumberOfRetriesExceeded'], false])
  })
})
