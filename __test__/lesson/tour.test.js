'use strict'

/**
 * The tour passes, with kafkajs-rs and with kafkajs. The lesson's topics and group have fixed names, so it gets a
 * Kafka of its own.
 */

const assert = require('node:assert/strict')
const { execFile } = require('node:child_process')
const path = require('node:path')
const { after, before, test } = require('node:test')
const { startSingle } = require('../../broker')

const TOUR = path.join(__dirname, '../../examples/lesson/tour.js')
const TOUR_DEADLINE_MS = 150000

let cluster

before(async () => {
  cluster = await startSingle()
})
after(() => cluster?.stop())

/** @returns {Promise<{ code: number, output: string }>} */
function runTour(client, ...args) {
  const env = { ...process.env, KAFKA_BROKERS: cluster.brokers.join(','), KAFKA_CLIENT: client }
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [TOUR, ...args],
      { env, timeout: TOUR_DEADLINE_MS },
      (error, stdout, stderr) => resolve({ code: error ? error.code : 0, output: stdout + stderr })
    )
  })
}

async function withAdmin(body) {
  const { Kafka, logLevel } = require('kafkajs')
  const admin = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).admin()
  await admin.connect()
  try {
    return await body(admin)
  } finally {
    await admin.disconnect()
  }
}

test('topics that the lesson has not made are left alone', async () => {
  await withAdmin(admin => admin.createTopics({ topics: [{ topic: 'orders', numPartitions: 7 }] }))

  const { code, output } = await runTour('kafkajs')

  assert.match(output, /has topics of the lesson's names \(orders\) which the lesson has not made/)
  assert.equal(code, 1)
  const offsets = await withAdmin(admin => admin.fetchTopicOffsets('orders'))
  assert.equal(offsets.length, 7, 'the topic is still the same')
})

test('with kafkajs: every check passes, commitOffsetsIfNecessary() does nothing', async () => {
  const { code, output } = await runTour('kafkajs', '--force')

  assert.match(output, /\n📝 \d+ checks passed/)
  assert.match(output, /ok {2}commitOffsetsIfNecessary\(\) of kafkajs does nothing/)
  assert.equal(code, 0, output)
})

test('with kafkajs-rs, on what the last run has left: every check passes, it commits', async () => {
  const { code, output } = await runTour('kafkajs-rs')

  assert.match(output, /\n📝 \d+ checks passed/, output)
  assert.match(output, /ok {2}commitOffsetsIfNecessary\(\) committed what was resolved/)
  assert.equal(code, 0, output)
})
