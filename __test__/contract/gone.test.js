'use strict'

/**
 * Contract 6: what is called on a client that is going or has gone resolves, or rejects with an Error of
 * ours, and does not hang. Of ours alone: kafkajs leaves some of these calls waiting.
 */

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')

const { brokers, createTopic, subject, uniqueGroup, uniqueTopic, within } = require('../harness')
const { SHORT_POLL } = require('./observe')

const DEADLINE_MS = 30_000

async function settle(calls) {
  const { KafkaJSError } = subject.load()
  for (const [name, call] of Object.entries(calls)) {
    try {
      await within(DEADLINE_MS, (async () => call())(), name)
    } catch (error) {
      assert.ok(error instanceof KafkaJSError, `${name}: ${error}`)
    }
  }
}

describe('clients that have gone', { skip: subject.isStandIn, timeout: 240_000 }, () => {
  const make = async () => {
    const { Kafka, logLevel } = subject.load()
    const kafka = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING })
    return { kafka, topic: await createTopic(uniqueTopic()) }
  }

  test('producer and its transaction', async () => {
    const { kafka, topic } = await make()
    const producer = kafka.producer({ transactionalId: uniqueGroup() })
    await producer.connect()
    const transaction = await producer.transaction()
    const call = { topic, messages: [{ value: 'a' }] }
    const calls = {
      send: () => producer.send(call),
      'transaction send': () => transaction.send(call),
      commit: () => transaction.commit(),
      abort: () => transaction.abort(),
    }
    const gone = producer.disconnect()
    await settle(calls)
    await gone
    await settle(calls)
    await producer.disconnect()
  })

  test('consumer and what its handler was given', async () => {
    const { kafka, topic } = await make()
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'a' }] })
    await producer.disconnect()
    const consumer = kafka.consumer({ groupId: uniqueGroup(), ...SHORT_POLL })
    await consumer.subscribe({ topic, fromBeginning: true })
    const payload = await new Promise(resolve => {
      consumer.run({ eachBatch: async given => resolve(given) })
    })
    const place = { topic, partition: 0, offset: '1' }
    const calls = {
      commitOffsets: () => consumer.commitOffsets([place]),
      seek: () => consumer.seek(place),
      pause: () => consumer.pause([{ topic }]),
      paused: () => consumer.paused(),
      describeGroup: () => consumer.describeGroup(),
      heartbeat: () => payload.heartbeat(),
      resolveOffset: () => payload.resolveOffset('1'),
      commitOffsetsIfNecessary: () => payload.commitOffsetsIfNecessary({}),
      uncommittedOffsets: () => payload.uncommittedOffsets(),
      'pause and resume': () => payload.pause()(),
      stop: () => consumer.stop(),
    }
    const gone = consumer.disconnect()
    await settle(calls)
    await gone
    await settle(calls)
    assert.equal(payload.isRunning(), false)
    await consumer.disconnect()
  })

  test('admin', async () => {
    const { kafka } = await make()
    const admin = kafka.admin()
    await admin.connect()
    const calls = { listTopics: () => admin.listTopics(), groups: () => admin.listGroups() }
    const pending = admin.listTopics()
    const gone = admin.disconnect()
    await settle({ pending: () => pending, ...calls })
    await gone
    await settle(calls)
    await admin.disconnect()
  })
})
