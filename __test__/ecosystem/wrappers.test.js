'use strict'

/** Libraries around clients and handlers: kafkajs-async-retry, and the Prometheus exporter, which lives on events. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const exporter = require('@christiangalsterer/kafkajs-prometheus-exporter')
const { default: AsyncRetryHelper } = require('kafkajs-async-retry')
const kafkajs = require('kafkajs')
const { Registry } = require('prom-client')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor } = require('../harness')

const OPTIONS = { timeout: 60_000 }

async function connect() {
  return new kafkajs.Kafka({
    clientId: 'wrapped',
    brokers: await brokers(),
    logLevel: kafkajs.logLevel.NOTHING,
  })
}

test(
  'kafkajs-async-retry: failures go through the retry topics to the dead letter topic',
  OPTIONS,
  async t => {
    const kafka = await connect()
    const groupId = uniqueGroup()
    const topic = await createTopic(uniqueTopic())
    const producer = kafka.producer()
    const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
    t.after(() => Promise.all([producer.disconnect(), consumer.disconnect()]))
    const helper = new AsyncRetryHelper({
      producer,
      groupId,
      maxRetries: 2,
      retryDelays: [0.05, 0.05],
    })
    const failures = []
    helper.on('retry', ({ topic: next }) => failures.push(next))
    helper.on('dead-letter', ({ topic: next }) => failures.push(next))
    for (const retryTopic of helper.retryTopics) await createTopic(retryTopic)
    await createTopic(`${groupId}-dlq`)

    await producer.connect()
    await producer.send({ topic, messages: [{ key: 'k', value: 'a', headers: { origin: 'web' } }] })
    const handled = []
    await consumer.connect()
    await consumer.subscribe({ topics: [topic, ...helper.retryTopics], fromBeginning: true })
    await consumer.run({
      eachMessage: helper.eachMessage(async ({ message, previousAttempts, originalTopic }) => {
        handled.push({
          value: String(message.value),
          origin: String(message.headers.origin),
          previousAttempts,
          originalTopic,
        })
        throw new Error('not this time')
      }),
    })
    await waitFor(() => failures.length === 3, { message: 'the dead letter' })
    assert.deepEqual(failures, [...helper.retryTopics, `${groupId}-dlq`])
    assert.deepEqual(
      handled,
      [0, 1, 2].map(previousAttempts => ({
        value: 'a',
        origin: 'web',
        previousAttempts,
        originalTopic: topic,
      }))
    )
  }
)

test(
  'the Prometheus exporter counts requests, fetches, batches and connections',
  OPTIONS,
  async t => {
    const kafka = await connect()
    const [address] = await brokers()
    const topic = await createTopic(uniqueTopic())
    const producer = kafka.producer()
    const admin = kafka.admin()
    const groupId = uniqueGroup()
    const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 100 })
    const clients = [producer, admin, consumer]
    t.after(() => Promise.all(clients.map(client => client.disconnect())))
    const register = new Registry()
    exporter.monitorKafkaJSProducer(producer, register)
    exporter.monitorKafkaJSConsumer(consumer, register)
    exporter.monitorKafkaJSAdmin(admin, register)

    /** Sum of a metric over the samples whose labels have all of these. */
    const read = async (name, labels = {}) => {
      const metrics = await register.getMetricsAsJSON()
      const { values } = metrics.find(metric => metric.name === name)
      const wanted = Object.entries(labels)
      return values
        .filter(({ metricName = name }) => metricName === name || metricName === `${name}_count`)
        .filter(sample => wanted.every(([label, value]) => sample.labels[label] === value))
        .reduce((sum, { value }) => sum + value, 0)
    }

    for (const client of clients) await client.connect()
    await admin.listTopics()
    await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }, { value: 'c' }] })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    let handled = 0
    await consumer.run({
      eachBatch: async ({ batch, heartbeat }) => {
        handled += batch.messages.length
        await heartbeat()
      },
    })
    await waitFor(() => handled === 3, { message: 'three messages' })
    await waitFor(async () => (await read('kafka_consumer_batch_size_total')) === 3, {
      message: 'the end of the batches',
    })

    const broker = { broker: address }
    for (const [name, labels] of [
      ['kafka_producer_request_total', broker],
      ['kafka_producer_request_size_total', broker],
      ['kafka_producer_request_duration_seconds', broker],
      ['kafka_consumer_request_total', broker],
      ['kafka_consumer_request_size_total', broker],
      ['kafka_consumer_fetch_total', {}],
      ['kafka_consumer_fetch_duration_seconds', {}],
      ['kafka_consumer_batch_duration_seconds', { topic }],
      ['kafka_admin_request_total', broker],
    ]) {
      await waitFor(async () => (await read(name, labels)) > 0, { message: name })
    }
    // A consumer emits CONNECT when it connects and when it runs.
    const connects = Object.entries({ producer: 1, consumer: 2, admin: 1 })
    for (const [kind, count] of connects) {
      assert.equal(await read(`kafka_${kind}_connection_count`), count, kind)
      assert.equal(await read(`kafka_${kind}_connection_creation_total`), count, kind)
    }
    for (const client of clients) await client.disconnect()
    for (const [kind, count] of connects) {
      assert.equal(await read(`kafka_${kind}_connection_count`), count - 1, kind)
      assert.equal(await read(`kafka_${kind}_connection_close_total`), 1, kind)
    }
  }
)
