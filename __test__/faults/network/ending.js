'use strict'

/**
 * A program whose broker is gone for good before it ends. Tells when it has consumed something, and ends its consumer
 * when it is told to: `node ending.js <broker> <topic> <group> <session timeout>`.
 */

const { subject } = require('../../harness')

const [, , broker, topic, groupId, sessionTimeout] = process.argv
const { Kafka, logLevel } = subject.load()

async function main() {
  const kafka = new Kafka({ brokers: [broker], logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({
    groupId,
    sessionTimeout: Number(sessionTimeout),
    // For minutes.
    retry: { retries: 10_000, maxRetryTime: 200 },
  })
  await consumer.subscribe({ topic, fromBeginning: true })
  let count = 0
  const cut = new Promise(resolve => process.once('message', resolve))
  await consumer.run({
    eachMessage: async () => {
      count += 1
      if (count < 2) return
      // What is resolved by then cannot be committed any more.
      process.send('consuming')
      await cut
    },
  })
  await cut
  await consumer.disconnect()
  process.send('disconnected')
  process.disconnect()
}

main()
