'use strict'

/**
 * A local Apache Kafka for tests, benchmark and examples.
 *
 *     const { startSingle } = require('../broker')
 *     const kafka = await startSingle()      // kafka.brokers -> ['127.0.0.1:23456']
 *     await kafka.kill(1)                    // pause, resume, shutdown, restart
 *     await kafka.stop()
 *
 * Every start is a new, empty cluster on free ports; it ends with the process that started it.
 */

const { setTimeout: sleep } = require('node:timers/promises')
const { startCluster } = require('./cluster')
const { isCoordinating, probe } = require('./probe')
const { freePorts } = require('./ports')

/**
 * Starts one node, 2 to 3 s when everything is in place.
 *
 * With `secured`, `cluster.listeners` also has saslPlaintext, saslSsl, ssl, mtls and saslReauth (sessions of 5 s),
 * `cluster.tls` the keys and `cluster.users` the users.
 *
 * @param {import('./cluster').StartOptions} [options]
 * @returns {Promise<import('./cluster').Cluster>}
 */
function startSingle(options) {
  return startCluster(1, options)
}

/**
 * Starts three nodes, each broker and controller, replication factor 3, racks r1 to r3; 5 to 10 s.
 *
 * @param {import('./cluster').StartOptions} [options]
 * @returns {Promise<import('./cluster').Cluster>}
 */
async function startThree(options = {}) {
  if (options.secured) throw new TypeError('secured: only a single node can be secured')
  return startCluster(3, options)
}

const COORDINATOR_DEADLINE_MS = 30_000
const POLL_MS = 50

/**
 * As `startSingle`, for what begins with a group at once: the first to ask a new broker for a coordinator gets
 * COORDINATOR_NOT_AVAILABLE.
 *
 * @param {import('./cluster').StartOptions} [options]
 * @returns {Promise<import('./cluster').Cluster>}
 */
async function startCoordinating(options) {
  const cluster = await startSingle(options)
  const port = Number(cluster.brokers[0].split(':').at(-1))
  const deadline = Date.now() + COORDINATOR_DEADLINE_MS
  while (!(await isCoordinating({ port }))) {
    if (Date.now() > deadline) {
      await cluster.stop()
      throw new Error(`Kafka coordinates no groups after ${COORDINATOR_DEADLINE_MS} ms`)
    }
    await sleep(POLL_MS)
  }
  return cluster
}

/**
 * The cluster of KAFKA_BROKERS (host:port,host:port) if that is set, else a node of its own.
 *
 * @param {import('./cluster').StartOptions} [options] for the node
 * @returns {Promise<{ brokers: string[], existing: boolean, stop(): Promise<void> }>} stop() leaves an existing cluster alone
 * @throws {Error} if KAFKA_BROKERS is no list of host:port, or none of them answers
 */
async function useOrStartSingle(options) {
  const existing = brokersOfEnvironment()
  if (existing === undefined) {
    const cluster = await startCoordinating(options)
    return { brokers: cluster.brokers, existing: false, stop: () => cluster.stop() }
  }
  await requireKafka(existing)
  return { brokers: existing, existing: true, stop: async () => {} }
}

/**
 * @returns {string[] | undefined} what KAFKA_BROKERS lists, undefined if it is unset or empty
 * @throws {Error} if an entry is not host:port
 */
function brokersOfEnvironment() {
  const text = process.env.KAFKA_BROKERS
  if (!text) return undefined
  const brokers = text.split(',').map(entry => entry.trim())
  for (const broker of brokers) {
    if (!/^(\[[0-9a-fA-F:.]+\]|[^:\s]+):\d{1,5}$/.test(broker)) {
      throw new Error(`KAFKA_BROKERS must be host:port,host:port,... but has "${broker}"`)
    }
  }
  return brokers
}

async function requireKafka(brokers) {
  const answers = await Promise.all(
    brokers.map(broker => {
      const colon = broker.lastIndexOf(':')
      const host = broker.slice(0, colon).replace(/^\[|\]$/g, '')
      return probe({ host, port: Number(broker.slice(colon + 1)), timeout: 5000 })
    })
  )
  if (answers.includes('kafka')) return
  throw new Error(
    `KAFKA_BROKERS=${brokers.join(',')}: no Kafka answers there (${answers.join(', ')}). ` +
      'Start it, or unset KAFKA_BROKERS to use a local one.'
  )
}

module.exports = {
  brokersOfEnvironment,
  freePorts,
  probe,
  startCoordinating,
  startSingle,
  startThree,
  useOrStartSingle,
}
