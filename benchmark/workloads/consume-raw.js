'use strict'

const { performance } = require('node:perf_hooks')
const { connectRaw } = require('../clients/raw/connection')
const { countFetched, encodeFetch } = require('../clients/raw/fetch')
const { startMeasurement } = require('../measurement')

/**
 * Fetches a topic on one socket, one request after the other, and counts the records by the headers of the batches.
 *
 * @param {import('.').Workload} workload
 * @param {import('.').Run} run
 * @returns {Promise<import('.').Result>}
 */
async function fetchRaw({ messages }, { brokers, topic, partitions, size }) {
  const startedAt = performance.now()
  const connection = await connectRaw(brokers[0])
  const offsets = Array.from({ length: partitions }, () => 0)
  const ask = async () => connection.ask(await encodeFetch(topic, offsets))

  let received = countFetched(await ask(), offsets)
  const firstMessageMs = performance.now() - startedAt
  const before = received
  const end = startMeasurement()
  const endAt = performance.now() + size.consumeMs
  while (received < messages && performance.now() < endAt) {
    received += countFetched(await ask(), offsets)
  }
  const measured = await end(received - before)
  await connection.close()
  return { measured: { ...measured, firstMessageMs } }
}

module.exports = { fetchRaw }
