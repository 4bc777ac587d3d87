'use strict'

const { spawn } = require('node:child_process')
const path = require('node:path')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')

const PROGRAM = path.join(__dirname, 'workload-process.js')
const RUN_DEADLINE_MS = 60000
/** After the answer every client has disconnected: nothing should hold the process any more. */
const EXIT_DEADLINE_MS = 10000

/**
 * Runs one workload of one client in a process of its own.
 *
 * @param {object} what
 * @param {{ clientName: string, workload: import('./workloads').Workload, run: import('./workloads').Run }} what.order
 * @param {{ command: string, args: string[] }} [what.under] - a program that runs Node.js with the arguments that
 *   follow its own; default: Node.js itself
 * @returns {Promise<import('./workloads').Result>}
 * @throws {Error} what went wrong in the process, a run that does not end, or a process that does not
 */
async function runInFreshProcess({ order, under = { command: process.execPath, args: [] } }) {
  const child = spawn(under.command, [...under.args, PROGRAM], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    // JSON has no Infinity, which is what un-awaited calls have in flight.
    serialization: 'advanced',
  })
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
