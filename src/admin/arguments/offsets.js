'use strict'

/**
 * Arguments of the operations on offsets and records: checked in kafkajs' order and words, then completed for the
 * core. Each function here is named after the method whose arguments it takes.
 */

const { KafkaJSNonRetriableError } = require('../../errors')
const { int32, long } = require('./numbers')
const { checkTopic } = require('./topics')

const LATEST = '-1'
const SPECIAL_OFFSETS = new Set(['-1', '-2'])

const checkGroup = groupId => {
  if (!groupId || typeof groupId !== 'string') {
    throw new KafkaJSNonRetriableError(`Invalid groupId ${groupId}`)
  }
}

const fetchTopicOffsets = topic => {
  checkTopic(topic)
  return topic
}

const fetchTopicOffsetsByTimestamp = (topic, timestamp) => {
  checkTopic(topic)
  return { topic, timestamp: timestamp == null ? LATEST : long('timestamp', timestamp) }
}

const fetchOffsets = ({ groupId, topics, resolveOffsets = false }) => {
  checkGroup(groupId)
  const given = topics || []
  if (!Array.isArray(given)) {
    throw new KafkaJSNonRetriableError('Expected topics array to be set')
  }
  for (const topic of given) checkTopic(topic)
  return { groupId, topics: given, resolveOffsets: Boolean(resolveOffsets) }
}

/** One entry of `setOffsets`, in the words of `consumer.seek`. */
const seekEntry = entry => {
  const { partition, offset } = entry ?? {}
  if (partition == null || Number.isNaN(Number(partition))) {
    throw new KafkaJSNonRetriableError(`Invalid partition, expected a number received ${partition}`)
  }
  const digits = long('offset', offset)
  if (digits.startsWith('-') && !SPECIAL_OFFSETS.has(digits)) {
    throw new KafkaJSNonRetriableError('Offset must not be a negative number')
  }
  return { partition: int32('partition', partition), offset: digits }
}

const setOffsets = ({ groupId, topic, partitions }) => {
  checkGroup(groupId)
  checkTopic(topic)
  if (!Array.isArray(partitions) || partitions.length === 0) {
    throw new KafkaJSNonRetriableError('Invalid partitions')
  }
  return { groupId, topic, partitions: Array.from(partitions, seekEntry) }
}

const resetOffsets = ({ groupId, topic, earliest = false }) => {
  checkGroup(groupId)
  checkTopic(topic)
  return { groupId, topic, earliest: Boolean(earliest) }
}

const deleteTopicRecords = ({ topic, partitions }) => {
  if (!topic || typeof topic !== 'string') {
    throw new KafkaJSNonRetriableError(`Invalid topic "${topic}"`)
  }
  if (!Array.isArray(partitions) || partitions.length === 0) {
    throw new KafkaJSNonRetriableError('Invalid partitions')
  }
  return {
    topic,
    // kafkajs passes over holes, and so does `flatMap`.
    partitions: partitions.flatMap(({ partition, offset }) => ({
      partition,
      // Errors show it as it was given, as far as JSON can.
      offset: typeof offset === 'bigint' ? `${offset}` : offset,
      before: long('offset', offset),
    })),
  }
}

module.exports = {
  fetchTopicOffsets,
  fetchTopicOffsetsByTimestamp,
  fetchOffsets,
  setOffsets,
  resetOffsets,
  deleteTopicRecords,
}
