'use strict'

const { performance } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')
const { Latencies, startMeasurement } = require('../measurement')
const { readOne } = require('./read-one')

/** After the first message: the next fetch waits at the broker by then. */
const IDLE_MS = 200

/**
 * How long it takes to end a consumer that has nothing to do, again and again with a new group.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function disconnect(client, _workload, { brokers, topic, groupId, size }) {
  const latencies = new Latencies()
  const end = startMeasurement()
  for (let group = 0; group < size.groups; group++) {
    const where = { brokers, topic, groupId: `${groupId}-${group}` }
    const { consumer } = await readOne(client, where)
    await sleep(IDLE_MS)
    const startedAt = performance.now()
    await consumer.stop()
    latencies.add(performance.now() - startedAt)
  }
  return { measured: await end(size.groups, latencies) }
}

module.exports = { disconnect }
