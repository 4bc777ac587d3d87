'use strict'

/**
 * Arguments of the operations on topics and partitions: checked in kafkajs' order and words, then completed for the
 * core. Each function here is named after the method whose arguments it takes.
 */

const { KafkaJSNonRetriableError } = require('../../errors')
const { hasHoles } = require('./holes')
const { int16, int32, requestTimeout } = require('./numbers')

/** How long to wait for leaders when the caller sets no timeout, ms. */
const DEFAULT_LEADER_TIMEOUT = 10000

/** kafkajs looks for the first error in this order. */
const byTopic = (a, b) => a.topic.localeCompare(b.topic)

/**
 * @param {{ topic: string }[]} topics
 * @param {string} what name of the array in the errors
 * @throws {KafkaJSNonRetriableError} if a name is no string, or is there twice
 */
const checkTopicNames = (topics, what) => {
  if (topics.some(({ topic }) => typeof topic !== 'string')) {
    throw new KafkaJSNonRetriableError(
      `Invalid ${what} array, the topic names have to be a valid string`
    )
  }
  const names = new Set(topics.map(({ topic }) => topic))
  if (names.size < topics.length) {
    throw new KafkaJSNonRetriableError(
      `Invalid ${what} array, it cannot have multiple entries for the same topic`
    )
  }
}

const checkConfigEntries = ({ topic, configEntries }) => {
  if (configEntries == null) return
  const invalid = `Invalid configEntries for topic "${topic}"`
  if (!Array.isArray(configEntries)) {
    throw new KafkaJSNonRetriableError(`${invalid}, must be an array`)
  }
  for (const [index, entry] of configEntries.entries()) {
    if (typeof entry !== 'object' || entry == null) {
      throw new KafkaJSNonRetriableError(`${invalid}. Entry ${index} must be an object`)
    }
    for (const property of ['name', 'value']) {
      if (!Object.hasOwn(entry, property) || typeof entry[property] !== 'string') {
        throw new KafkaJSNonRetriableError(
          `${invalid}. Entry ${index} must have a valid "${property}" property`
        )
      }
    }
  }
}

/** A hole is read as `undefined`, which is no node id. */
const nodeIds = (topic, replicas) =>
  Array.from(replicas, replica => int32(`replica of topic "${topic}"`, replica))

/** Node ids by partition, as `createTopics` and `alterPartitionReassignments` take them. */
const replicaAssignment = ({ topic, assignment }) => {
  if (!Array.isArray(assignment)) {
    throw new KafkaJSNonRetriableError(
      `Invalid replicaAssignment for topic "${topic}", must be an array`
    )
  }
  if (hasHoles(assignment)) {
    throw new KafkaJSNonRetriableError(
      `Invalid replicaAssignment for topic "${topic}", must not have empty entries`
    )
  }
  return assignment.map(({ partition, replicas }) => {
    if (!Array.isArray(replicas)) {
      throw new KafkaJSNonRetriableError(
        `Invalid replica assignment: ${replicas} for topic: ${topic} on partition: ${partition}`
      )
    }
    return {
      partition: int32(`partition of topic "${topic}"`, partition),
      replicas: nodeIds(topic, replicas),
    }
  })
}

const newTopic = ({ topic, configEntries, ...rest }) => ({
  topic,
  numPartitions: int32(`numPartitions for topic "${topic}"`, rest.numPartitions ?? -1),
  replicationFactor: int16(`replicationFactor for topic "${topic}"`, rest.replicationFactor ?? -1),
  replicaAssignment: replicaAssignment({ topic, assignment: rest.replicaAssignment ?? [] }),
  configEntries: (configEntries ?? []).map(({ name, value }) => ({ name, value })),
})

const createTopics = ({ topics, validateOnly, timeout, waitForLeaders = true }) => {
  if (!Array.isArray(topics)) throw new KafkaJSNonRetriableError(`Invalid topics array ${topics}`)
  checkTopicNames(topics, 'topics')
  for (const topic of topics) checkConfigEntries(topic)
  return {
    topics: topics.map(newTopic).sort(byTopic),
    validateOnly: Boolean(validateOnly),
    timeout: requestTimeout(timeout),
    waitForLeaders: Boolean(waitForLeaders),
    leaderTimeout: int32('timeout', timeout ?? DEFAULT_LEADER_TIMEOUT),
  }
}

const deleteTopics = ({ topics, timeout }) => {
  if (!Array.isArray(topics)) throw new KafkaJSNonRetriableError(`Invalid topics array ${topics}`)
  if (hasHoles(topics) || topics.some(topic => typeof topic !== 'string')) {
    throw new KafkaJSNonRetriableError('Invalid topics array, the names must be a valid string')
  }
  return {
    topics: [...topics].sort((a, b) => a.localeCompare(b)),
    timeout: requestTimeout(timeout),
  }
}

const newPartitions = ({ topic, count, assignments }) => {
  const given = assignments ?? []
  if (!Array.isArray(given) || hasHoles(given) || !given.every(Array.isArray)) {
    throw new KafkaJSNonRetriableError(
      `Invalid assignments for topic "${topic}", must be an array of arrays of broker ids`
    )
  }
  return {
    topic,
    count: int32(`count for topic "${topic}"`, count),
    assignments: given.map(replicas => nodeIds(topic, replicas)),
  }
}

const createPartitions = ({ topicPartitions, validateOnly, timeout }) => {
  if (!Array.isArray(topicPartitions)) {
    throw new KafkaJSNonRetriableError(`Invalid topic partitions array ${topicPartitions}`)
  }
  if (topicPartitions.length === 0) {
    throw new KafkaJSNonRetriableError('Empty topic partitions array')
  }
  if (hasHoles(topicPartitions)) {
    throw new KafkaJSNonRetriableError(
      'Invalid topic partitions array, the topic names have to be a valid string'
    )
  }
  checkTopicNames(topicPartitions, 'topic partitions')
  return {
    topicPartitions: topicPartitions.map(newPartitions).sort(byTopic),
    validateOnly: Boolean(validateOnly),
    timeout: requestTimeout(timeout),
  }
}

/** `null`: all topics. */
const fetchTopicMetadata = ({ topics = [] } = {}) => {
  if (!topics) return null
  topics.forEach(topic => {
    checkTopic(topic)
  })
  if (hasHoles(topics)) checkTopic(undefined)
  return topics.length > 0 ? topics : null
}

/**
 * @param {unknown} topic
 * @throws {KafkaJSNonRetriableError} if it is no string, or empty
 */
const checkTopic = topic => {
  if (!topic || typeof topic !== 'string') {
    throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  }
}

module.exports = {
  checkTopic,
  checkTopicNames,
  replicaAssignment,
  createTopics,
  deleteTopics,
  createPartitions,
  fetchTopicMetadata,
}
