'use strict'

const { performance } = require('node:perf_hooks')
const { Latencies, startMeasurement } = require('../measurement')
const { makeValues } = require('../values')

/** Distinct calls that take turns. */
const PREPARED_CALLS = 20

/** @type {ReturnType<typeof import('.').runnerOf>} */
async function produce(client, workload, { brokers, topic, size }) {
  const { valueBytes, perCall, inFlight, calls, acks, codec, idempotent } = workload
  const producer = await client.connectProducer({ brokers, topic, acks, codec, idempotent })
  const values = makeValues(valueBytes, perCall * PREPARED_CALLS)
  const prepared = Array.from({ length: PREPARED_CALLS }, (_, index) =>
    producer.prepare(values.slice(index * perCall, (index + 1) * perCall))
  )
  let sent = 0
  const send = () => producer.send(prepared[sent++ % PREPARED_CALLS])

  await send()
  const warmUp = new Latencies()
  await (calls
    ? sendAtOnce(calls / 10, send, warmUp)
    : sendFor(size.warmUpMs, inFlight, send, warmUp))

  const before = sent
  const latencies = new Latencies()
  const end = startMeasurement()
  await (calls
    ? sendAtOnce(calls, send, latencies)
    : sendFor(size.produceMs, inFlight, send, latencies))
  const measured = await end((sent - before) * perCall, latencies)

  await producer.disconnect()
  return { measured, inLog: sent * perCall }
}

/** `inFlight` callers, each of which awaits its call before the next one. */
async function sendFor(ms, inFlight, send, latencies) {
  const endAt = performance.now() + ms
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      let now = performance.now()
      while (now < endAt) {
        const calledAt = now
        await send()
        now = performance.now()
        latencies.add(now - calledAt)
      }
    })
  )
}

/** All calls in one go, awaited together. */
async function sendAtOnce(calls, send, latencies) {
  const calledAt = performance.now()
  const answers = []
  for (let call = 0; call < calls; call++) {
    answers.push(send().then(() => latencies.add(performance.now() - calledAt)))
  }
  await Promise.all(answers)
}

module.exports = { produce }
