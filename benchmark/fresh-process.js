'use strict'

const { fork } = require('node:child_process')
const path = require('node:path')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')

const PROGRAM = path.join(__dirname, 'workload-process.js')
const RUN_DEADLINE_MS = 180000
/** After the answer every client has disconnected: nothing should hold the process any more. */
const EXIT_DEADLINE_MS = 10000

/**
 * Runs one workload of one client in a process of its own.
 *
 * @param {{ clientName: string, workloadName: string, run: import('./workloads').Run }} order
 * @returns {Promise<import('./workloads').Result>}
 * @throws {Error} what went wrong in the process, a run that does not end, or a process that does not
 */
async function runInFreshProcess(order) {
  const child = fork(PROGRAM, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  const exited = once(child, 'exit')
  try {
    const answered = once(child, 'message')
    child.send(order)
    const [answer] = await Promise.race([
      answered,
      exited.then(([code, signal]) => {
        throw new Error(`the process ended without an answer (${signal ?? `exit code ${code}`})`)
      }),
      deadline(RUN_DEADLINE_MS, 'the run did not end'),
    ])
    if (answer.error) throw new Error(answer.error)
    await Promise.race([exited, deadline(EXIT_DEADLINE_MS, 'the process did not end by itself')])
    return answer.result
  } finally {
    child.kill('SIGKILL')
  }
}

async function deadline(ms, what) {
  await sleep(ms, undefined, { ref: false })
  throw new Error(`${what} within ${ms / 1000} s`)
}

module.exports = { runInFreshProcess }
