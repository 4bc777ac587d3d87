'use strict'

/**
 * What is measured. `kind` says which file of this folder runs it; the sizes are those of a full run.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} title
 * @property {keyof typeof KINDS} kind
 * @property {number} [valueBytes]
 * @property {number} [partitions] - of the topic, default 3
 * @property {import('../clients').Codec} [codec]
 * @property {-1 | 0 | 1} [acks]
 * @property {boolean} [idempotent]
 * @property {boolean} [transaction] - produce: each call is a transaction of its own
 * @property {number} [perCall] - produce: messages in one call
 * @property {number} [inFlight] - produce: calls that are not yet answered; Infinity: none is awaited
 * @property {number} [calls] - produce: how many calls are made at once; when all are answered, again, as often as fits in the time
 * @property {'message' | 'batch'} [handler] - consume
 * @property {'turn' | 'slow'} [handlerWork] - consume: what the handler awaits, a turn of the event loop or 10 ms
 * @property {number} [concurrency] - consume: partitions that are handled at a time
 * @property {boolean} [headers] - consume: each message has two headers
 * @property {number} [messages] - consume: how many the topic holds
 * @property {number} [topics] - metadata: how many topics there are at least
 * @property {number} [ratePerSecond] - latency
 * @property {object} [raw] - the raw bound is measured too, with these settings in place of the others
 */

const KILOBYTE = 1024
const DEFAULT_PARTITIONS = 3
const CONSUMED_MESSAGES = 600000

/**
 * `topic`: what a run is given, one of its own, a filled one that is shared, or none. `timed`: the answer is a time,
 * hence smaller is better.
 */
const KINDS = {
  produce: { topic: 'own', run: () => require('./produce').produce },
  consume: { topic: 'filled', run: () => require('./consume').consume },
  latency: { topic: 'own', timed: true, run: () => require('./latency').latency },
  'first-message': {
    topic: 'own',
    timed: true,
    run: () => require('./first-message').firstMessage,
  },
  rebalance: { topic: 'own', timed: true, run: () => require('./rebalance').rebalance },
  metadata: { topic: 'many', timed: true, run: () => require('./metadata').metadata },
  disconnect: { topic: 'filled', timed: true, run: () => require('./disconnect').disconnect },
  load: { topic: 'none', timed: true, run: () => require('./load').load },
  idle: { topic: 'filled', run: () => require('./idle').idle },
}

function produce(name, title, settings) {
  return {
    name: `produce/${name}`,
    title,
    kind: 'produce',
    partitions: DEFAULT_PARTITIONS,
    perCall: 1,
    inFlight: 1,
    ...settings,
  }
}

function consume(name, title, settings) {
  return {
    name: `consume/${name}`,
    title,
    kind: 'consume',
    partitions: DEFAULT_PARTITIONS,
    valueBytes: 256,
    messages: CONSUMED_MESSAGES,
    handler: 'message',
    ...settings,
  }
}

function other(name, kind, title, settings) {
  return { name, title, kind, partitions: DEFAULT_PARTITIONS, ...settings }
}

/** A topic of one message. */
const ONE_MESSAGE = { partitions: 1, valueBytes: 256, messages: 1 }
const CODECS = ['gzip', 'snappy', 'lz4', 'zstd']

/** @type {Workload[]} */
const WORKLOADS = [
  produce('one-awaited', '1 message a call, awaited, 100 B', { valueBytes: 100, raw: {} }),
  produce('one-awaited-idempotent', 'the same, idempotent', {
    valueBytes: 100,
    idempotent: true,
    // Without a producer id, which is a little less to do for the broker.
    raw: { idempotent: false },
  }),
  produce('one-awaited-acks-0', 'the same, acks 0', { valueBytes: 100, acks: 0, raw: {} }),
  produce('one-in-flight-100', '1 a call, 100 in flight, 100 B', {
    valueBytes: 100,
    inFlight: 100,
    // As if all that is under way left in one request.
    raw: { perCall: 100, inFlight: 1 },
  }),
  produce('one-un-awaited', '20,000 calls of 1, un-awaited, 100 B', {
    valueBytes: 100,
    inFlight: Infinity,
    calls: 20000,
    raw: { perCall: 1000, inFlight: 5, calls: undefined },
  }),
  produce('hundred-awaited', '100 a call, awaited, 256 B', {
    valueBytes: 256,
    perCall: 100,
    raw: {},
  }),
  produce('hundred-in-flight-8', '100 a call, 8 in flight, 256 B', {
    valueBytes: 256,
    perCall: 100,
    inFlight: 8,
    raw: {},
  }),
  produce('thousand-1k', '1,000 a call, awaited, 1 KB', {
    valueBytes: KILOBYTE,
    perCall: 1000,
    raw: {},
  }),
  ...CODECS.map(codec =>
    produce(`hundred-${codec}`, `100 a call, awaited, 256 B, ${codec}`, {
      valueBytes: 256,
      perCall: 100,
      codec,
      raw: {},
    })
  ),
  produce('transaction-10', 'transactions of 10, awaited, 100 B', {
    valueBytes: 100,
    perCall: 10,
    transaction: true,
  }),
  consume('each-message', 'eachMessage, 256 B', { raw: {} }),
  consume('each-batch', 'eachBatch, 256 B', { handler: 'batch', raw: {} }),
  consume('each-message-headers', 'eachMessage, 256 B, 2 headers', { headers: true, raw: {} }),
  ...CODECS.map(codec =>
    consume(`each-message-${codec}`, `eachMessage, 256 B, ${codec}`, { codec, raw: {} })
  ),
  ...[1, 8].map(concurrency =>
    consume(`concurrently-${concurrency}`, `eachMessage awaits, ${concurrency} of 8 partitions`, {
      partitions: 8,
      handlerWork: 'turn',
      concurrency,
    })
  ),
  consume('thousand-partitions', 'eachMessage, 1,000 partitions', {
    partitions: 1000,
    messages: CONSUMED_MESSAGES / 2,
    raw: {},
  }),
  consume('slow-handler', 'eachMessage takes 10 ms', { handlerWork: 'slow' }),
  ...[500, 2000].map(ratePerSecond =>
    other(`latency/${ratePerSecond}`, 'latency', `end to end at ${ratePerSecond}/s, 256 B`, {
      valueBytes: 256,
      ratePerSecond,
    })
  ),
  other('latency/first-message', 'first-message', 'connect to first message, new group', {
    valueBytes: 256,
    raw: {},
  }),
  other('group/rebalance', 'rebalance', 'rebalance, 2 to 3 members, 6 partitions', {
    partitions: 6,
  }),
  other('group/disconnect', 'disconnect', 'disconnect of an idle consumer', ONE_MESSAGE),
  other('idle/cpu', 'idle', 'CPU of an idle consumer', ONE_MESSAGE),
  other('start/require', 'load', 'require, import', {}),
  other('admin/metadata-1000', 'metadata', 'metadata of 1,000 topics', { topics: 1000 }),
]

/** How much work one run is. */
const SIZES = {
  full: {
    warmUpMs: 300,
    produceMs: 1000,
    consumeMs: 1500,
    latencyMs: 2500,
    idleMs: 2000,
    groups: 3,
    rebalances: 2,
    loads: 3,
  },
  quick: {
    warmUpMs: 200,
    produceMs: 600,
    consumeMs: 1000,
    latencyMs: 1500,
    idleMs: 1500,
    groups: 2,
    rebalances: 1,
    loads: 2,
  },
  /** Long enough for a profile. */
  profile: {
    warmUpMs: 1000,
    produceMs: 8000,
    consumeMs: 8000,
    latencyMs: 8000,
    idleMs: 8000,
    groups: 20,
    rebalances: 10,
    loads: 1,
  },
}

/**
 * @param {Workload} workload
 * @returns {(client: import('../clients').Client, workload: Workload, run: Run) => Promise<Result>}
 *
 * @typedef {object} Run
 * @property {string[]} brokers
 * @property {string} [topic]
 * @property {number} [partitions] - of the topic
 * @property {string} groupId
 * @property {typeof SIZES.full} size
 *
 * @typedef {object} Result
 * @property {import('../measurement').Measured} measured
 * @property {number} [inLog] - how many messages a topic of its own must hold after the run
 */
function runnerOf(workload) {
  return KINDS[workload.kind].run()
}

module.exports = { KINDS, SIZES, WORKLOADS, runnerOf }
