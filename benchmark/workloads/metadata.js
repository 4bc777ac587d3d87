'use strict'

const { performance } = require('node:perf_hooks')
const { Latencies, startMeasurement } = require('../measurement')

/**
 * An admin client asks for the metadata of all topics, again and again.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function metadata(client, { topics }, { brokers, size }) {
  const admin = await client.connectAdmin({ brokers })
  const ask = async () => {
    const found = await admin.countTopics()
    if (found < topics) throw new Error(`there are ${topics} topics and more, but it has ${found}`)
  }
  await ask()

  const latencies = new Latencies()
  const end = startMeasurement()
  const endAt = performance.now() + size.produceMs
  let calls = 0
  for (let now = performance.now(); now < endAt; calls++) {
    const calledAt = now
    await ask()
    now = performance.now()
    latencies.add(now - calledAt)
  }
  const measured = await end(calls, latencies)
  await admin.disconnect()
  return { measured }
}

module.exports = { metadata }
