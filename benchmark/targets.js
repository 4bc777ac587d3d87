'use strict'

/**
 * What kafkajs-rs has to reach, by workload. A limit is `times` the best rival's figure (or, with `of: 'raw'`, the raw
 * bound's), or `value`. A rate must be at least that, everything else at most.
 *
 * @typedef {object} Target
 * @property {keyof import('./measurement').Measured} figure
 * @property {number} [times]
 * @property {'rival' | 'raw'} [of='rival']
 * @property {number} [value]
 */

const rate = times => ({ figure: 'rate', times })
const ofRaw = times => ({ figure: 'rate', times, of: 'raw' })
const atMost = (figure, value) => ({ figure, value })

/** At full speed, whatever the handler gets. */
const READING = [atMost('loopDelayMax', 20), atMost('peakRssMb', 150)]
const asGoodAsTheBest = ['p50', 'p99'].map(figure => ({ figure, times: 1 }))

/** @type {Record<string, Target[]>} */
const TARGETS = {
  'produce/one-awaited': [rate(1.1), { figure: 'cpuMicros', times: 1 / 3 }],
  'produce/one-awaited-idempotent': [rate(1.1)],
  'produce/one-awaited-acks-0': [rate(3)],
  'produce/one-in-flight-100': [rate(5)],
  'produce/one-un-awaited': [rate(4)],
  'produce/hundred-awaited': [rate(2), ofRaw(0.8)],
  'produce/hundred-in-flight-8': [rate(2.5)],
  'produce/thousand-1k': [rate(3)],
  'produce/hundred-gzip': [rate(2.5)],
  'produce/hundred-snappy': [rate(2)],
  'produce/hundred-lz4': [rate(2)],
  'produce/hundred-zstd': [rate(2)],
  'consume/each-message': [rate(4), atMost('cpuMicros', 1.5), ...READING],
  'consume/each-batch': [rate(4), ofRaw(0.5), ...READING],
  'consume/each-message-headers': [rate(5), ...READING],
  'consume/each-message-gzip': [rate(4)],
  'consume/each-message-snappy': [rate(4)],
  'consume/each-message-lz4': [rate(4)],
  'consume/each-message-zstd': [rate(4)],
  'consume/slow-handler': [atMost('peakRssMb', 150)],
  'latency/500': asGoodAsTheBest,
  'latency/2000': asGoodAsTheBest,
  'latency/first-message': [atMost('p50', 100), { figure: 'p50', times: 1.5, of: 'raw' }],
  'group/rebalance': [atMost('p50', 300)],
  'group/disconnect': [atMost('p50', 50)],
  'idle/cpu': [atMost('cpuPercent', 0.3)],
  'start/require': [atMost('p50', 30)],
}

module.exports = { TARGETS }
