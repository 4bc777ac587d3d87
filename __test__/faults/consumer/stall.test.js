'use strict'

/** A partition that has data and gives none: it is said so, and it is asked for again on new connections. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const createRecord = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
const { startScriptedBroker } = require('../../consumer/scriptedBroker')
const { subject, waitFor } = require('../../harness')

/** As documented: 30 s without progress. */
const STALL_MS = 30_000
const END = 3

const batch = async (firstOffset, count) => {
  const records = Array.from({ length: count }, (_, offsetDelta) =>
    createRecord({ offsetDelta, key: null, value: `${firstOffset + offsetDelta}` })
  )
  const encoder = await RecordBatch({ firstOffset, lastOffsetDelta: count - 1, records })
  return encoder.buffer
}

test('a stalled partition is logged, counted and fetched on new connections', {
  timeout: 120_000,
}, async t => {
  // Those that are there before anybody can have noticed: what comes later works.
  const stuck = new Set()
  let stuckUntil = Infinity
  const broker = await startScriptedBroker({
    topic: 't',
    fetch: async ({ offset, connection }) => {
      if (performance.now() < stuckUntil) stuck.add(connection)
      // Says that there is more, and gives nothing.
      if (offset === 0) return { records: await batch(0, 1), end: END }
      if (stuck.has(connection)) return { end: END }
      return offset < END ? { records: await batch(offset, END - offset), end: END } : { end: END }
    },
  })
  const { Kafka } = subject.load()
  const logs = []
  const kafka = new Kafka({ brokers: broker.brokers, logCreator: () => line => logs.push(line) })
  const consumer = kafka.consumer({ groupId: 'g', maxWaitTimeInMs: 200 })
  t.after(async () => {
    await consumer.disconnect()
    await broker.close()
  })
  const messages = []
  let joins = 0
  consumer.on(consumer.events.GROUP_JOIN, () => joins++)
  await consumer.subscribe({ topic: 't', fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => messages.push(`${message.value}`) })
  await waitFor(() => messages.length === 1, { deadline: 20_000 })
  const since = performance.now()
  stuckUntil = since + STALL_MS - 5000

  const warnings = () => logs.filter(({ log }) => log.message.includes('has given none for'))
  const deadline = STALL_MS + 30_000
  await waitFor(() => warnings().length === 1, { deadline, message: 'the warning' })
  assert.ok(performance.now() - since > STALL_MS - 2000)
  const [{ label, namespace, log }] = warnings()
  assert.deepEqual([label, namespace], ['WARN', 'ConsumerGroup'])
  assert.deepEqual([log.topic, log.partition, log.stalls, log.groupId], ['t', 0, 1, 'g'])
  await waitFor(() => messages.length === END, { deadline: 20_000, message: 'the rest' })
  assert.deepEqual(messages, ['0', '1', '2'])
  assert.equal(joins, 1)
})
