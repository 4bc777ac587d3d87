'use strict'

/**
 * The contract: one test body runs on kafkajs and on ours, and what it recorded must be the same.
 *
 *     contract('send resolves with one entry per partition', async ({ kafka, topic, record }) => {
 *       const producer = kafka().producer()
 *       await producer.connect()
 *       record('result', await producer.send({ topic, messages: [{ value: 'a' }] }))
 *     })
 *
 * Where we differ on purpose, the test says so, with the reason; it fails when the difference is gone:
 *
 *     contract('a partition that does not exist', {
 *       differences: {
 *         result: {
 *           reason: 'kafkajs drops the message and resolves with []',
 *           kafkajs: [[]],
 *           ours: [{ class: 'KafkaJSNonRetriableError', ... }],
 *         },
 *       },
 *     }, body)
 */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, createTopic } = require('./brokers')
const { reference, subject } = require('./libraries')
const { uniqueGroup, uniqueTopic } = require('./names')
const { Recording } = require('./recording')
const { within } = require('./wait')

const TEST_DEADLINE_MS = 90_000
const CLEANUP_DEADLINE_MS = 15_000

/**
 * @typedef {object} Context  what a body gets
 * @property {'kafkajs' | 'kafkajs-rs'} library  which of the two runs
 * @property {typeof import('kafkajs')} kafkajs  the module under test
 * @property {(options?: object) => import('kafkajs').Kafka} kafka  a client of it on the shared cluster, silent;
 *   what is made by it is disconnected at the end
 * @property {string[]} brokers
 * @property {string} topic  made for this run, with options.partitions partitions
 * @property {string} group
 * @property {(label: string, value: unknown) => void} record  see Recording
 * @property {(client: object, names: string[], pick?: (event: object) => unknown) => void} recordEvents
 *   records a client's instrumentation events under 'events'; pick chooses what of an event, default its type
 * @property {(text: string | number, placeholder: string) => void} mask  see Recording
 * @property {(task: () => unknown) => void} onEnd  runs at the end, last one first, also after a failure
 * @property {{ level: number, label: string, namespace: string, log: object }[]} logs  what clients of kafka() logged
 */

/**
 * @typedef {object} Difference
 * @property {string} reason   why we differ; goes into docs/compatibility.md as well
 * @property {unknown[]} [kafkajs]  what kafkajs records under the label; left out: not checked
 * @property {unknown[]} [ours]     what ours records; left out: not checked
 */

/**
 * Declares a test.
 *
 * @param {string} name
 * @param {object} [options]
 * @param {number} [options.partitions]  of the topic, default 1; 0: the topic is not made
 * @param {Record<string, Difference>} [options.differences]  by label
 * @param {number} [options.timeout]  milliseconds for both runs, default 90000
 * @param {boolean} [options.concurrent]  true: both run at once, for bodies that mostly wait; default false
 * @param {(context: Context) => Promise<void>} body
 */
function contract(name, options, body) {
  if (body === undefined) return contract(name, {}, options)
  const { timeout = TEST_DEADLINE_MS, differences = {}, concurrent = false } = options
  test(name, { timeout }, async t => {
    const first = runBody(reference, options, body, t)
    if (!concurrent) await first
    const [expected, actual] = await Promise.all([first, runBody(subject, options, body, t)])
    compare(expected, actual, subject.isStandIn ? {} : differences)
  })
}

async function runBody(library, { partitions = 1 }, body, t) {
  const topic = uniqueTopic()
  const group = uniqueGroup()
  const recording = new Recording({ [topic]: '<topic>', [group]: '<group>' })
  const cleanups = []
  const logs = []
  const onEnd = task => cleanups.push(task)
  const module = library.load()
  const addresses = await brokers()
  if (partitions > 0) await createTopic(topic, { partitions })

  const context = {
    library: library.name,
    kafkajs: module,
    kafka: (settings = {}) =>
      trackedKafka(module, { brokers: addresses, ...settings }, { logs, onEnd }),
    brokers: addresses,
    topic,
    group,
    record: (label, value) => recording.record(label, value),
    recordEvents: (client, names, pick = event => event.type) => {
      for (const event of names) client.on(event, value => recording.record('events', pick(value)))
    },
    mask: (text, placeholder) => recording.mask(text, placeholder),
    onEnd,
    logs,
  }
  try {
    await body(context)
  } catch (error) {
    for (const entry of logs.slice(-20))
      t.diagnostic(`${library.name} logged ${JSON.stringify(entry)}`)
    throw new Error(`on ${library.name}: ${error.message}`, { cause: error })
  } finally {
    for (const cleanup of cleanups.reverse()) {
      await within(CLEANUP_DEADLINE_MS, cleanup(), `${library.name}: a clean-up`)
    }
  }
  return recording.toObject()
}

/** A Kafka whose clients are disconnected at the end: a client that stays keeps the test process alive. */
function trackedKafka(module, settings, { logs, onEnd }) {
  const kafka = new module.Kafka({
    clientId: 'contract',
    logLevel: module.logLevel.INFO,
    logCreator: () => entry => {
      const { timestamp, logger, ...log } = entry.log
      logs.push({ ...entry, log })
    },
    ...settings,
  })
  for (const kind of ['producer', 'consumer', 'admin']) {
    const make = kafka[kind]
    kafka[kind] = (...args) => {
      const client = make.apply(kafka, args)
      onEnd(() => client.disconnect())
      return client
    }
  }
  return kafka
}

function compare(expected, actual, differences) {
  for (const [label, { reason }] of Object.entries(differences)) {
    assert.ok(reason, `difference "${label}" has no reason`)
    assert.ok(label in expected || label in actual, `difference "${label}" was recorded by neither`)
  }
  for (const label of new Set([...Object.keys(expected), ...Object.keys(actual)])) {
    const theirs = expected[label]
    const ours = actual[label]
    const difference = differences[label]
    if (difference === undefined) {
      assert.deepEqual(
        ours,
        theirs,
        `"${label}" is not what kafkajs gives (actual: ours, expected: kafkajs)`
      )
      continue
    }
    const { reason } = difference
    assert.notDeepEqual(
      ours,
      theirs,
      `"${label}" no longer differs from kafkajs, although: ${reason}`
    )
    if ('kafkajs' in difference) {
      assert.deepEqual(theirs, difference.kafkajs, `"${label}": kafkajs does not do what is stated`)
    }
    if ('ours' in difference) {
      assert.deepEqual(
        ours,
        difference.ours,
        `"${label}": ours does not do what is stated (${reason})`
      )
    }
  }
}

module.exports = { compare, contract }
