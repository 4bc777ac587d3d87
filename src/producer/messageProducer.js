'use strict'

/**
 * `send` and `sendBatch` of a producer and of a transaction: kafkajs' checks, in its order and words.
 *
 * Tracers rewrite `sendBatch` as this file loads and write headers into the messages when it begins, so both methods
 * have to go through it, and nothing of a message may be read before.
 */

const { KafkaJSError, KafkaJSNonRetriableError } = require('../errors')

/**
 * @param {object} params
 * @param {boolean} params.idempotent whether acks other than -1 are refused
 * @param {() => 'connected' | 'disconnecting' | 'disconnected'} params.getConnectionStatus
 * @param {(call: object) => Promise<object[]>} params.sendMessages hands a checked call to the core
 * @returns {{ send: Function, sendBatch: Function }}
 */
module.exports = ({ idempotent, getConnectionStatus, sendMessages }) => {
  const checkConnection = () => {
    const status = getConnectionStatus()
    if (status === 'disconnecting') {
      throw new KafkaJSNonRetriableError(
        "The producer is disconnecting; therefore, it can't safely accept messages anymore"
      )
    }
    if (status === 'disconnected') throw new KafkaJSError('The producer is disconnected')
  }

  const checkMessages = (topic, messages) => {
    if (!messages) {
      throw new KafkaJSNonRetriableError(
        `Invalid messages array [${messages}] for topic "${topic}"`
      )
    }
    const missing = messages.find(message => message.value === undefined)
    if (missing) {
      throw new KafkaJSNonRetriableError(
        `Invalid message without value for topic "${topic}": ${JSON.stringify(missing)}`
      )
    }
  }

  /** Entries of one topic become one, in the order they came. */
  const mergeTopics = topicMessages => {
    if (topicMessages.length < 2) return topicMessages
    const merged = new Map()
    for (const { topic, messages } of topicMessages) {
      merged.set(topic, merged.has(topic) ? merged.get(topic).concat(messages) : messages)
    }
    return Array.from(merged, ([topic, messages]) => ({ topic, messages }))
  }

  const sendBatch = async ({
    acks = -1,
    timeout,
    compression,
    compressionLevel,
    topicMessages = [],
  }) => {
    if (topicMessages.some(({ topic }) => !topic)) {
      throw new KafkaJSNonRetriableError('Invalid topic')
    }
    if (idempotent && acks !== -1) {
      throw new KafkaJSNonRetriableError(
        "Not requiring ack for all messages invalidates the idempotent producer's EoS guarantees"
      )
    }
    for (const { topic, messages } of topicMessages) checkMessages(topic, messages)
    checkConnection()
    return sendMessages({
      acks,
      timeout,
      compression,
      compressionLevel,
      topicMessages: mergeTopics(topicMessages),
    })
  }

  const send = async ({ acks, timeout, compression, compressionLevel, topic, messages }) =>
    sendBatch({
      acks,
      timeout,
      compression,
      compressionLevel,
      topicMessages: [{ topic, messages }],
    })

  return { send, sendBatch }
}
