'use strict'

/**
 * Read, process, write, exactly once: what is written, and the offset of what was read, become visible together or not
 * at all.
 *
 *     node examples/read-process-write.js [prefix]
 *
 * Sends 300 orders to `<prefix>-orders`, and turns them into totals by customer in `<prefix>-totals`, in transactions of
 * one batch each. One of them fails in the middle: it is aborted, its batch comes again, and no reader of committed
 * messages sees anything of it. In a program of yours it is `require('kafkajs-rs')`.
 * KAFKA_BROKERS=host:port,... names the cluster; default localhost:9092.
 */

const { Kafka, Partitioners, logLevel } = require('..')

const ORDERS = 300
const CUSTOMERS = ['ada', 'bob', 'cyd']
const prefix = process.argv[2] ?? 'example-read-process-write'
const source = `${prefix}-orders`
const target = `${prefix}-totals`
const groupId = `${prefix}-group`
const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',')
const createPartitioner = Partitioners.DefaultPartitioner

const kafka = new Kafka({ clientId: 'read-process-write', brokers, logLevel: logLevel.WARN })

async function sendOrders() {
  const producer = kafka.producer({ idempotent: true, createPartitioner })
  await producer.connect()
  const messages = Array.from({ length: ORDERS }, (_, number) => ({
    key: CUSTOMERS[number % CUSTOMERS.length],
    value: `${number}`,
  }))
  await producer.send({ topic: source, messages })
  await producer.disconnect()
}

/** Sums up a batch: one message for each of its customers. */
function totalsOf(messages) {
  const totals = new Map()
  for (const { key, value } of messages) {
    totals.set(`${key}`, (totals.get(`${key}`) ?? 0) + Number(value))
  }
  return Array.from(totals, ([key, total]) => ({ key, value: `${total}` }))
}

/** Consumes until every order has been processed; gives the number of transactions that were aborted. */
async function processOrders() {
  // The same id in every process that takes over this work: who starts ends what its predecessor left open.
  const producer = kafka.producer({
    transactionalId: `${prefix}-processor`,
    maxInFlightRequests: 1,
    createPartitioner,
  })
  const consumer = kafka.consumer({ groupId })
  // With it the broker refuses offsets of a member that the group has moved on from (KIP-447).
  let groupMetadata
  consumer.on(consumer.events.GROUP_JOIN, () => {
    groupMetadata = undefined
  })
  consumer.on(consumer.events.HEARTBEAT, ({ payload: { memberId, groupGenerationId } }) => {
    groupMetadata = { memberId, generationId: groupGenerationId }
  })
  await producer.connect()
  await consumer.subscribe({ topics: [source], fromBeginning: true })

  let processed = 0
  let aborted = 0
  let accident = new Error('a power cut, say')
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => {
      if (!payload.restart) reject(payload.error)
    })
    consumer
      .run({
        // The offsets are committed by the transactions.
        autoCommit: false,
        eachBatch: async ({ batch }) => {
          const { topic, partition, messages } = batch
          const transaction = await producer.transaction()
          try {
            await transaction.send({ topic: target, messages: totalsOf(messages) })
            if (accident) {
              const error = accident
              accident = null
              throw error
            }
            await transaction.sendOffsets({
              consumerGroupId: groupId,
              groupMetadata,
              topics: [
                {
                  topic,
                  partitions: [{ partition, offset: `${BigInt(batch.lastOffset()) + 1n}` }],
                },
              ],
            })
            await transaction.commit()
          } catch (error) {
            aborted += 1
            await transaction.abort()
            // The consumer tries the batch again.
            throw error
          }
          processed += messages.length
          if (processed === ORDERS) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  await producer.disconnect()
  return aborted
}

/** Adds up what readers of committed messages see. */
async function readTotals() {
  const consumer = kafka.consumer({ groupId: `${groupId}-reader` })
  await consumer.subscribe({ topics: [target], fromBeginning: true })
  const sums = Object.fromEntries(CUSTOMERS.map(name => [name, 0]))
  const expected = (ORDERS * (ORDERS - 1)) / 2
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    consumer
      .run({
        eachMessage: async ({ message: { key, value } }) => {
          sums[key] += Number(value)
          if (Object.values(sums).reduce((sum, each) => sum + each) >= expected) resolve()
        },
      })
      .catch(reject)
  })
  await consumer.disconnect()
  return sums
}

async function main() {
  await sendOrders()
  const aborted = await processOrders()
  console.log(`${ORDERS} orders processed, ${aborted} transaction aborted and repeated`)
  for (const [name, sum] of Object.entries(await readTotals())) console.log(`${name}: ${sum}`)
}

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
