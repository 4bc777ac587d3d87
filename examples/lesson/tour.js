'use strict'
require('./use-kafkajs-rs')

/**
 * Runs the whole lesson in order on a real Kafka, prints what happens, and checks it in the broker.
 *
 *     node examples/lesson/tour.js [--force]
 *
 * - `--force`: topics named `orders`, `payments`, `user-events`, `analytics` are deleted even if the lesson has
 *   not made them
 * - `KAFKA_BROKERS`: `host:port,...` in place of `localhost:9092`
 * - `KAFKA_CLIENT=kafkajs`: the same with kafkajs, to see where the two differ
 *
 * Exits with 0 when everything is as the lesson says, else prints a reason and exits with 1.
 */

process.env.KAFKAJS_LOG_LEVEL ??= 'NOTHING'
process.env.KAFKA_CLIENT ||= 'kafkajs-rs'

const { parseArgs } = require('node:util')
const { kafka, producer } = require('./1-producer-configuration')
const { renewTopics } = require('./topics')
const { producerConfiguration } = require('./tour/part-1-producer')
const { batchSending } = require('./tour/part-2-batch-sending')
const { consumerApi } = require('./tour/part-3-consumer-api')
const { manualCommitOffset } = require('./tour/part-4-manual-commit')
const { gracefulShutdown } = require('./tour/part-5-graceful-shutdown')
const { TourError, createReport } = require('./tour/report')

const PARTS = [
  producerConfiguration,
  batchSending,
  consumerApi,
  manualCommitOffset,
  gracefulShutdown,
]
const DEADLINE_MS = 120000

async function tour() {
  const { values } = parseArgs({ options: { force: { type: 'boolean', default: false } } })
  const brokers = process.env.KAFKA_BROKERS ?? 'localhost:9092'
  const client = process.env.KAFKA_CLIENT
  const report = createReport(line => console.log(line))
  const admin = kafka.admin()
  const startedAt = Date.now()

  console.log(`The lesson, with ${client}, on the Kafka at ${brokers}`)
  try {
    await admin.connect()
    await renewTopics(admin, values)
    for (const part of PARTS) {
      await part({ admin, broker: brokers.split(',')[0].trim(), client, report })
    }
    console.log('')
    console.log(
      `📝 ${report.checks} checks passed in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`
    )
  } finally {
    await producer.disconnect()
    await admin.disconnect()
  }
}

// Not a limit of a part, but of all together: it also catches what would wait for ever.
setTimeout(
  () => fail(new TourError(`The tour did not end within ${DEADLINE_MS} ms`)),
  DEADLINE_MS
).unref()

function fail(error) {
  console.error('')
  console.error(
    `The tour stopped: ${error instanceof TourError ? error.message : (error.stack ?? error)}`
  )
  process.exit(1)
}

tour().catch(fail)
