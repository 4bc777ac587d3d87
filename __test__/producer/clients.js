'use strict'

/** Producers of ours for tests that compare with nothing. */

const { subject } = require('../harness')

/**
 * @param {import('node:test').TestContext} t  at whose end the producer is disconnected
 * @param {string[] | { brokers: string[], close: () => Promise<void> }} brokers  addresses, or a scripted broker, which
 *   is closed after the producer
 * @param {object} [options]  of the producer
 * @param {object} [settings]  of its Kafka
 * @returns {Promise<import('kafkajs').Producer>} connected
 */
async function connectProducer(t, brokers, options, settings) {
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({
    clientId: 'producer-test',
    brokers: brokers.brokers ?? brokers,
    logLevel: logLevel.NOTHING,
    ...settings,
  })
  const producer = kafka.producer(options)
  t.after(async () => {
    await producer.disconnect()
    await brokers.close?.()
  })
  await producer.connect()
  return producer
}

module.exports = { connectProducer }
