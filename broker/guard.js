'use strict'

/**
 * No orphans: a process that starts nodes also starts one guard, in a session of its own, which holds the other end of
 * a pipe. Whatever ends the starter (its end, an exception, Ctrl-C, even SIGKILL) closes the pipe, and the guard then
 * kills the nodes and removes their directories. Signal handlers in the starter are not needed.
 */

const path = require('node:path')
const { spawn } = require('node:child_process')

let pipe

function tell(order) {
  if (pipe === undefined) {
    const guard = spawn(process.execPath, [path.join(__dirname, 'guard-process.js')], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    guard.unref()
    guard.stdin.unref()
    guard.stdin.on('error', () => {
      pipe = undefined
    })
    pipe = guard.stdin
  }
  pipe.write(`${JSON.stringify(order)}\n`)
}

/**
 * From now on this process and this directory end with ours.
 *
 * @param {{ mark?: import('./process-table').Mark, directory?: string }} charge
 */
function guard({ mark, directory }) {
  tell({ guard: { mark, directory } })
}

/**
 * From now on it may outlive us.
 *
 * @param {{ mark?: import('./process-table').Mark, directory?: string }} charge
 */
function release({ mark, directory }) {
  tell({ release: { mark, directory } })
}

module.exports = { guard, release }
