'use strict'

/** What one process measures about itself while it works. */

const fs = require('node:fs')
const { createHistogram, monitorEventLoopDelay, performance } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')

/** The event-loop monitor's timer, ms; its histogram contains this interval besides the delay. */
const LOOP_RESOLUTION_MS = 2
const NANOSECONDS_PER_MS = 1e6
const PERCENTILES = { p50: 50, p99: 99, p999: 99.9 }

/** Durations in milliseconds in, percentiles in milliseconds out; resolution one microsecond. */
class Latencies {
  #histogram = createHistogram()

  add(ms) {
    this.#histogram.record(Math.max(1, Math.round(ms * 1000)))
  }

  /** @returns {{ p50: number, p99: number, p999: number } | null} null if nothing was added */
  summary() {
    if (this.#histogram.count === 0) return null
    return Object.fromEntries(
      Object.entries(PERCENTILES).map(([name, percentile]) => [
        name,
        this.#histogram.percentile(percentile) / 1000,
      ])
    )
  }
}

/** Linux hands the maximum of getrusage down from parent to child, hence the process's own one. */
function peakRssMb() {
  if (process.platform !== 'linux') return process.resourceUsage().maxRSS / 1024
  const [, kilobytes] = /VmHWM:\s+(\d+) kB/.exec(fs.readFileSync('/proc/self/status', 'latin1'))
  return Number(kilobytes) / 1024
}

/**
 * Starts to measure time, CPU and event-loop delay.
 *
 * @param {{ loop?: boolean }} [options] loop: whether to watch the event loop, which wakes the process 500 times a
 *   second; default true
 * @returns {(messages: number, latencies?: Latencies) => Promise<Measured>} ends the measurement
 *
 * @typedef {object} Measured - what a workload does not measure is null
 * @property {number} messages
 * @property {number} seconds
 * @property {number} rate - messages per second
 * @property {number} cpuMicros - CPU time of the whole process, all its threads, per message, in microseconds
 * @property {number} cpuPercent - of one core, over the measured time
 * @property {number | null} loopDelayP99 - ms
 * @property {number | null} loopDelayMax - ms: the longest time for which nothing else could run
 * @property {number} peakRssMb - of the process since its start
 * @property {number | null} firstMessageMs - from making the client to its first message
 * @property {number | null} p50 - ms
 * @property {number | null} p99 - ms
 * @property {number | null} p999 - ms
 */
function startMeasurement({ loop = true } = {}) {
  const delays = loop ? monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS }) : null
  delays?.enable()
  const cpu = process.cpuUsage()
  const startedAt = performance.now()

  return async function endMeasurement(messages, latencies) {
    const seconds = (performance.now() - startedAt) / 1000
    const { user, system } = process.cpuUsage(cpu)
    // A loop that has been blocked until now still owes the monitor its longest delay.
    if (delays) await sleep(2 * LOOP_RESOLUTION_MS)
    delays?.disable()
    const delay = nanoseconds => Math.max(0, nanoseconds / NANOSECONDS_PER_MS - LOOP_RESOLUTION_MS)
    const summary = latencies?.summary()
    return {
      messages,
      seconds,
      rate: messages / seconds,
      cpuMicros: (user + system) / messages,
      cpuPercent: (user + system) / seconds / 1e4,
      loopDelayP99: delays && delay(delays.percentile(99)),
      loopDelayMax: delays && delay(delays.max),
      peakRssMb: peakRssMb(),
      firstMessageMs: null,
      p50: summary?.p50 ?? null,
      p99: summary?.p99 ?? null,
      p999: summary?.p999 ?? null,
    }
  }
}

module.exports = { Latencies, startMeasurement }
