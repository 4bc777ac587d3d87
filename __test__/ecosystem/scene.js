'use strict'

/** What these tests share: the client that stands in kafkajs' place, and programs in a process of their own. */

const { spawn } = require('node:child_process')
const path = require('node:path')
const { brokers } = require('../harness')

const PROGRAM_DEADLINE_MS = 75_000
const RESULT = 'RESULT '

/** `kafkajs` in the control run, `kafkajs-rs` in the other. */
const client = require('kafkajs/package.json').name

/**
 * Runs a program of `programs/`, which gets `settings` and the brokers as JSON in SETTINGS, and says what it found on a
 * line `RESULT {json}`. It has to end by itself with code 0: a client that keeps its process alive fails here.
 *
 * Tracers change how modules load, so what is under a tracer runs apart from the test.
 *
 * @param {string} name  file in `programs/`
 * @param {object} [settings]
 * @param {{ env?: Record<string, string>, nodeOptions?: string[], deadline?: number }} [options]  deadline in
 *   milliseconds, default 75000
 * @returns {Promise<any>} the result
 * @throws {Error} with all it printed
 */
async function runProgram(name, settings = {}, options = {}) {
  const { env = {}, nodeOptions = [], deadline = PROGRAM_DEADLINE_MS } = options
  const { NODE_TEST_CONTEXT, ...inherited } = process.env
  const SETTINGS = JSON.stringify({ ...settings, brokers: await brokers() })
  const child = spawn(process.execPath, [...nodeOptions, path.join(__dirname, 'programs', name)], {
    cwd: __dirname,
    env: { ...inherited, KAFKAJS_NO_PARTITIONER_WARNING: '1', ...env, SETTINGS },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', chunk => {
      output += chunk
    })
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), deadline)
  const [code, signal] = await new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (...ending) => resolve(ending))
  }).finally(() => clearTimeout(timer))
  const line = output.split('\n').find(text => text.startsWith(RESULT))
  if (code !== 0 || line === undefined) {
    throw new Error(`${name} ended with ${code ?? signal} and printed:\n${output}`)
  }
  return JSON.parse(line.slice(RESULT.length))
}

module.exports = { client, runProgram }
