'use strict'

/**
 * Checks of the arguments of `commitOffsets`, `seek`, `pause` and `resume`, in kafkajs' order and words.
 */

const { KafkaJSNonRetriableError } = require('../errors')

/** Offsets that stand for the end and the beginning of a partition. */
const SPECIAL_OFFSETS = new Set(['-1', '-2'])

const isNoNumber = value => Number.isNaN(Number(value))

const checkPlace = ({ topic, partition }) => {
  if (!topic) throw new KafkaJSNonRetriableError(`Invalid topic ${topic}`)
  if (isNoNumber(partition)) {
    throw new KafkaJSNonRetriableError(`Invalid partition, expected a number received ${partition}`)
  }
}

/** What converts to a number may still be none that a partition can have. */
const partitionNumber = partition => {
  const number = Number(partition)
  if (Number.isInteger(number) && Math.abs(number) < 2 ** 31) return number
  throw new KafkaJSNonRetriableError(`Invalid partition, expected a number received ${partition}`)
}

/** @returns {bigint} */
const readOffset = offset => {
  try {
    // kafkajs takes what BigInt takes, the empty string aside.
    if (offset === '') throw new SyntaxError('empty')
    const number = BigInt(offset)
    if (BigInt.asIntN(64, number) !== number) throw new RangeError('no long')
    return number
  } catch {
    throw new KafkaJSNonRetriableError(`Invalid offset, expected a long received ${offset}`)
  }
}

/**
 * @param {Array<{ topic: string, partition: number, offset: string | number | bigint, metadata?: string | null }>} list
 * @returns {Array<{ topic: string, partition: number, offset: string, metadata: string | null }>}
 * @throws {KafkaJSNonRetriableError}
 */
const checkCommits = list =>
  list.map(({ topic, partition, offset, metadata = null }) => {
    checkPlace({ topic, partition })
    const next = readOffset(offset)
    if (next < 0n) throw new KafkaJSNonRetriableError('Offset must not be a negative number')
    if (metadata !== null && typeof metadata !== 'string') {
      throw new KafkaJSNonRetriableError(
        `Invalid offset metadata, expected string or null, received ${metadata}`
      )
    }
    return {
      topic: String(topic),
      partition: partitionNumber(partition),
      offset: String(next),
      metadata,
    }
  })

/**
 * @param {{ topic: string, partition: number, offset: string | number | bigint }} target
 * @returns {{ topic: string, partition: number, offset: string }}
 * @throws {KafkaJSNonRetriableError}
 */
const checkSeek = ({ topic, partition, offset }) => {
  checkPlace({ topic, partition })
  const sought = String(readOffset(offset))
  if (sought.startsWith('-') && !SPECIAL_OFFSETS.has(sought)) {
    throw new KafkaJSNonRetriableError('Offset must not be a negative number')
  }
  return { topic, partition, offset: sought }
}

/**
 * @param {Array<{ topic: string, partitions?: number[] }>} list
 * @param {'pause' | 'resume'} verb
 * @throws {KafkaJSNonRetriableError}
 */
const checkTopicPartitions = (list, verb) => {
  for (const entry of list) {
    if (!entry?.topic) {
      throw new KafkaJSNonRetriableError(`Invalid topic ${entry?.topic || entry}`)
    }
    const { partitions } = entry
    const isValid =
      partitions === undefined || (Array.isArray(partitions) && !partitions.some(isNoNumber))
    if (!isValid) {
      throw new KafkaJSNonRetriableError(
        `Array of valid partitions required to ${verb} specific partitions instead of ${partitions}`
      )
    }
  }
}

/**
 * Targets of `pause` and `resume` as the core takes them. A partition that is no number never matches one, as in kafkajs.
 *
 * @param {Array<{ topic: string, partitions?: number[] }>} topicPartitions
 * @returns {string}
 */
const wireTargets = topicPartitions =>
  JSON.stringify(
    topicPartitions.map(({ topic, partitions }) => ({
      topic: String(topic),
      partitions: partitions?.filter(Number.isInteger),
    }))
  )

module.exports = { checkCommits, checkSeek, checkTopicPartitions, readOffset, wireTargets }
