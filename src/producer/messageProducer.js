'use strict'

/**
 * `send` and `sendBatch` of a producer and of a transaction: kafkajs' checks, in its order and words.
 *
 * Tracers rewrite `sendBatch` as this file loads and write headers into the messages when it begins, so both methods
 * have to go through it, and nothing of a message may be read before.
 */

const { SEND, isHeard, trace } = require('../channels')
const { KafkaJSError, KafkaJSNonRetriableError } = require('../errors')

/** Rejects with the words of a failed destructuring. */
const withoutArgument = async ({ acks }) => acks

const isTopicMissing = ({ topic }) => !topic
const isTopicNoText = ({ topic }) => typeof topic !== 'string'
const isValueMissing = message => message.value === undefined

/** The core knows topics by name: another kind would be sent as it looks. */
const checkTopics = topicMessages => {
  const odd = topicMessages.find(isTopicNoText)
  if (odd) {
    throw new KafkaJSNonRetriableError(
      `Invalid topic, expected a string received ${String(odd.topic)}`
    )
  }
}

const checkMessages = (topic, messages) => {
  if (!messages) {
    throw new KafkaJSNonRetriableError(`Invalid messages array [${messages}] for topic "${topic}"`)
  }
  const missing = messages.find(isValueMissing)
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

/**
 * @param {object} params
 * @param {boolean} params.idempotent whether acks other than -1 are refused
 * @param {() => 'connected' | 'disconnecting' | 'disconnected'} params.getConnectionStatus
 * @param {(call: object) => Promise<object[]>} params.sendMessages hands a checked call to the core
 * @param {object} params.identity what the channel's messages say of the producer
 * @returns {{ send: Function, sendBatch: Function }}
 */
module.exports = ({ idempotent, getConnectionStatus, sendMessages, identity }) => {
  const checkConnection = () => {
    const status = getConnectionStatus()
    if (status === 'connected') return
    if (status === 'disconnecting') {
      throw new KafkaJSNonRetriableError(
        "The producer is disconnecting; therefore, it can't safely accept messages anymore"
      )
    }
    throw new KafkaJSError('The producer is disconnected')
  }

  const sendBatch = async ({
    acks = -1,
    timeout,
    compression,
    compressionLevel,
    topicMessages = [],
  }) => {
    if (topicMessages.some(isTopicMissing)) throw new KafkaJSNonRetriableError('Invalid topic')
    if (idempotent && acks !== -1) {
      throw new KafkaJSNonRetriableError(
        "Not requiring ack for all messages invalidates the idempotent producer's EoS guarantees"
      )
    }
    for (const { topic, messages } of topicMessages) checkMessages(topic, messages)
    checkConnection()
    checkTopics(topicMessages)
    const merged = mergeTopics(topicMessages)
    // Not awaited: a call under way keeps a promise and not the frame of a function, of which there may be thousands.
    if (!isHeard(SEND)) return sendMessages(acks, timeout, compression, compressionLevel, merged)
    // Entries of our own, so that a tracer can put its messages in place of the caller's.
    const own = merged.map(({ topic, messages }) => ({ topic, messages }))
    const message = { ...identity, acks, compression, topicMessages: own }
    const deliver = () => sendMessages(acks, timeout, compression, compressionLevel, own)
    return trace(SEND, message, deliver)
  }

  const send = call => {
    if (call == null) return withoutArgument(call)
    const { acks, timeout, compression, compressionLevel, topic, messages } = call
    return sendBatch({
      acks,
      timeout,
      compression,
      compressionLevel,
      topicMessages: [{ topic, messages }],
    })
  }

  return { send, sendBatch }
}
