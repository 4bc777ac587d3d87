'use strict'

/**
 * TLS and SCRAM.
 *
 *     KAFKA_BROKERS=localhost:9094 KAFKA_CA=ca.pem KAFKA_USER=admin KAFKA_PASSWORD=... node examples/secure.js
 *
 * Prints the brokers that answer this user. `npm run kafka:start -- secured` gives you such a Kafka and prints what to
 * set. In a program of yours it is `require('kafkajs-rs')`.
 */

const fs = require('node:fs')
const { Kafka, KafkaJSSASLAuthenticationError, logLevel } = require('..')

const { KAFKA_BROKERS, KAFKA_CA, KAFKA_USER, KAFKA_PASSWORD } = process.env

async function main() {
  const kafka = new Kafka({
    clientId: 'secure',
    brokers: (KAFKA_BROKERS ?? 'localhost:9092').split(','),
    // Without an authority of its own: `ssl: true`.
    ssl: KAFKA_CA ? { ca: [fs.readFileSync(KAFKA_CA)] } : true,
    sasl: { mechanism: 'scram-sha-512', username: KAFKA_USER, password: KAFKA_PASSWORD },
    logLevel: logLevel.NOTHING,
  })
  const admin = kafka.admin()
  try {
    await admin.connect()
    const { brokers } = await admin.describeCluster()
    console.log(`${KAFKA_USER} is in: ${brokers.map(({ host, port }) => `${host}:${port}`)}`)
  } catch (error) {
    // Told at once and not tried again: a wrong password stays wrong.
    if (!(error instanceof KafkaJSSASLAuthenticationError)) throw error
    console.log(`Not let in: ${error.message}`)
    process.exitCode = 2
  } finally {
    await admin.disconnect()
  }
}

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
