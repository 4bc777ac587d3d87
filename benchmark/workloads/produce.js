'use strict'

const { performance } = require('node:perf_hooks')
const { Latencies, startMeasurement } = require('../measurement')
const { makeValues } = require('../values')

/** Distinct calls that take turns. */
const PREPARED_CALLS = 20

/** @type {ReturnType<typeof import('.').runnerOf>} */
async function produce(client, workload, { brokers, topic, partitions, size }) {
  // What a rate of the broker is measured with differs where clients gather calls in one request.
  const shape = client.name === 'raw' ? { ...workload, ...workload.raw } : workload
  const { valueBytes, perCall, inFlight, calls, acks, codec, idempotent, transaction } = shape

  const startedAt = performance.now()
  const producer = await client.connectProducer({
    brokers,
    topic,
    partitions,
    acks,
    codec,
    idempotent,
    transactionalId: transaction ? `${topic}-transactions` : undefined,
    awaited: inFlight === 1,
  })
  const values = makeValues(valueBytes, perCall * PREPARED_CALLS)
  const prepared = await Promise.all(
    Array.from({ length: PREPARED_CALLS }, (_, index) =>
      // Of one partition, so that a transaction adds one marker to the log.
      producer.prepare(
        values.slice(index * perCall, (index + 1) * perCall),
        transaction ? { partition: 0 } : undefined
      )
    )
  )
  let sent = 0
  const send = () => {
    const call = prepared[sent++ % PREPARED_CALLS]
    return transaction ? producer.sendTransaction(call) : producer.send(call)
  }

  const run = (ms, latencies) =>
    calls ? sendBursts(ms, calls, send, latencies) : sendFor(ms, inFlight, send, latencies)

  await send()
  const firstMessageMs = performance.now() - startedAt
  const warmUp = new Latencies()
  await run(size.warmUpMs, warmUp)

  const before = sent
  const latencies = new Latencies()
  const end = startMeasurement()
  await run(size.produceMs, latencies)
  const measured = await end((sent - before) * perCall, latencies)

  await producer.disconnect()
  const markers = transaction ? sent : 0
  return { measured: { ...measured, firstMessageMs }, inLog: sent * perCall + markers }
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

/** `calls` in one go, awaited together; and again, until the time is over. */
async function sendBursts(ms, calls, send, latencies) {
  const endAt = performance.now() + ms
  while (performance.now() < endAt) {
    const calledAt = performance.now()
    const answers = []
    for (let call = 0; call < calls; call++) {
      answers.push(send().then(() => latencies.add(performance.now() - calledAt)))
    }
    await Promise.all(answers)
  }
}

module.exports = { produce }
