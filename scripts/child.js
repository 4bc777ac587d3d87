'use strict'

/** Child processes of the scripts: their output is shown as it comes, and they end when the script is asked to end. */

const { spawn } = require('node:child_process')
const { guard, release } = require('../broker/guard')

const SIGNALS = { SIGINT: 130, SIGTERM: 143 }

/** How often a script looks whether npm, which started it, is still there. */
const PARENT_CHECK_MS = 500

/** After a program has ended, for what it wrote last. */
const LAST_OUTPUT_MS = 1000

const children = new Set()
let interruption

/**
 * Ctrl-C once: children are ended and the script cleans up. Twice: the script goes at once (the guard of the local
 * Kafka still cleans up behind it). The end of npm counts as well: npm does not pass every signal on to its script.
 */
function handleInterruption() {
  for (const signal of Object.keys(SIGNALS)) {
    process.on(signal, () => {
      if (interruption !== undefined) process.exit(SIGNALS[signal])
      interrupt(signal)
    })
  }
  const parent = process.ppid
  const check = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(check)
    interrupt('SIGTERM')
  }, PARENT_CHECK_MS)
  check.unref()
}

function interrupt(signal) {
  interruption = { signal, code: SIGNALS[signal] }
  for (const child of children) child.kill('SIGTERM')
}

/** Thrown by a script that was asked to end. */
class Interrupted extends Error {
  constructor({ signal, code }) {
    super(`interrupted by ${signal}`)
    this.exitCode = code
  }
}

function throwIfInterrupted() {
  if (interruption !== undefined) throw new Interrupted(interruption)
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {object} [options]
 * @param {string} [options.cwd]
 * @param {NodeJS.ProcessEnv} [options.env]
 * @param {(chunk: Buffer) => void} [options.onOutput]  gets what it writes, in place of the screen
 * @param {number} [options.deadline]  milliseconds; a program that takes longer is killed, which is a failure
 * @returns {Promise<boolean>} whether it ended by itself with exit code 0
 * @throws {Error} if it cannot be started, or the script is interrupted
 */
async function run(command, args, { cwd, env = process.env, onOutput, deadline } = {}) {
  throwIfInterrupted()
  const output = onOutput ? 'pipe' : 'inherit'
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', output, output] })
  const mark = { pid: child.pid, argument: args[0] }
  children.add(child)
  if (child.pid !== undefined) guard({ mark })
  child.stdout?.on('data', onOutput)
  child.stderr?.on('data', onOutput)
  const timer = deadline && setTimeout(() => child.kill('SIGKILL'), deadline)
  child.once('exit', () => {
    // A grandchild may hold the other end of the pipes for ever.
    const close = () => [child.stdout, child.stderr].forEach(stream => void stream?.destroy())
    setTimeout(close, LAST_OUTPUT_MS).unref()
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => {
    clearTimeout(timer)
    children.delete(child)
    release({ mark })
  })
  throwIfInterrupted()
  return code === 0
}

module.exports = { Interrupted, handleInterruption, run, throwIfInterrupted }
