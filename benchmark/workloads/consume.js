'use strict'

const { performance } = require('node:perf_hooks')
const { setImmediate: nextTurn, setTimeout: sleep } = require('node:timers/promises')
const { startMeasurement } = require('../measurement')
const { fetchRaw } = require('./consume-raw')

/** As fast as any other number, and faster than being pushed. */
const TAKE = 1000
/** Every so many messages the time, and the offset of the partition's message with its count, are looked at. */
const LOOK_EVERY = 500

/**
 * Reads a topic to its end or, if that takes longer, for as long as a run may take.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function consume(client, workload, run) {
  if (client.name === 'raw') return fetchRaw(workload, run)
  const { handler, concurrency, handlerWork, valueBytes, messages } = workload
  const { brokers, topic, groupId, size } = run
  const lookEvery = handlerWork === 'slow' ? 1 : LOOK_EVERY
  const counts = []
  let received = 0
  let bytes = 0
  let done = false
  let end = null
  let endAt
  let firstMessageMs

  let arrive
  let fail
  const arrival = new Promise((resolve, reject) => {
    arrive = resolve
    fail = reject
  })
  const count = (partition, offset, value) => {
    if (done) return
    if (!end) {
      firstMessageMs = performance.now() - startedAt
      end = startMeasurement()
      endAt = performance.now() + size.consumeMs
    }
    const counted = (counts[partition] ?? 0) + 1
    counts[partition] = counted
    bytes += value.length
    received++
    if (received === messages || received % lookEvery === 0) {
      if (Number(offset) !== counted - 1) {
        fail(new Error(`partition ${partition}: message ${counted} has offset ${offset}`))
      }
      if (received === messages || performance.now() >= endAt) {
        done = true
        arrive(end(received))
      }
    }
  }
  const startedAt = performance.now()
  const [consumer, measured] = await Promise.all([
    client.startConsumer({
      brokers,
      topic,
      groupId,
      handler,
      concurrency,
      awaits: handlerWork !== undefined,
      take: TAKE,
      onMessage: withWork(handlerWork, count),
      onError: fail,
    }),
    arrival,
  ])
  await consumer.stop()

  if (bytes !== received * valueBytes) {
    throw new Error(`${received} messages of ${valueBytes} bytes arrived as ${bytes} bytes in all`)
  }
  return { measured: { ...measured, firstMessageMs } }
}

/** How long a slow handler takes, ms. */
const SLOW_MS = 10

/** What the handler awaits besides counting. */
function withWork(work, count) {
  const works = {
    turn: async (...message) => {
      count(...message)
      await nextTurn()
    },
    slow: async (...message) => {
      count(...message)
      await sleep(SLOW_MS)
    },
  }
  return works[work] ?? count
}

module.exports = { consume }
