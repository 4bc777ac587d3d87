'use strict'

const { performance } = require('node:perf_hooks')
const { Latencies, startMeasurement } = require('../measurement')
const { makeValues } = require('../values')

/**
 * From making a consumer of a group that the broker has never seen to the first call of its handler, again and
 * again with a new group.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function firstMessage(client, { valueBytes }, { brokers, topic, groupId, size }) {
  const producer = await client.connectProducer({ brokers, topic })
  await producer.send(producer.prepare(makeValues(valueBytes, 1)))
  await producer.disconnect()

  const latencies = new Latencies()
  const end = startMeasurement()
  for (let group = 0; group < size.groups; group++) {
    latencies.add(await joinAndRead(client, { brokers, topic, groupId: `${groupId}-${group}` }))
  }
  return { measured: await end(size.groups, latencies), inLog: 1 }
}

async function joinAndRead(client, where) {
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
  await consumer.stop()
  return arrivedAt - startedAt
}

module.exports = { firstMessage }
