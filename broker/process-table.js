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
 * @returns {boolean} whether that very process runs
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
 * Whether nothing of it is left that holds a port. A process that is being ended has lost its command line already while
 * its threads still close their sockets; an orphan's zombie may stay for ever, and holds nothing.
 */
function isGone({ pid, argument }) {
  const text = commandLine(pid)
  if (text !== '') return !text.includes(argument)
  try {
    if (process.platform !== 'linux') {
      return !/^[^Z]/.test(
        execFileSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' }).trim()
      )
    }
    const [, state] = /\) (\w)/.exec(fs.readFileSync(`/proc/${pid}/stat`, 'utf8'))
    return /[ZX]/.test(state) && fs.readdirSync(`/proc/${pid}/task`).length <= 1
  } catch {
    return true
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
  while (!isGone(mark)) {
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
  const living = marks.filter(isRunning)
  if (patience > 0) {
    for (const mark of living) {
      signal(mark, 'SIGCONT')
      signal(mark, 'SIGTERM')
    }
    await Promise.all(living.map(mark => hasEnded(mark, patience)))
  }
  for (const mark of living) signal(mark, 'SIGKILL')
  const ended = await Promise.all(living.map(mark => hasEnded(mark, 10_000)))
  const survivors = living.filter((_, i) => !ended[i]).map(mark => mark.pid)
  if (survivors.length > 0) throw new Error(`Process ${survivors.join(', ')} does not end`)
}

module.exports = { isRunning, signal, hasEnded, end }
