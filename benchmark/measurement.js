'use strict'

/** What one process measures about itself while it works. */

const { createHistogram, monitorEventLoopDelay, performance } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')

/** The event-loop monitor's timer, ms; its histogram contains this interval besides the delay. */
const LOOP_RESOLUTION_MS = 2
const NANOSECONDS_PER_MS = 1e6

/** Durations in milliseconds in, percentiles in milliseconds out; resolution one microsecond. */
class Latencies {
  #histogram = createHistogram()

  add(ms) {
    this.#histogram.record(Math.max(1, Math.round(ms * 1000)))
  }

  /** @returns {{ p50: number, p99: number } | null} null if nothing was added */
  summary() {
    if (this.#histogram.count === 0) return null
    return {
      p50: this.#histogram.percentile(50) / 1000,
      p99: this.#histogram.percentile(99) / 1000,
    }
  }
}

/**
 * Starts to measure time, CPU and event-loop delay.
 *
 * @returns {(messages: number, latencies?: Latencies) => Promise<Measured>} ends the measurement
 *
 * @typedef {object} Measured
 * @property {number} messages
 * @property {number} seconds
 * @property {number} rate - messages per second
 * @property {number} cpuMicros - CPU time of the whole process, all its threads, per message, in microseconds
 * @property {number} loopDelayP99 - ms
 * @property {number} loopDelayMax - ms: the longest time for which nothing else could run
 * @property {number} peakRssMb - of the process since its start
 * @property {number | null} p50 - ms
 * @property {number | null} p99 - ms
 */
function startMeasurement() {
  const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
  loop.enable()
  const cpu = process.cpuUsage()
  const startedAt = performance.now()

  return async function endMeasurement(messages, latencies) {
    const seconds = (performance.now() - startedAt) / 1000
    const { user, system } = process.cpuUsage(cpu)
    // A loop that has been blocked until now still owes the monitor its longest delay.
    await sleep(2 * LOOP_RESOLUTION_MS)
    loop.disable()
    const delay = nanoseconds => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - LOOP_RESOLUTION_MS)
    const summary = latencies?.summary()
    return {
      messages,
      seconds,
      rate: messages / seconds,
      cpuMicros: (user + system) / messages,
      loopDelayP99: delay(loop.percentile(99)),
      loopDelayMax: delay(loop.max),
      peakRssMb: process.resourceUsage().maxRSS / 1024,
      p50: summary?.p50 ?? null,
      p99: summary?.p99 ?? null,
    }
  }
}

module.exports = { Latencies, startMeasurement }
