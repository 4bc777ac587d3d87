'use strict'

/**
 * `diagnostics_channel` channels for tracers: a span per `send` and per handler call, without patching a method.
 *
 * They follow Node's TracingChannel: `start`, `end`, `asyncStart`, `asyncEnd` and `error`, all with one and the same
 * message, under names that copies of this module in one process share.
 */

const diagnostics = require('node:diagnostics_channel')

const PHASES = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']

/**
 * @typedef {Record<'start' | 'end' | 'asyncStart' | 'asyncEnd' | 'error', import('node:diagnostics_channel').Channel>} Channels
 */

/** @returns {Channels} what `diagnostics.tracingChannel(name)` of a subscriber stands for */
const channelsOf = name =>
  Object.fromEntries(PHASES.map(phase => [phase, diagnostics.channel(`tracing:${name}:${phase}`)]))

/** Calls of `send` and `sendBatch`, of transactions as well: `import('../index').ProducerSendMessage`. */
const SEND = channelsOf('kafkajs-rs:producer:send')

/** Calls of `eachMessage` and `eachBatch`: `import('../index').ConsumerProcessMessage`. */
const PROCESS = channelsOf('kafkajs-rs:consumer:process')

/**
 * @param {Channels} channels
 * @returns {boolean} whether anybody listens; asked once per call, so that nothing is made for nobody
 */
const isHeard = ({ start, end, asyncStart, asyncEnd, error }) =>
  start.hasSubscribers ||
  end.hasSubscribers ||
  asyncStart.hasSubscribers ||
  asyncEnd.hasSubscribers ||
  error.hasSubscribers

/** Publishes `start`, with the stores bound to it, and `end` around the call itself. */
const begin = ({ start, end }, message, operation) =>
  start.runStores(message, () => {
    try {
      return operation()
    } finally {
      end.publish(message)
    }
  })

/**
 * Does what `TracingChannel.tracePromise` does, but takes an operation that gives no promise as well, and leaves the
 * caller's frames in the stack of an error.
 *
 * @template T
 * @param {Channels} channels
 * @param {object} message gets `result`, or `error`
 * @param {() => T | Promise<T>} operation
 * @returns {Promise<T>}
 */
const trace = async (channels, message, operation) => {
  try {
    const result = await begin(channels, message, operation)
    message.result = result
    return result
  } catch (error) {
    message.error = error
    channels.error.publish(message)
    throw error
  } finally {
    channels.asyncStart.publish(message)
    channels.asyncEnd.publish(message)
  }
}

module.exports = { SEND, PROCESS, isHeard, trace }
