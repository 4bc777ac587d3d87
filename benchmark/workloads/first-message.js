'use strict'

const { Latencies, startMeasurement } = require('../measurement')
const { makeValues } = require('../values')
const { readOne } = require('./read-one')

/**
 * From making a consumer of a group that the broker has never seen to the first call of its handler, again and
 * again with a new group.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function firstMessage(client, { valueBytes }, { brokers, topic, groupId, size }) {
  const producer = await client.connectProducer({ brokers, topic })
  await producer.send(await producer.prepare(makeValues(valueBytes, 1)))
  await producer.disconnect()

  const latencies = new Latencies()
  const end = startMeasurement()
  for (let group = 0; group < size.groups; group++) {
    const where = { brokers, topic, groupId: `${groupId}-${group}` }
    const { consumer, elapsedMs } = await readOne(client, where)
    latencies.add(elapsedMs)
    await consumer.stop()
  }
  return { measured: await end(size.groups, latencies), inLog: 1 }
}

module.exports = { firstMessage }
