'use strict'

/**
 * A worker that connects, says so, and works until it is told to end, ends by itself (`once`), or is terminated.
 */

const { parentPort, workerData } = require('node:worker_threads')
const kafkajs = require('../../..')
const { connectTo, read, send, uniqueName } = require('./client')

const { mode, topic } = workerData

/** Sends on and on, so that it is never idle when it is terminated. */
async function flood() {
  const kafka = connectTo(kafkajs)
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: uniqueName('group'), maxWaitTimeInMs: 100 })
  await producer.connect()
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  let isSaid = false
  await consumer.run({
    eachMessage: async () => {
      if (!isSaid) parentPort.postMessage('busy')
      isSaid = true
    },
  })
  for (;;) {
    await Promise.all([1, 2, 3].map(() => producer.send({ topic, messages: [{ value: 'x' }] })))
  }
}

async function once() {
  await send(kafkajs, topic, ['from a worker'])
  const [value] = await read(kafkajs, topic, 1)
  parentPort.postMessage(value)
}

/** Terminated while it connects: nobody listens there, so it tries and tries. */
async function connecting() {
  const { Kafka, logLevel } = kafkajs
  const kafka = new Kafka({
    brokers: ['127.0.0.1:1'],
    logLevel: logLevel.NOTHING,
    retry: { retries: 1000, initialRetryTime: 20, maxRetryTime: 50 },
  })
  const producer = kafka.producer()
  const connected = producer.connect()
  parentPort.postMessage('connecting')
  await connected
}

const modes = { connecting, flood, once }
modes[mode]()
