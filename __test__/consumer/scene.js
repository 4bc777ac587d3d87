'use strict'

/** What tests of the consumer set up again and again. */

const { brokers, createTopic, subject, uniqueGroup, uniqueTopic, waitFor } = require('../harness')
const { SHORT_POLL } = require('../contract/observe')

/**
 * Sends messages `0`, `1`, ... in one call to one partition.
 *
 * @param {{ kafka: Function, topic: string }} context
 * @param {number} count
 * @param {number} [partition]
 * @param {object} [how] further options of `send`
 */
async function fill(context, count, partition = 0, how = {}) {
  const producer = context.kafka().producer()
  await producer.connect()
  const messages = Array.from({ length: count }, (_, index) => ({ value: `${index}`, partition }))
  await producer.send({ topic: context.topic, messages, ...how })
  await producer.disconnect()
}

/**
 * Runs a consumer that notes what it gets, from the beginning of the context's topic.
 *
 * @param {{ kafka: Function, topic: string, group: string }} context
 * @param {object} [options] options of the consumer, and `run` (those of `run`), `onMessage(consumer, payload)`,
 *   `isAwaited` (whether for `run`)
 * @returns {Promise<{ consumer: object, messages: object[], running: Promise<void> }>} messages as `eachMessage` got them
 */
async function consume(context, options = {}) {
  const { onMessage = () => {}, isAwaited = true, autoCommit = true, run = {}, ...own } = options
  const messages = []
  const consumer = context.kafka().consumer({ groupId: context.group, ...SHORT_POLL, ...own })
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  const running = consumer.run({
    autoCommit,
    eachMessage: async payload => {
      messages.push(payload)
      await onMessage(consumer, payload)
    },
    ...run,
  })
  if (isAwaited) await running
  return { consumer, messages, running }
}

/**
 * A context like that of `contract`, of our library alone.
 *
 * @param {import('node:test').TestContext} t
 * @param {{ partitions?: number, config?: object }} [options] of the topic
 */
async function ours(t, options = {}) {
  const module = subject.load()
  const addresses = await brokers()
  const topic = await createTopic(uniqueTopic(), { partitions: 1, ...options })
  const logs = []
  const kafka = (settings = {}) => {
    const made = new module.Kafka({
      clientId: 'consumer-test',
      brokers: addresses,
      logCreator: () => entry => logs.push(entry),
      ...settings,
    })
    for (const kind of ['producer', 'consumer', 'admin']) {
      const make = made[kind]
      made[kind] = (...args) => {
        const client = make.apply(made, args)
        t.after(() => client.disconnect())
        return client
      }
    }
    return made
  }
  return { module, kafka, topic, group: uniqueGroup(), brokers: addresses, logs }
}

/**
 * Waits until a consumer has joined its group; to be called before `run`.
 *
 * @param {object} consumer
 * @returns {(times?: number, deadline?: number) => Promise<boolean>} deadline in milliseconds, default 15000
 */
function joined(consumer) {
  let count = 0
  consumer.on(consumer.events.GROUP_JOIN, () => {
    count++
  })
  return (times = 1, deadline = 15_000) =>
    waitFor(() => count >= times, { deadline, message: `${times} joins` })
}

module.exports = { consume, fill, joined, ours }
