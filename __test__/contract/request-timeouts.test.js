'use strict'

/** Contract 7.3 and 7.4: how long requests may take, and throttling. */

const { describe } = require('node:test')
const { setTimeout: passed } = require('node:timers/promises')
const { contract, waitFor, within } = require('../harness')
const { API } = require('../harness/wire')
const { startScriptedBroker } = require('../producer/scriptedBroker')
const { counted } = require('./countedSockets')
const { startLoginPeer } = require('./loginPeer')
const { errorOf } = require('./observe')
const { makeScripted } = require('./scriptedConsumer')

/** They mostly wait. */
const NO_TOPIC = { partitions: 0, concurrent: true }
const ONCE_MORE = { initialRetryTime: 10, retries: 1 }

/** An answer to Fetch without records that is given at once: it names a replica, the usual way to say there is none. */
const NOTHING = { replica: -1 }

async function scripted(context, produce, settings) {
  const broker = await startScriptedBroker({ topics: { t: 1 }, produce, concurrent: true })
  context.onEnd(() => broker.close())
  const { sockets, socketFactory } = counted()
  const options = { brokers: broker.brokers, socketFactory, retry: ONCE_MORE, ...settings }
  const producer = context.kafka(options).producer()
  const [events, timeouts] = [[], []]
  producer.on(producer.events.REQUEST_TIMEOUT, event => {
    events.push(event)
    timeouts.push(event.payload.apiName)
  })
  await producer.connect()
  const send = () => producer.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
  return { broker, sockets, send, events, timeouts }
}

const CLOSED = {
  reason: 'ours closes a connection on which a request timed out: what hangs once hangs again',
}

describe('how long requests may take', { concurrency: 8 }, () => {
  contract(
    '7.3 the text of a request that timed out, and when it does',
    NO_TOPIC,
    async context => {
      const settings = { requestTimeout: 2000, retry: { retries: 0 } }
      const { send, events } = await scripted(context, () => 'silence', settings)
      const error = await errorOf(send)
      const { message, retriable } = error.cause
      context.record('error', [error.message, message, retriable])
      const [{ timestamp, payload }] = events
      const took = timestamp - payload.sentAt
      context.record('not before', took >= 2000)
      // Looked for every 100 ms.
      context.record('soon after', took < 7000)
    }
  )

  contract('7.3 enforceRequestTimeout false: any time is enough', NO_TOPIC, async context => {
    const settings = { requestTimeout: 100, enforceRequestTimeout: false }
    const produce = async () => {
      const began = Date.now()
      await waitFor(() => Date.now() > began + 1000, { message: 'ten times the limit' })
      return 0
    }
    const { send, timeouts, broker } = await scripted(context, produce, settings)
    const [{ errorCode }] = await send()
    context.record('sent', errorCode)
    context.record('attempts', broker.attempts.length)
    context.record('timeouts', timeouts)
  })

  contract(
    '7.3 an answer that comes after the timeout',
    {
      ...NO_TOPIC,
      differences: {
        warnings: { ...CLOSED, kafkajs: ['Response without match'] },
        'new connections': { ...CLOSED, kafkajs: [0], ours: [1] },
      },
    },
    async context => {
      let release
      const again = new Promise(resolve => {
        release = resolve
      })
      const produce = async ({ attempt }) => {
        if (attempt === 1) await again
        if (attempt === 2) release()
        return 0
      }
      const { send, sockets, timeouts } = await scripted(context, produce, { requestTimeout: 2000 })
      await send()
      const before = sockets.length
      const [{ errorCode }] = await send()
      context.record('sent', errorCode)
      context.record('timeouts', timeouts)
      context.record('new connections', sockets.length - before)
      const warnings = context.logs.filter(({ namespace }) => namespace === 'RequestQueue')
      for (const { log } of warnings) context.record('warnings', log.message)
    }
  )

  contract('7.3 a fetch may take as long as its long poll', NO_TOPIC, async context => {
    // Far more than the poll takes: kafkajs gives it no more than 100 ms on top.
    const options = { maxWaitTimeInMs: 20_000, settings: { requestTimeout: 1500 } }
    let asked = 0
    const fetch = async () => {
      asked += 1
      await passed(asked === 1 ? 3000 : 50)
      return NOTHING
    }
    const { consumer, start } = await makeScripted(context, { fetch }, options)
    const timeouts = []
    consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => timeouts.push(payload.apiName))
    await start()
    await waitFor(() => asked > 1, { message: 'the second fetch', deadline: 30_000 })
    context.record('timeouts', timeouts)
  })

  for (const [name, { maxWaitTimeInMs, requestTimeout, least }] of Object.entries({
    'maxWaitTimeInMs and 100 ms': { maxWaitTimeInMs: 2500, requestTimeout: 1000, least: 2600 },
    'requestTimeout, if that is more': { maxWaitTimeInMs: 50, requestTimeout: 2500, least: 2500 },
  })) {
    contract(`7.3 a fetch has ${name}`, NO_TOPIC, async context => {
      const timed = { maxWaitTimeInMs, settings: { requestTimeout } }
      const retry = { retries: 0, restartOnFailure: async () => false }
      const script = { fetch: () => 'silence' }
      const { consumer, start } = await makeScripted(context, script, { ...timed, retry })
      const timedOut = new Promise(resolve => {
        consumer.on(consumer.events.REQUEST_TIMEOUT, event => {
          if (event.payload.apiName === 'Fetch') resolve(event)
        })
      })
      await start()
      const { timestamp, payload } = await within(30_000, timedOut, 'REQUEST_TIMEOUT')
      const took = timestamp - payload.sentAt
      context.record('not before', took >= least)
      context.record('soon after', took < least + 10_000)
    })
  }

  contract('7.3 the time begins when a request is written', NO_TOPIC, async context => {
    const THROTTLE_MS = 3500
    const peer = await startLoginPeer({ throttle: THROTTLE_MS })
    context.onEnd(() => peer.close())
    const admin = context.kafka({ brokers: [peer.address], requestTimeout: 1500 }).admin()
    const timeouts = []
    admin.on(admin.events.REQUEST_TIMEOUT, ({ payload }) => timeouts.push(payload.apiName))
    await admin.connect()
    const began = Date.now()
    await admin.listTopics()
    await admin.listTopics()
    context.record('waited', Date.now() - began >= THROTTLE_MS - 500)
    context.record('timeouts', timeouts)
  })

  contract(
    '7.4 a throttle time holds back what comes next on the connection, and only DEBUG tells',
    {
      ...NO_TOPIC,
      differences: {
        line: {
          reason: 'ours names the request whose answer asked for it',
          kafkajs: [['RequestQueue', 'DEBUG', 'Client side throttling in effect for 1500ms']],
          ours: [['Connection', 'DEBUG', 'Metadata throttled by the broker']],
        },
        events: {
          reason: 'ours has no queue of requests; one that waits goes when its time has come',
          kafkajs: [['admin.network.request', 'admin.network.request_queue_size']],
          ours: [['admin.network.request']],
        },
      },
    },
    async context => {
      const THROTTLE_MS = 1500
      const peer = await startLoginPeer({ throttle: THROTTLE_MS })
      context.onEnd(() => peer.close())
      const logLevel = context.kafkajs.logLevel.DEBUG
      const admin = context.kafka({ brokers: [peer.address], logLevel }).admin()
      await admin.connect()
      const heard = new Set()
      for (const name of Object.values(admin.events)) admin.on(name, ({ type }) => heard.add(type))
      await admin.listTopics()
      await admin.listTopics()
      const metadata = peer.seen.filter(({ apiKey }) => apiKey === API.METADATA)
      const [first, second] = metadata
      context.record('waited', second.at - first.at >= THROTTLE_MS - 200)
      context.record('events', [...heard].sort())
      for (const { namespace, label, log } of context.logs) {
        if (/throttl/i.test(log.message)) context.record('line', [namespace, label, log.message])
        if (label !== 'DEBUG') context.record('louder lines', log.message)
      }
    }
  )

  contract(
    '7.4 a throttle time of an answer from before KIP-219',
    {
      ...NO_TOPIC,
      differences: {
        waited: {
          reason:
            'kafkajs leaves it to the broker, which has waited already; ours keeps every throttle time',
          kafkajs: [false],
          ours: [true],
        },
      },
    },
    async context => {
      const THROTTLE_MS = 2000
      const arrivals = []
      const produce = ({ attempt }) => {
        arrivals.push(Date.now())
        return { code: 0, throttle: attempt === 0 ? THROTTLE_MS : 0 }
      }
      const { send } = await scripted(context, produce)
      await send()
      await send()
      const [first, second] = arrivals
      context.record('waited', second - first >= THROTTLE_MS - 200)
    }
  )
})
