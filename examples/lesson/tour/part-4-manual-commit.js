'use strict'

const { kafka, producer } = require('../1-producer-configuration')
const { createLessonConsumer } = require('../3-consumer-api')
const { runWithManualCommit } = require('../4-manual-commit-offset')
const { runWithCommitByBatch } = require('../4-commit-by-batch')
const { TOPICS_READ } = require('../topics')
const { readCommitted, showCommitted } = require('./committed-offsets')
const { until } = require('./report')

const BATCH = 5

async function manualCommitOffset({ admin, client, report }) {
  report.section('4. Manual Commit Offset')
  await commitAfterSuccess({ admin, report })
  report.section('   Hoặc commit theo batch (or commit by batch)')
  await commitByBatch({ admin, client, report })
}

async function commitAfterSuccess({ admin, report }) {
  const committed = async place => (await readCommitted(admin))[place]
  const deliveries = []
  let mayFail = true
  const processMessage = async ({ offset, value }) => {
    const { orderId, fails } = JSON.parse(value)
    deliveries.push(`${orderId} at offset ${offset}`)
    if (fails && mayFail) throw new Error(`order ${orderId} cannot be processed`)
  }

  const { place, base } = await sendOrders([{ orderId: 'A' }, { orderId: 'B', fails: true }])
  const [a, b] = [`A at offset ${base}`, `B at offset ${base + 1}`]

  await withMember(async consumer => {
    await runWithManualCommit({ consumer, processMessage, console: report.console() })
    await report.becomes('A was processed, B failed', () => deliveries, [a, b])
    await report.becomes(
      `A is committed as its offset + 1 = ${base + 1}, B is not`,
      () => committed(place),
      base + 1
    )
  })
  report.check('leaving the group commits nothing more', await committed(place), base + 1)

  mayFail = false
  await withMember(async consumer => {
    await runWithManualCommit({ consumer, processMessage, console: report.console() })
    await report.becomes('after a restart B is read again, A is not', () => deliveries, [a, b, b])
    await report.becomes(`now B is committed as ${base + 2}`, () => committed(place), base + 2)
  })
  report.say('note: a later success in the same partition would have committed past B')
}

async function commitByBatch({ admin, client, report }) {
  report.say(`committed before: ${showCommitted(await readCommitted(admin))}`)
  const processed = []
  const processMessage = async ({ offset }) => {
    processed.push(Number(offset))
  }
  const { place, base } = await sendOrders(
    Array.from({ length: BATCH }, (_, index) => ({ orderId: `batch ${index + 1}` }))
  )
  const offsets = Array.from({ length: BATCH }, (_, index) => base + index)
  const committed = async () => (await readCommitted(admin))[place]

  await withMember(async consumer => {
    await runWithCommitByBatch({ consumer, processMessage })
    await until(
      'eachBatch has handled all',
      () => processed.length,
      count => count >= BATCH
    )
    report.check(`eachBatch handled ${BATCH} orders`, processed, offsets)
    if (client === 'kafkajs-rs') {
      await report.becomes(
        `commitOffsetsIfNecessary() committed what was resolved: ${base + BATCH}`,
        committed,
        base + BATCH
      )
    }
  })

  if (client === 'kafkajs') {
    report.check(
      `commitOffsetsIfNecessary() of kafkajs does nothing without an interval or threshold: still ${base}`,
      await committed(),
      base
    )
    report.say(
      'this is where kafkajs-rs differs on purpose: there it commits, as the lesson expects'
    )
  }
  report.say(`committed after: ${showCommitted(await readCommitted(admin))}`)
}

/** All with one key, hence in one partition, in order. */
async function sendOrders(orders) {
  const messages = orders.map(order => ({ key: 'order-123', value: JSON.stringify(order) }))
  const [{ topicName, partition, baseOffset }] = await producer.send({ topic: 'orders', messages })
  return { place: `${topicName}/${partition}`, base: Number(baseOffset) }
}

/** A new member of the lesson's group, subscribed but not running, for as long as `body` takes. */
async function withMember(body) {
  const { consumer } = createLessonConsumer({ kafka })
  try {
    await consumer.connect()
    await consumer.subscribe({ topics: TOPICS_READ })
    await body(consumer)
  } finally {
    await consumer.disconnect()
  }
}

module.exports = { manualCommitOffset }
