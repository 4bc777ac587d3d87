'use strict'

/**
 * Batches with commits of one's own: what was written elsewhere is resolved, and what was resolved is committed.
 *
 *     node examples/batches.js [topic]
 *
 * Sends 1000 messages and consumes them with `eachBatch`. In a program of yours it is `require('kafkajs-rs')`.
 * KAFKA_BROKERS=host:port,... names the cluster; default localhost:9092.
 */

const { Kafka, CompressionTypes, Partitioners, logLevel } = require('..')

const MESSAGES = 1000
const CHUNK = 100
const topic = process.argv[2] ?? 'example-batches'
const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',')

/** Stands for a database that takes many rows at once. */
const rows = []
async function insertRows(messages) {
  rows.push(...messages.map(({ key, value }) => ({ key: `${key}`, value: `${value}` })))
}

async function main() {
  const kafka = new Kafka({ clientId: 'batches', brokers, logLevel: logLevel.WARN })

  const producer = kafka.producer({
    idempotent: true,
    createPartitioner: Partitioners.DefaultPartitioner,
  })
  await producer.connect()
  // Not awaited one by one: what is sent while a request is under way leaves together in the next one, in order.
  await Promise.all(
    Array.from({ length: MESSAGES }, (_, number) =>
      producer.send({
        topic,
        compression: CompressionTypes.ZSTD,
        messages: [{ key: `sensor-${number % 10}`, value: `${number}` }],
      })
    )
  )
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId: `${topic}-${process.pid}` })
  const done = new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer.on(consumer.events.END_BATCH_PROCESS, () => {
      if (rows.length >= MESSAGES) resolve()
    })
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachBatchAutoResolve: false,
    eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary, isRunning, isStale }) => {
      for (let at = 0; at < batch.messages.length; at += CHUNK) {
        // Somebody stops the consumer, or the partition was sought or taken away: the rest comes again.
        if (!isRunning() || isStale()) break
        const chunk = batch.messages.slice(at, at + CHUNK)
        await insertRows(chunk)
        resolveOffset(chunk.at(-1).offset)
      }
      await commitOffsetsIfNecessary()
    },
  })
  await done
  await consumer.disconnect()

  console.log(`${rows.length} rows, the last one of sensor-3 is`, rows.findLast(isOfSensor3).value)
}

const isOfSensor3 = ({ key }) => key === 'sensor-3'

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
