'use strict'

/** What the programs of this folder do with a copy of the package. */

const { randomBytes } = require('node:crypto')

const brokers = process.env.KAFKA_BROKERS.split(',')

/** @returns {string} a name nobody used before */
const uniqueName = prefix => `${prefix}-${randomBytes(6).toString('hex')}`

/** A silent client of this copy. */
const connectTo = ({ Kafka, logLevel }) =>
  new Kafka({ clientId: 'runtimes', brokers, logLevel: logLevel.NOTHING })

/** Makes a topic of one partition. */
async function makeTopic(copy) {
  const topic = uniqueName('runtimes')
  const admin = connectTo(copy).admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 1 }] })
  await admin.disconnect()
  return topic
}

/** Sends messages with these values. */
async function send(copy, topic, values) {
  const producer = connectTo(copy).producer()
  await producer.connect()
  await producer.send({ topic, messages: values.map(value => ({ value })) })
  await producer.disconnect()
}

/** Reads `count` values from the beginning of a topic. */
async function read(copy, topic, count) {
  const consumer = connectTo(copy).consumer({ groupId: uniqueName('group'), maxWaitTimeInMs: 100 })
  const values = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
    const eachMessage = async ({ message }) => {
      values.push(String(message.value))
      if (values.length === count) resolve()
    }
    consumer.run({ eachMessage }).catch(reject)
  })
  await consumer.disconnect()
  return values
}

module.exports = { connectTo, makeTopic, read, send, uniqueName }
