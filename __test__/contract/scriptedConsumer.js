'use strict'

/** A consumer of a scripted broker, and what such a broker may answer to its fetches. */

const Encoder = require('kafkajs/src/protocol/encoder')
const createMessage = require('kafkajs/src/protocol/message')
const createRecord = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
const { startScriptedBroker } = require('../consumer/scriptedBroker')

/** The topic of all scripted brokers. */
const TOPIC = 't'

const OFFSET_OUT_OF_RANGE = 1

/**
 * @param {number} offset
 * @param {0 | 1} version
 * @param {object} fields as kafkajs' encoder takes them
 * @returns {Buffer} an entry of a message set (formats 0 and 1)
 */
const entry = (offset, version, fields) => {
  const message = createMessage({ version })(fields)
  return new Encoder().writeInt64(offset).writeInt32(message.size()).writeEncoder(message).buffer
}

/**
 * @param {number} firstOffset
 * @param {string[]} values
 * @returns {Promise<Buffer>} a record batch (format 2)
 */
const batch = async (firstOffset, values) => {
  const { buffer } = await RecordBatch({
    firstOffset,
    lastOffsetDelta: values.length - 1,
    records: values.map((value, offsetDelta) => createRecord({ offsetDelta, key: null, value })),
    firstTimestamp: 1000,
    maxTimestamp: 1000,
  })
  return buffer
}

/**
 * @param {number} end
 * @param {number} [start]
 * @returns {(ask: { offset: number }) => Promise<object>} answers a fetch with what is left of `v<start>` to `v<end - 1>`
 */
const serve =
  (end, start = 0) =>
  async ({ offset }) => {
    if (offset < start) return { code: OFFSET_OUT_OF_RANGE }
    if (offset >= end) return { end }
    const values = Array.from({ length: end - offset }, (_, index) => `v${offset + index}`)
    return { records: await batch(offset, values), end }
  }

/**
 * Makes a scripted broker and a consumer of it.
 *
 * @param {import('../harness/contract').Context} context
 * @param {object} [script] of the broker; its topic is always TOPIC, and empty unless `fetch` says otherwise
 * @param {object} [options] of the consumer, and `run` (those of `run`), `fromBeginning` (default true), `settings` (of
 *   the client)
 * @returns {Promise<{ broker: object, consumer: object, start: () => Promise<void> }>} start: subscribes and runs
 */
async function makeScripted({ kafka, group, onEnd }, script = {}, options = {}) {
  const { settings, run, fromBeginning = true, ...own } = options
  const broker = await startScriptedBroker({ topic: TOPIC, fetch: () => ({}), ...script })
  onEnd(() => broker.close())
  const consumer = kafka({ brokers: broker.brokers, ...settings }).consumer({
    groupId: group,
    ...own,
  })
  const start = async () => {
    await consumer.subscribe({ topic: TOPIC, fromBeginning })
    await consumer.run({ eachMessage: async () => {}, ...run })
  }
  return { broker, consumer, start }
}

/**
 * Consumes from a scripted broker, with short waits.
 *
 * @param {import('../harness/contract').Context} context
 * @param {object} [script] as `makeScripted` takes it
 * @param {object} [options] as `makeScripted` takes them
 * @returns {Promise<{ broker: object, consumer: object, seen: { messages: object[], joins: number, rebalancing: number,
 *   crashed: Promise<object> } }>} what it saw, and what happened to it; crashed: the payload of the first CRASH
 */
async function consumeScripted(context, script, options = {}) {
  const seen = { messages: [], joins: 0, rebalancing: 0 }
  const eachMessage = async ({ message }) => seen.messages.push(message)
  const { broker, consumer, start } = await makeScripted(context, script, {
    maxWaitTimeInMs: 50,
    heartbeatInterval: 100,
    ...options,
    run: { eachMessage, ...options.run },
  })
  seen.crashed = new Promise(resolve => {
    consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload))
  })
  consumer.on(consumer.events.GROUP_JOIN, () => seen.joins++)
  consumer.on(consumer.events.REBALANCING, () => seen.rebalancing++)
  await start()
  return { broker, consumer, seen }
}

module.exports = { TOPIC, batch, consumeScripted, entry, makeScripted, serve }
