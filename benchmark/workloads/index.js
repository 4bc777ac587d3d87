'use strict'

/**
 * What is measured. `kind` says which file of this folder runs it; the sizes are those of a full run.
 *
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} title
 * @property {'produce' | 'consume' | 'latency' | 'first-message'} kind
 * @property {number} valueBytes
 * @property {import('../clients').Codec} [codec]
 * @property {-1 | 0 | 1} [acks]
 * @property {boolean} [idempotent]
 * @property {number} [perCall] - produce: messages in one call
 * @property {number} [inFlight] - produce: calls that are not yet answered; Infinity: none is awaited
 * @property {number} [calls] - produce: how many calls, in place of as many as fit in the time
 * @property {'message' | 'batch'} [handler] - consume
 * @property {boolean} [headers] - consume: each message has two headers
 * @property {number} [ratePerSecond] - latency
 */

const KILOBYTE = 1024

function produce(name, title, settings) {
  return { name: `produce/${name}`, title, kind: 'produce', perCall: 1, inFlight: 1, ...settings }
}

function consume(name, title, settings) {
  return { name: `consume/${name}`, title, kind: 'consume', valueBytes: 256, ...settings }
}

/** @type {Workload[]} */
const WORKLOADS = [
  produce('one-awaited', '1 message a call, awaited, 100 B', { valueBytes: 100 }),
  produce('one-awaited-idempotent', 'the same, idempotent', { valueBytes: 100, idempotent: true }),
  produce('one-awaited-acks-0', 'the same, acks 0', { valueBytes: 100, acks: 0 }),
  produce('one-in-flight-100', '1 a call, 100 in flight, 100 B', {
    valueBytes: 100,
    inFlight: 100,
  }),
  produce('one-un-awaited', '20,000 calls of 1, un-awaited, 100 B', {
    valueBytes: 100,
    inFlight: Infinity,
    calls: 20000,
  }),
  produce('hundred-awaited', '100 a call, awaited, 256 B', { valueBytes: 256, perCall: 100 }),
  produce('hundred-in-flight-8', '100 a call, 8 in flight, 256 B', {
    valueBytes: 256,
    perCall: 100,
    inFlight: 8,
  }),
  produce('thousand-1k', '1,000 a call, awaited, 1 KB', { valueBytes: KILOBYTE, perCall: 1000 }),
  ...['gzip', 'lz4', 'snappy', 'zstd'].map(codec =>
    produce(`hundred-${codec}`, `100 a call, awaited, 256 B, ${codec}`, {
      valueBytes: 256,
      perCall: 100,
      codec,
    })
  ),
  consume('each-message', 'eachMessage, 256 B', { handler: 'message' }),
  consume('each-batch', 'eachBatch, 256 B', { handler: 'batch' }),
  consume('each-message-headers', 'eachMessage, 256 B, 2 headers', {
    handler: 'message',
    headers: true,
  }),
  ...['gzip', 'snappy', 'lz4'].map(codec =>
    consume(`each-message-${codec}`, `eachMessage, 256 B, ${codec}`, { handler: 'message', codec })
  ),
  ...[500, 2000].map(ratePerSecond => ({
    name: `latency/${ratePerSecond}`,
    title: `end to end at ${ratePerSecond}/s, 256 B`,
    kind: 'latency',
    valueBytes: 256,
    ratePerSecond,
  })),
  {
    name: 'latency/first-message',
    title: 'first message of a new group',
    kind: 'first-message',
    valueBytes: 256,
  },
]

/** How much work one run is. */
const SIZES = {
  full: { warmUpMs: 1000, produceMs: 5000, consumeMessages: 600000, latencyMs: 8000, groups: 7 },
  quick: { warmUpMs: 200, produceMs: 800, consumeMessages: 60000, latencyMs: 2000, groups: 3 },
}

const RUNNERS = {
  produce: () => require('./produce').produce,
  consume: () => require('./consume').consume,
  latency: () => require('./latency').latency,
  'first-message': () => require('./first-message').firstMessage,
}

/**
 * @param {Workload} workload
 * @returns {(client: import('../clients').Client, workload: Workload, run: Run) => Promise<Result>}
 *
 * @typedef {object} Run
 * @property {string[]} brokers
 * @property {string} topic
 * @property {string} groupId
 * @property {typeof SIZES.full} size
 *
 * @typedef {object} Result
 * @property {import('../measurement').Measured} measured
 * @property {number} inLog - how many messages the topic must hold after the run
 */
function runnerOf(workload) {
  return RUNNERS[workload.kind]()
}

module.exports = { SIZES, WORKLOADS, runnerOf }
