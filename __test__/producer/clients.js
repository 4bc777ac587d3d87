'use strict'

/** Producers of ours for tests that compare with nothing. */

const { subject } = require('../harness')

/**
 * @param {import('node:test').TestContext} t  at whose end the producer is disconnected
 * @param {string[]} brokers
 * @param {object} [options]  of the producer
 * @param {object} [settings]  of its Kafka
 * @returns {Promise<import('kafkajs').Producer>} connected
 */
async function connectProducer(t, brokers, options, settings) {
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({
    clientId: 'producer-test',
    brokers,
    logLevel: logLevel.NOTHING,
    ...settings,
  })
  const producer = kafka.producer(options)
  t.after(() => producer.disconnect())
  await producer.connect()
  return producer
}

module.exports = { connectProducer }
