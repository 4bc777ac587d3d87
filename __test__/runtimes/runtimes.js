'use strict'

/** The runtimes that npm has installed here, and programs run on them. */

const { spawn } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { brokers } = require('../harness')

const PROGRAM_DEADLINE_MS = 60_000

const inModules = (...names) => path.join(__dirname, 'node_modules', ...names)

/**
 * @typedef {object} Runtime
 * @property {string} name
 * @property {string} program  its file
 * @property {string[]} args  before the file it is to run
 * @property {string | false} skip  why it cannot be run here
 */

/** @returns {Runtime} */
const runtime = (name, program, args = []) => ({
  name,
  program,
  args,
  skip: !fs.existsSync(program) && `npm installs ${name} on x64 Linux only`,
})

/** The Node that runs the tests, and one of each version from the oldest that we support. */
const nodes = [
  runtime(`Node ${process.version}`, process.execPath),
  ...[20, 22, 24, 26].map(major =>
    runtime(`Node ${major}`, inModules(`node-${major}`, 'bin', 'node'))
  ),
]
const bun = runtime('Bun', inModules('@oven', 'bun-linux-x64', 'bin', 'bun'))
const deno = runtime('Deno', inModules('@deno', 'linux-x64-glibc', 'deno'), [
  'run',
  '-A',
  '--unstable-detect-cjs',
])

/**
 * Starts a program on a runtime; it gets the brokers of the tests, unless `env` names others.
 *
 * @param {Runtime} runtime
 * @param {string} file  absolute, or in this folder
 * @param {{ args?: string[], env?: Record<string, string>, deadline?: number }} [options]  deadline in milliseconds, default
 *   60000: then it is killed
 * @returns {Promise<{ child: import('node:child_process').ChildProcess, ended: Promise<{ code: number | null,
 *   signal: string | null, stdout: string, stderr: string }> }>} stdout and stderr: all it printed
 */
async function start({ program, args: own }, file, options = {}) {
  const { args = [], env = {}, deadline = PROGRAM_DEADLINE_MS } = options
  const { NODE_TEST_CONTEXT, NODE_OPTIONS, ...inherited } = process.env
  const child = spawn(program, [...own, path.resolve(__dirname, file), ...args], {
    env: {
      ...inherited,
      KAFKA_BROKERS: env.KAFKA_BROKERS ?? (await brokers()).join(','),
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      NO_COLOR: '1',
      DENO_NO_UPDATE_CHECK: '1',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr']) {
    child[name].setEncoding('utf8').on('data', chunk => {
      printed[name] += chunk
    })
  }
  const timer = setTimeout(() => child.kill('SIGKILL'), deadline)
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, ...printed }))
  }).finally(() => clearTimeout(timer))
  return { child, ended, printed }
}

/** Runs a program to its end: see start. */
async function run(...args) {
  const { ended } = await start(...args)
  return ended
}

module.exports = { bun, deno, nodes, run, start }
