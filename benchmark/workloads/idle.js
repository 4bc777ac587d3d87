'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { startMeasurement } = require('../measurement')
const { readOne } = require('./read-one')

/** For what still happens after the first message: commits, collected garbage. */
const SETTLE_MS = 500

/**
 * The CPU time of a consumer that waits for messages.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function idle(client, _workload, { brokers, topic, groupId, size }) {
  const { consumer } = await readOne(client, { brokers, topic, groupId })
  await sleep(SETTLE_MS)
  const end = startMeasurement({ loop: false })
  await sleep(size.idleMs)
  const measured = await end(1)
  await consumer.stop()
  return { measured }
}

module.exports = { idle }
