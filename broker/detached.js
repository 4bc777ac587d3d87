'use strict'

/** Clusters that outlive the command which starts them: one per kind, on ports that stay the same. */

const fs = require('node:fs')
const path = require('node:path')
const { CLUSTERS, SHUTDOWN_PATIENCE_MS, startCluster } = require('./cluster')
const { isFree } = require('./ports')
const { probe } = require('./probe')
const { guard, release } = require('./guard')
const { end, isRunning } = require('./process-table')

const DEFAULT_PORT = 9092

/** How long a second command waits for the first one that is still starting the same cluster. */
const START_PATIENCE_MS = 180_000

/** Ports taken from the first one on, as offsets. */
const KINDS = {
  single: { nodes: 1, secured: false, offsets: [0] },
  secured: { nodes: 1, secured: true, offsets: [0, 1, 2, 3, 4, 5] },
  three: { nodes: 3, secured: false, offsets: [0, 100, 200] },
}

/**
 * @typedef {object} State  of a detached cluster, kept in state.json of its directory
 * @property {'single' | 'secured' | 'three'} kind
 * @property {import('./process-table').Mark} starter   the command that is starting it, or did
 * @property {boolean} ready
 * @property {import('./process-table').Mark[]} marks   its JVMs
 * @property {Record<string, string[]>} listeners       addresses by kind of listener
 * @property {string} [tls]                             directory of the keys
 */

function directoryOf(kind) {
  return path.join(CLUSTERS, kind)
}

/**
 * @param {string} kind
 * @returns {State | undefined} undefined if there is none, or one whose state was not written yet
 */
function readState(kind) {
  try {
    return JSON.parse(fs.readFileSync(path.join(directoryOf(kind), 'state.json'), 'utf8'))
  } catch {
    return undefined
  }
}

function writeState(state, directory = directoryOf(state.kind)) {
  const file = path.join(directory, 'state.json')
  fs.writeFileSync(`${file}.draft`, JSON.stringify(state, null, 2))
  fs.renameSync(`${file}.draft`, file)
}

/** @returns {State[]} of the clusters that run and answer, or are stopped by a signal */
function runningClusters() {
  const states = Object.keys(KINDS).map(readState)
  return states.filter(state => state?.ready && state.marks.every(isRunning))
}

/**
 * Starts a cluster, or finds that it runs already, or (a single node) that a Kafka not started here has its port.
 *
 * @param {'single' | 'secured' | 'three'} kind
 * @param {{ port?: number, log: (line: string) => void }} options port default 9092
 * @returns {Promise<{ outcome: 'started' | 'running', state: State } | { outcome: 'foreign' }>}
 * @throws {Error} if something else holds one of its ports
 */
async function startDetached(kind, { port = DEFAULT_PORT, log }) {
  const directory = directoryOf(kind)
  const deadline = Date.now() + START_PATIENCE_MS
  fs.mkdirSync(CLUSTERS, { recursive: true })
  while (!claim(kind)) {
    const state = readState(kind)
    if (state?.ready && state.marks.every(isRunning)) return { outcome: 'running', state }
    if (!state || state.ready || !isRunning(state.starter)) {
      await end(state?.marks ?? [])
      fs.rmSync(directory, { recursive: true, force: true })
    } else if (Date.now() > deadline) {
      throw new Error(
        `Process ${state.starter.pid} is starting this cluster and does not get ready`
      )
    } else {
      await new Promise(resolve => setTimeout(resolve, 200))
    }
  }
  guard({ directory })
  try {
    const taken = runningClusters().length > 0
    if (kind === 'single' && !taken && (await probe({ host: 'localhost', port })) === 'kafka') {
      fs.rmSync(directory, { recursive: true, force: true })
      return { outcome: 'foreign' }
    }
    await requireFreePorts(KINDS[kind].offsets.map(offset => port + offset))
    const { nodes, secured } = KINDS[kind]
    const cluster = await startCluster(nodes, { port, secured, directory, log })
    const marks = cluster.nodes.map(({ mark }) => mark)
    const { listeners, tls } = cluster
    const state = { kind, starter: self(), ready: true, marks, listeners, tls: tls?.directory }
    writeState(state)
    for (const mark of marks) release({ mark })
    return { outcome: 'started', state }
  } catch (error) {
    fs.rmSync(directory, { recursive: true, force: true })
    throw error
  } finally {
    release({ directory })
  }
}

/**
 * @returns {boolean} whether the directory is ours now; only one command can have it, since it is renamed into place
 *   with the state in it
 */
function claim(kind) {
  const draft = fs.mkdtempSync(path.join(CLUSTERS, 'draft-'))
  writeState({ kind, starter: self(), ready: false, marks: [], listeners: {} }, draft)
  try {
    fs.renameSync(draft, directoryOf(kind))
    return true
  } catch (error) {
    fs.rmSync(draft, { recursive: true, force: true })
    if (error.code === 'ENOTEMPTY' || error.code === 'EEXIST') return false
    throw error
  }
}

function self() {
  return { pid: process.pid, argument: path.basename(process.argv[1]) }
}

async function requireFreePorts(ports) {
  for (const port of ports) {
    if (await isFree(port)) continue
    const holder = runningClusters().find(({ listeners }) =>
      Object.values(listeners).some(list => list.some(address => address.endsWith(`:${port}`)))
    )
    if (holder) {
      throw new Error(
        `Port ${port} is taken by the local cluster "${holder.kind}". Stop it first: npm run kafka:stop`
      )
    }
    const what =
      (await probe({ port })) === 'kafka' ? 'a Kafka that was not started here' : 'another program'
    throw new Error(
      `Port ${port} is taken by ${what}. Stop it, or choose another one: npm run kafka:start -- --port <port>`
    )
  }
}

/**
 * Stops every detached cluster and removes its data.
 *
 * @returns {Promise<string[]>} kinds that were stopped
 */
async function stopDetached() {
  const states = Object.keys(KINDS)
    .map(readState)
    .filter(state => state !== undefined)
  for (const { kind, starter, ready, marks } of states) {
    if (!ready) await end([starter])
    await end(marks, { patience: SHUTDOWN_PATIENCE_MS })
    fs.rmSync(directoryOf(kind), { recursive: true, force: true })
  }
  return states.map(({ kind }) => kind)
}

module.exports = { DEFAULT_PORT, KINDS, runningClusters, startDetached, stopDetached }
