'use strict'

const { startMeasurement } = require('../measurement')

/** Every so many messages of a partition the offset is compared with the count. */
const COMPARE_EVERY = 1000

/** @type {ReturnType<typeof import('.').runnerOf>} */
async function consume(client, { handler, valueBytes }, { brokers, topic, groupId, size }) {
  const counts = []
  let received = 0
  let bytes = 0
  let end = null

  let arrive
  let fail
  const arrival = new Promise((resolve, reject) => {
    arrive = resolve
    fail = reject
  })
  const onMessage = (partition, offset, value) => {
    end ??= startMeasurement()
    const count = (counts[partition] ?? 0) + 1
    counts[partition] = count
    if (count % COMPARE_EVERY === 0 && Number(offset) !== count - 1) {
      fail(new Error(`partition ${partition}: message ${count} has offset ${offset}`))
    }
    bytes += value.length
    if (++received === size.consumeMessages) arrive(end(received))
  }
  const [consumer, measured] = await Promise.all([
    client.startConsumer({ brokers, topic, groupId, handler, onMessage, onError: fail }),
    arrival,
  ])
  await consumer.stop()

  if (received !== size.consumeMessages || bytes !== received * valueBytes) {
    throw new Error(
      `${size.consumeMessages} messages of ${valueBytes} bytes were in the topic, ` +
        `but ${received} with ${bytes} bytes in all arrived`
    )
  }
  return { measured, inLog: size.consumeMessages }
}

module.exports = { consume }
