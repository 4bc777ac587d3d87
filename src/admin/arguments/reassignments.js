'use strict'

/** Arguments of the operations on partition reassignments, checked in kafkajs' order and words. */

const { KafkaJSNonRetriableError } = require('../../errors')
const { hasHoles } = require('./holes')
const { int32, requestTimeout } = require('./numbers')
const { checkTopicNames, replicaAssignment } = require('./topics')

const isIndex = value => typeof value === 'number' && !(value < 0)

const checkTopics = topics => {
  if (!Array.isArray(topics)) throw new KafkaJSNonRetriableError(`Invalid topics array ${topics}`)
  checkTopicNames(topics, 'topics')
}

const checkAssignment = (topic, { partition, replicas }) => {
  if (!isIndex(partition)) {
    throw new KafkaJSNonRetriableError(`Invalid partitions index: ${partition} for topic: ${topic}`)
  }
  const invalid = `Invalid replica assignment: ${replicas} for topic: ${topic} on partition: ${partition}`
  if (!Array.isArray(replicas)) throw new KafkaJSNonRetriableError(invalid)
  if (hasHoles(replicas) || !replicas.every(isIndex)) {
    throw new KafkaJSNonRetriableError(`${invalid}. Replicas must be a non negative number`)
  }
}

const alterPartitionReassignments = ({ topics, timeout }) => {
  checkTopics(topics)
  for (const { topic, partitionAssignment } of topics) {
    if (!Array.isArray(partitionAssignment)) {
      throw new KafkaJSNonRetriableError(
        `Invalid partitions array: ${partitionAssignment} for topic: ${topic}`
      )
    }
    for (const assignment of partitionAssignment) checkAssignment(topic, assignment)
  }
  return {
    topics: topics.map(({ topic, partitionAssignment }) => ({
      topic,
      partitionAssignment: replicaAssignment({ topic, assignment: partitionAssignment }),
    })),
    timeout: requestTimeout(timeout),
  }
}

const listPartitionReassignments = ({ topics = null, timeout }) => {
  if (!topics) return { topics: null, timeout: requestTimeout(timeout) }
  checkTopics(topics)
  for (const { topic, partitions } of topics) {
    const invalid = `Invalid partition array: ${partitions} for topic: ${topic}`
    if (!Array.isArray(partitions)) throw new KafkaJSNonRetriableError(invalid)
    if (hasHoles(partitions) || !partitions.every(isIndex)) {
      throw new KafkaJSNonRetriableError(
        `${invalid}. The partition indices have to be a valid number greater than 0.`
      )
    }
  }
  return {
    topics: topics.map(({ topic, partitions }) => ({
      topic,
      partitions: partitions.map(partition => int32(`partition of topic "${topic}"`, partition)),
    })),
    timeout: requestTimeout(timeout),
  }
}

module.exports = { alterPartitionReassignments, listPartitionReassignments }
