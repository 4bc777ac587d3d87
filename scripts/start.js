'use strict'

/**
 * `npm start`: everything from a fresh clone to the lesson's snippets on a real Kafka.
 *
 * Installs and builds what is missing, uses the Kafka at localhost:9092 or starts one there, runs the tour of the
 * lesson, and stops what it has started. With KAFKA_BROKERS=host:port,... the tour runs on that cluster.
 */

const path = require('node:path')
const { brokersOfEnvironment, probe, startSingle, useOrStartSingle } = require('../broker')
const { handleInterruption, run, throwIfInterrupted } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { ensureBuilt } = require('./build')
const { note, step } = require('./progress')

const ROOT = path.join(__dirname, '..')
const TOUR = path.join(ROOT, 'examples', 'lesson', 'tour.js')

/** Where the lesson's snippets look for their broker. */
const LESSON_PORT = 9092

/** @returns {Promise<{ stop(): Promise<void> }>} the cluster that the tour will find */
async function provideKafka() {
  if (brokersOfEnvironment() !== undefined) {
    const cluster = await useOrStartSingle()
    note(`KAFKA_BROKERS is set: using ${cluster.brokers.join(',')}`)
    return cluster
  }
  const found = await probe({ host: 'localhost', port: LESSON_PORT })
  if (found === 'kafka') {
    note(`A Kafka answers at localhost:${LESSON_PORT}: using it`)
    return { stop: async () => {} }
  }
  if (found === 'other') {
    throw new Error(
      `Port ${LESSON_PORT}, where the lesson expects its Kafka, is taken by another program. ` +
        'Stop that program, or name a Kafka of yours: KAFKA_BROKERS=host:port npm start'
    )
  }
  const cluster = await startSingle({ port: LESSON_PORT, log: note })
  note(`Started a Kafka at localhost:${LESSON_PORT}`)
  return cluster
}

async function main() {
  handleInterruption()
  checkRequirements({ kafka: brokersOfEnvironment() === undefined })
  await ensureInstalled()
  await ensureBuilt()
  throwIfInterrupted()
  const kafka = await step('Looking for a Kafka', provideKafka)
  try {
    const done = await step('The lesson', () => run(process.execPath, [TOUR], { cwd: ROOT }))
    if (!done) throw new Error('The tour of the lesson failed: see its message above')
  } finally {
    await kafka.stop()
  }
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
