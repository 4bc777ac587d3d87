'use strict'

/**
 * A program that sends numbers to a topic and consumes them, until it is told to end:
 * `node numbers.js <broker> <topic> <group>`. Says how many were sent and handled, and how its consumer fares.
 */

const { subject } = require('../../harness')

const [, , broker, topic, groupId] = process.argv
const { Kafka, logLevel } = subject.load()

async function main() {
  const kafka = new Kafka({
    brokers: [broker],
    logLevel: logLevel.NOTHING,
    retry: { retries: 200, maxRetryTime: 300 },
  })
  const consumer = kafka.consumer({ groupId, retry: { retries: 200, maxRetryTime: 300 } })
  const handled = new Set()
  const news = { joins: 0, crashes: 0 }
  consumer.on(consumer.events.GROUP_JOIN, () => {
    news.joins += 1
  })
  consumer.on(consumer.events.CRASH, () => {
    news.crashes += 1
  })
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      handled.add(Number(message.value))
      process.send({ handled: handled.size })
    },
  })
  const producer = kafka.producer({ idempotent: true })
  await producer.connect()
  let ending = false
  process.once('message', () => {
    ending = true
  })
  let sent = 0
  while (!ending) await producer.send({ topic, messages: [{ value: `${sent++}` }] })
  await producer.disconnect()
  await consumer.disconnect()
  process.send({ ...news, sent })
  process.disconnect()
}

main()
