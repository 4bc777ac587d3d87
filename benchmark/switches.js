'use strict'

/** How long threads run, and how long they wait to run once they are woken, as `perf sched` records it. */

const { execFileSync } = require('node:child_process')
const { median, quantile } = require('simple-statistics')

const MAX_OUTPUT_BYTES = 2 ** 31
/** Threads that ran less often than that have nothing to do with the workload. */
const LEAST_RUNS = 500
const MICROS_PER_SECOND = 1e6
const EVENT = /\[\d+\] +([\d.]+): +sched:sched_(waking|switch): (.*)$/
const WAKING = /comm=(.*) pid=(\d+) prio=/
const SWITCH = /prev_comm=.* prev_pid=(\d+) prev_prio=.* ==> next_comm=(.*) next_pid=(\d+) /
/** Every processor's idle task. */
const IDLE = '0'

/** One thread's share of what was recorded. */
class Thread {
  name = ''
  wokenAt = null
  startedAt = null
  runs = []
  delays = []

  wake(at) {
    this.wokenAt ??= at
  }

  start(at) {
    if (this.wokenAt !== null) this.delays.push(at - this.wokenAt)
    this.wokenAt = null
    this.startedAt = at
  }

  stop(at) {
    if (this.startedAt !== null) this.runs.push(at - this.startedAt)
    this.startedAt = null
  }
}

/**
 * @param {string} data - path of what `perf sched record` wrote
 * @returns {Promise<string>} a Markdown table, the threads that ran most often first
 */
async function describeSwitches(data) {
  const threads = new Map()
  const threadOf = (id, name) => {
    if (!threads.has(id)) threads.set(id, new Thread())
    const thread = threads.get(id)
    // It changes: a process is perf's until it becomes Node.js.
    thread.name = name
    return thread
  }
  for (const line of linesOf(data)) {
    const [, seconds, kind, details] = EVENT.exec(line) ?? []
    const at = Number(seconds) * MICROS_PER_SECOND
    if (kind === 'waking') {
      const [, name, id] = WAKING.exec(details)
      threadOf(id, name).wake(at)
    } else if (kind === 'switch') {
      const [, before, name, after] = SWITCH.exec(details)
      threads.get(before)?.stop(at)
      if (after !== IDLE) threadOf(after, name).start(at)
    }
  }
  const rows = Array.from(threads)
    .filter(([, { runs, delays }]) => runs.length >= LEAST_RUNS && delays.length > 0)
    .sort(([, one], [, other]) => other.runs.length - one.runs.length)
    .map(([id, { name, runs, delays }]) => [
      `${name} (${id})`,
      `${runs.length}`,
      ...[median(runs), median(delays), quantile(delays, 0.9)].map(micros => micros.toFixed(0)),
    ])
  const head = ['thread', 'times', 'runs, us', 'woken to running, us', 'p90']
  // It is an ES module.
  const { markdownTable } = await import('markdown-table')
  return markdownTable([head, ...rows], { align: ['l', 'r', 'r', 'r', 'r'] })
}

function linesOf(data) {
  const fields = ['-F', 'cpu,time,event,trace', '--ns']
  return execFileSync('perf', ['script', '-i', data, ...fields], {
    encoding: 'latin1',
    stdio: ['ignore', 'pipe', 'ignore'],
    maxBuffer: MAX_OUTPUT_BYTES,
  }).split('\n')
}

module.exports = { describeSwitches }
