'use strict'

/**
 * A program for every runtime: makes a topic, sends each way, consumes by message and by batch, commits, and ends by
 * itself. Prints `SMOKE ok` as its last line.
 *
 *     KAFKA_BROKERS=host:port <runtime> __test__/runtimes/programs/smoke.js
 */

const assert = require('node:assert')
const { randomBytes } = require('node:crypto')
const { CompressionTypes, Kafka, KafkaJSError, logLevel } = require('../../..')

const DEADLINE_MS = 30_000

const brokers = process.env.KAFKA_BROKERS.split(',')
const topic = `smoke-${randomBytes(6).toString('hex')}`
const types = ['None', 'GZIP', 'Snappy', 'LZ4', 'ZSTD']

async function main() {
  const kafka = new Kafka({ clientId: 'smoke', brokers, logLevel: logLevel.NOTHING })
  const admin = kafka.admin()
  const producer = kafka.producer()
  const transactional = kafka.producer({ transactionalId: `${topic}-tx`, maxInFlightRequests: 1 })
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 })

  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  await Promise.all([producer.connect(), transactional.connect(), consumer.connect()])
  for (const type of types) {
    const messages = [{ key: type, value: `by ${type}`, headers: { type } }]
    await producer.send({ topic, compression: CompressionTypes[type], messages })
  }
  const transaction = await transactional.transaction()
  await transaction.send({ topic, messages: [{ key: 'transaction', value: 'by transaction' }] })
  await transaction.commit()
  await assert.rejects(producer.send({ topic, messages: [{}] }), KafkaJSError)

  const expected = [...types, 'transaction'].map(key => `${key}: by ${key}`)
  const seen = []
  let requests = 0
  consumer.on(consumer.events.REQUEST, () => {
    requests += 1
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    const eachMessage = async ({ message, heartbeat }) => {
      seen.push(`${message.key}: ${message.value}`)
      await heartbeat()
      if (seen.length === expected.length) resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  assert.deepStrictEqual(seen, expected)
  assert.ok(requests > 0)
  await consumer.stop()
  // A control record ends the transaction, so the position is past it or before it.
  const [{ partitions }] = await admin.fetchOffsets({ groupId: topic, topics: [topic] })
  assert.ok(Number(partitions[0].offset) >= expected.length, JSON.stringify(partitions))

  await Promise.all([consumer, producer, transactional, admin].map(each => each.disconnect()))
  console.log('SMOKE ok')
}

const deadline = setTimeout(() => {
  console.error(`The program has not ended after ${DEADLINE_MS} ms`)
  process.exit(1)
}, DEADLINE_MS)
deadline.unref()

main().catch(error => {
  console.error(error)
  process.exit(1)
})
