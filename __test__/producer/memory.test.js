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

/** A broker that takes at most some thousand messages a second. */
async function slowBroker(t) {
  const broker = await startScriptedBroker({
    topics: { t: 4 },
    keep: false,
    produce: async () => {
      await new Promise(resolve => setTimeout(resolve, 20))
      return 0
    },
  })
  t.after(() => broker.close())
  return broker
}

for (const [name, load] of Object.entries({
  '100 messages a call': { calls: 1000, messages: 100, outstanding: 200 },
  '1 message a call': { calls: 50_000, messages: 1, outstanding: 1000 },
})) {
  test(`1 KB messages faster than the broker takes them, ${name}`, async t => {
    const maxBufferedBytes = 4 * MB
    const { brokers: addresses } = await slowBroker(t)
    const { before, early, late } = await push({
      ...load,
      brokers: addresses,
      topic: 't',
      options: { maxBufferedBytes },
      acks: -1,
      bytes: 1024,
    })
    const grown = Math.max(early, late) - before
    t.diagnostic(`grew by ${megabytes(grown)} over ${megabytes(before)}`)
    assert.ok(grown <= maxBufferedBytes + MARGIN, `grew by ${megabytes(grown)}`)
  })
}

const ACKS_0_SENDS = Number(process.env.PRODUCER_ACKS_0_SENDS ?? 300_000)

test('300,000 sends with acks 0: all in the log, and memory stays where it was', async t => {
  const topic = await createTopic(uniqueTopic())
  const { early, late, sent } = await push({
    brokers: await brokers(),
    topic,
    options: {},
    acks: 0,
    calls: ACKS_0_SENDS,
    messages: 1,
    bytes: 10,
    outstanding: 1000,
  })
  // An entry of 120 bytes for each, until its connection is retired after 100,000, is the most that may vary.
  t.diagnostic(`first fifth: ${megabytes(early)}, then: ${megabytes(late)}`)
  assert.ok(late - early < 48 * MB, `grew by ${megabytes(late - early)}`)
  await waitFor(async () => (await endOffsets(topic))[0] === sent, {
    deadline: 30_000,
    message: 'every message in the log',
  })
})
