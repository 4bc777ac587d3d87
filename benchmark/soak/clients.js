'use strict'

/**
 * The process under test: producers that send numbered messages at a steady pace, two groups whose members come and go,
 * and what the process needs meanwhile, told to its parent once a second.
 *
 * Messages in: `{ drain: true }` ends the sending. Messages out: `{ ready }`, `{ sample }`, `{ end }`.
 */

const fs = require('node:fs')
const { monitorEventLoopDelay } = require('node:perf_hooks')
const { Kafka, logLevel } = require('../..')
const Ledger = require('./ledger')

const settings = JSON.parse(process.argv[2])

const SAMPLE_MS = 1000
const MB = 1 << 20
/** A new member for an old one, so often in each group. */
const TURNOVER_MS = 15_000
const MEMBERS = 3
const PRODUCERS = 2
const PER_SEND = 10
/** Pause of a producer between sends: with the above about 400 messages a second. */
const SEND_PAUSE_MS = 50
const GROUPS = ['each-message', 'each-batch']
/** What brokers that die for a while ask of a client. */
const PATIENCE = { retries: 100, initialRetryTime: 100, maxRetryTime: 2000 }

const ledger = new Ledger(GROUPS)
const counts = { crashes: 0, restarts: 0, rejections: 0, sendErrors: 0, joins: 0, stallWarnings: 0 }
const filler = 'x'.repeat(200)
let isSending = true

process.on('unhandledRejection', error => {
  counts.rejections++
  process.send({ trouble: `unhandled rejection: ${error?.stack ?? error}` })
})

const sleep = milliseconds =>
  new Promise(resolve => {
    setTimeout(resolve, milliseconds)
  })

const makeKafka = () =>
  new Kafka({
    clientId: 'soak',
    brokers: settings.brokers,
    retry: PATIENCE,
    requestTimeout: 10_000,
    logLevel: logLevel.WARN,
    logCreator: () => entry => {
      if (/has given none for/.test(entry.log.message)) counts.stallWarnings++
    },
  })

async function produce() {
  const producer = makeKafka().producer({ idempotent: true, maxInFlightRequests: 5 })
  await producer.connect()
  while (isSending) {
    const numbers = Array.from({ length: PER_SEND }, () => ledger.number())
    const messages = numbers.map(number => ({ key: `${number}`, value: `${number} ${filler}` }))
    try {
      await producer.send({ topic: settings.topic, messages })
      const now = performance.now()
      for (const number of numbers) ledger.acknowledge(number, now)
    } catch {
      counts.sendErrors++
    }
    await sleep(SEND_PAUSE_MS)
  }
  await producer.disconnect()
}

const numberOf = message => Number.parseInt(message.value.toString('latin1', 0, 12), 10)

const HANDLERS = {
  'each-message': {
    partitionsConsumedConcurrently: 2,
    eachMessage: async ({ message }) => ledger.handle('each-message', numberOf(message)),
  },
  'each-batch': {
    eachBatch: async ({ batch, resolveOffset }) => {
      for (const message of batch.messages) {
        ledger.handle('each-batch', numberOf(message))
        resolveOffset(message.offset)
      }
    },
  },
}

async function startMember(group) {
  const consumer = makeKafka().consumer({
    groupId: `${settings.topic}-${group}`,
    sessionTimeout: settings.sessionTimeout,
    rebalanceTimeout: settings.sessionTimeout,
    heartbeatInterval: 1000,
    maxWaitTimeInMs: 500,
    retry: PATIENCE,
  })
  consumer.on(consumer.events.GROUP_JOIN, () => counts.joins++)
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    counts.crashes++
    if (payload.restart) counts.restarts++
    process.send({ trouble: `crash: ${payload.error.message}` })
  })
  await consumer.subscribe({ topics: [settings.topic], fromBeginning: true })
  await consumer.run(HANDLERS[group])
  return consumer
}

/** Members come and go until the end; gives what ends it. */
async function runGroup(group) {
  const members = []
  while (members.length < MEMBERS) members.push(await startMember(group))
  let ended
  const ending = new Promise(resolve => {
    ended = resolve
  })
  const turnover = (async () => {
    while (true) {
      const isOver = await Promise.race([sleep(TURNOVER_MS), ending])
      if (isOver) break
      const joins = startMember(group)
      await members.shift().disconnect()
      members.push(await joins)
    }
  })()
  return async () => {
    ended(true)
    await turnover
    await Promise.all(members.map(member => member.disconnect()))
  }
}

const status = name => {
  const [, value] = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(
    fs.readFileSync('/proc/self/status', 'utf8')
  )
  return Number(value)
}

/** Samples until it is called. */
function startSampling() {
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  const startedAt = performance.now()
  const timer = setInterval(() => {
    const now = performance.now()
    const { heapUsed, heapTotal } = process.memoryUsage()
    process.send({
      sample: {
        seconds: (now - startedAt) / 1000,
        rss: status('VmRSS') / 1024,
        heap: heapTotal / MB,
        heapUsed: heapUsed / MB,
        threads: status('Threads'),
        descriptors: fs.readdirSync('/proc/self/fd').length,
        handles: process.getActiveResourcesInfo().length,
        delayP99: delay.percentile(99) / 1e6,
        delayMax: delay.max / 1e6,
        acknowledged: ledger.acknowledged,
        lag: Object.fromEntries(GROUPS.map(group => [group, ledger.lag(group, now)])),
      },
    })
    delay.reset()
  }, SAMPLE_MS)
  return () => clearInterval(timer)
}

async function waitUntilDrained() {
  const deadline = performance.now() + settings.drainMs
  while (performance.now() < deadline) {
    if (GROUPS.every(group => ledger.lag(group, performance.now()) === 0)) return
    await sleep(100)
  }
}

async function main() {
  const drain = new Promise(resolve => process.once('message', resolve))
  const endings = await Promise.all(GROUPS.map(runGroup))
  process.send({ ready: true })
  const stopSampling = startSampling()
  const producing = Array.from({ length: PRODUCERS }, produce)
  await drain
  isSending = false
  await Promise.all(producing)
  await waitUntilDrained()
  stopSampling()
  await Promise.all(endings.map(end => end()))
  process.send({ end: { counts, acknowledged: ledger.acknowledged, groups: ledger.totals() } })
  process.disconnect()
}

main()
