'use strict'

/**
 * What a producer holds at most. Each load runs in a process of its own, which reports its resident memory.
 *
 * PRODUCER_ACKS_0_SENDS=10000000 makes the sends with acks 0 as many, default 300,000.
 */

const assert = require('node:assert/strict')
const path = require('node:path')
const test = require('node:test')
const { execFile } = require('node:child_process')
const { promisify } = require('node:util')
const { brokers, createTopic, uniqueTopic, waitFor } = require('../harness')
const { endOffsets } = require('../contract/observe')
const { startScriptedBroker } = require('./scriptedBroker')

const PUSH = path.join(__dirname, 'fixtures', 'push.js')
const MB = 1 << 20
/** What a producer may take beyond `maxBufferedBytes`. */
const MARGIN = 64 * MB

/** @returns {Promise<{ before: number, early: number, late: number, sent: number }>} see fixtures/push.js */
async function push(load) {
  // A small young generation: how large V8 lets it grow is not what is asked here.
  const args = ['--expose-gc', '--max-semi-space-size=4', PUSH, JSON.stringify(load)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 1_200_000 })
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

const megabytes = bytes => `${(bytes / MB).toFixed(1)} MB`

/** @param {() => Promise<void>} pause  before a record batch is stored and the next request read */
async function slowBroker(t, pause) {
  const broker = await startScriptedBroker({
    topics: { t: 4 },
    keep: false,
    produce: async () => {
      await pause()
      return 0
    },
  })
  t.after(() => broker.close())
  return broker
}

const sleep = milliseconds => new Promise(resolve => setTimeout(resolve, milliseconds))

/** At most some thousand messages a second. */
const slowly = () => () => sleep(20)

/** Nothing is read for longer than it takes to fill all there is to fill. */
const stuckAtFirst = () => {
  let begun
  return () => (begun ??= sleep(3000))
}

const MANY = 1000

for (const [name, load] of Object.entries({
  '1 KB, 100 a call': {
    pace: slowly,
    calls: 1000,
    messages: 100,
    bytes: 1024,
    acks: -1,
    outstanding: 200,
  },
  '1 KB, 1 a call': {
    pace: slowly,
    calls: 50_000,
    messages: 1,
    bytes: 1024,
    acks: -1,
    outstanding: MANY,
  },
  // What is kept of each call is many times its message.
  '10 bytes, 1 a call, acks 0': {
    pace: stuckAtFirst,
    options: { maxBufferedBytes: 16 * MB },
    calls: 700_000,
    messages: 1,
    bytes: 10,
    acks: 0,
    outstanding: MANY,
  },
})) {
  test(`messages faster than the broker takes them: ${name}`, async t => {
    const { options = { maxBufferedBytes: 4 * MB }, pace } = load
    const { brokers: addresses } = await slowBroker(t, pace())
    const held = await push({ ...load, options, brokers: addresses, topic: 't' })
    const { before } = held
    const grown = Math.max(held.early, held.late) - before
    t.diagnostic(`grew by ${megabytes(grown)} over ${megabytes(before)}`)
    assert.ok(grown <= options.maxBufferedBytes + MARGIN, `grew by ${megabytes(grown)}`)
  })
}

const ACKS_0_SENDS = Number(process.env.PRODUCER_ACKS_0_SENDS ?? 300_000)

test('300,000 sends with acks 0: all in the log, and memory stays where it was', async t => {
  const topic = await createTopic(uniqueTopic())
  const { early, late, sent } = await push({
    brokers: await brokers(),
    topic,
    options: { maxBufferedBytes: 4 * MB },
    acks: 0,
    calls: ACKS_0_SENDS,
    messages: 1,
    bytes: 10,
    outstanding: 1000,
  })
  // What waits while the broker is slow, and an entry of 120 bytes for each until its connection is retired after
  // 100,000: more may not vary.
  t.diagnostic(`first fifth: ${megabytes(early)}, then: ${megabytes(late)}`)
  assert.ok(late - early < 48 * MB, `grew by ${megabytes(late - early)}`)
  await waitFor(async () => (await endOffsets(topic))[0] === sent, {
    deadline: 30_000,
    message: 'every message in the log',
  })
})
