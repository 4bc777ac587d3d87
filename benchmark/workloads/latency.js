'use strict'

const { performance } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')
const { Latencies, startMeasurement } = require('../measurement')
const { makeValues } = require('../values')
const { countArrivals } = require('./arrivals')

/** Digits of a send time in microseconds at the front of a value. */
const TIME_DIGITS = 16
const WARM_UP_MESSAGES = 20

/**
 * Producer and consumer in one process: from the call of `send` to the call of the handler.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function latency(client, workload, { brokers, topic, groupId, size }) {
  const { valueBytes, ratePerSecond } = workload
  const [padding] = makeValues(valueBytes - TIME_DIGITS, 1)
  const producer = await client.connectProducer({ brokers, topic })
  const arrivals = countArrivals()
  let latencies = new Latencies()

  const consumer = await client.startConsumer({
    brokers,
    topic,
    groupId,
    onMessage(_partition, _offset, value) {
      const sentAt = Number(value.latin1Slice(0, TIME_DIGITS)) / 1000
      latencies.add(performance.now() - sentAt)
      arrivals.add()
    },
    onError: arrivals.fail,
  })

  let sent = 0
  const answers = []
  const send = () => {
    sent++
    const time = String(Math.round(performance.now() * 1000)).padStart(TIME_DIGITS, '0')
    answers.push(producer.send(producer.prepare([time + padding])))
  }

  for (let index = 0; index < WARM_UP_MESSAGES; index++) {
    send()
    await arrivals.reach(sent)
  }

  latencies = new Latencies()
  const warmUp = sent
  const end = startMeasurement()
  const startedAt = performance.now()
  for (let now = startedAt; now < startedAt + size.latencyMs; now = performance.now()) {
    const due = Math.floor(((now - startedAt) / 1000) * ratePerSecond)
    while (sent - warmUp < due) send()
    await sleep(1)
  }
  await Promise.all(answers)
  await arrivals.reach(sent)
  const measured = await end(sent - warmUp, latencies)

  await producer.disconnect()
  await consumer.stop()
  if (arrivals.count !== sent) {
    throw new Error(`${sent} messages were sent, but ${arrivals.count} arrived`)
  }
  return { measured, inLog: sent }
}

module.exports = { latency }
