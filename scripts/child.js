'use strict'

/** Child processes of the scripts: their output is shown as it comes, and they end when the script is asked to end. */

const { spawn } = require('node:child_process')

const SIGNALS = { SIGINT: 130, SIGTERM: 143 }

const children = new Set()
let interruption

/**
 * Ctrl-C once: children are ended and the script cleans up. Twice: the script goes at once (the guard of the local
 * Kafka still cleans up behind it).
 */
function handleInterruption() {
  for (const [signal, code] of Object.entries(SIGNALS)) {
    process.on(signal, () => {
      if (interruption !== undefined) process.exit(code)
      interruption = { signal, code }
      for (const child of children) child.kill('SIGTERM')
    })
  }
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
 * Runs a program to its end and shows its output.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {{ cwd?: string, env?: NodeJS.ProcessEnv, onOutput?: (chunk: Buffer) => void }} [options]
 *   onOutput also gets what the program writes to standard output
 * @returns {Promise<boolean>} whether it ended with exit code 0
 * @throws {Error} if it cannot be started, or the script is interrupted
 */
async function run(command, args, { cwd, env = process.env, onOutput } = {}) {
  throwIfInterrupted()
  const stdout = onOutput ? 'pipe' : 'inherit'
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', stdout, 'inherit'] })
  children.add(child)
  child.stdout?.on('data', chunk => {
    process.stdout.write(chunk)
    onOutput(chunk)
  })
  const code = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  }).finally(() => children.delete(child))
  throwIfInterrupted()
  return code === 0
}

module.exports = { Interrupted, handleInterruption, run, throwIfInterrupted }
