'use strict'

/** Looks at and ends processes known by pid and by a text of their command line, since pids are used again. */

const fs = require('node:fs')
const { execFileSync } = require('node:child_process')

const POLL_MS = 20

/**
 * @typedef {object} Mark
 * @property {number} pid
 * @property {string} argument  text its command line contains
 */

/**
 * @param {Mark} mark
 * @returns {boolean} whether that very process runs; a zombie does not (an orphan's zombie may stay for ever)
 */
function isRunning({ pid, argument }) {
  return commandLine(pid).includes(argument)
}

function commandLine(pid) {
  try {
    if (process.platform === 'linux') return fs.readFileSync(`/proc/${pid}/cmdline`, 'utf8')
    return execFileSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' })
  } catch {
    return ''
  }
}

/**
 * @param {Mark} mark
 * @param {NodeJS.Signals} signal
 * @returns {boolean} false if the process was gone
 */
function signal(mark, signal) {
  if (!isRunning(mark)) return false
  try {
    return process.kill(mark.pid, signal)
  } catch (error) {
    if (error.code === 'ESRCH') return false
    throw error
  }
}

/**
 * @param {Mark} mark
 * @param {number} milliseconds
 * @returns {Promise<boolean>} whether it ended in that time
 */
async function hasEnded(mark, milliseconds) {
  const deadline = Date.now() + milliseconds
  while (isRunning(mark)) {
    if (Date.now() > deadline) return false
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
  return true
}

/**
 * Ends all of them at once: nodes that are stopped one after the other leave the last without a quorum, and it hangs.
 *
 * @param {Mark[]} marks
 * @param {{ patience?: number }} [options] milliseconds between SIGTERM and SIGKILL; 0, the default, kills at once
 * @returns {Promise<void>}
 * @throws {Error} if one survives SIGKILL by ten seconds
 */
async function end(marks, { patience = 0 } = {}) {
  if (patience > 0) {
    for (const mark of marks) {
      signal(mark, 'SIGCONT')
      signal(mark, 'SIGTERM')
    }
    await Promise.all(marks.map(mark => hasEnded(mark, patience)))
  }
  for (const mark of marks) signal(mark, 'SIGKILL')
  const ended = await Promise.all(marks.map(mark => hasEnded(mark, 10_000)))
  const survivors = marks.filter((_, i) => !ended[i]).map(mark => mark.pid)
  if (survivors.length > 0) throw new Error(`Process ${survivors.join(', ')} does not end`)
}

module.exports = { isRunning, signal, hasEnded, end }
