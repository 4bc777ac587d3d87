'use strict'

const { performance } = require('node:perf_hooks')

/**
 * Starts a consumer and waits for its first message.
 *
 * @param {import('../clients').Client} client
 * @param {{ brokers: string[], topic: string, groupId: string }} where - the topic holds a message
 * @returns {Promise<{ consumer: import('../clients').BenchConsumer, elapsedMs: number }>} elapsedMs: until the handler
 *   was called
 */
async function readOne(client, where) {
  const startedAt = performance.now()
  let arrive
  let fail
  const arrival = new Promise((resolve, reject) => {
    arrive = resolve
    fail = reject
  })
  const onMessage = () => arrive(performance.now())
  const [consumer, arrivedAt] = await Promise.all([
    client.startConsumer({ ...where, onMessage, onError: fail }),
    arrival,
  ])
  return { consumer, elapsedMs: arrivedAt - startedAt }
}

module.exports = { readOne }
