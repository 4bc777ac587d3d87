'use strict'

/**
 * Transactions of one producer: kafkajs' states and words. The coordinator is talked to by the core.
 */

const { invoke, invokeSync } = require('../binding')
const { KafkaJSNonRetriableError } = require('../errors')
const { handOverGathered } = require('./gathered')

const UNINITIALIZED = 'UNINITIALIZED'
const READY = 'READY'
const TRANSACTING = 'TRANSACTING'
const COMMITTING = 'COMMITTING'
const ABORTING = 'ABORTING'

/** A generation that says: not fenced by the group (KIP-447). */
const NO_GENERATION = -1

const refuse = (name, expected, value) => {
  throw new KafkaJSNonRetriableError(
    `Invalid ${name}, expected ${expected} received ${String(value)}`
  )
}

const partitionNumber = partition => {
  const number = Number(partition)
  const isPartition = Number.isInteger(number) && Math.abs(number) < 2 ** 31
  return isPartition ? number : refuse('partition', 'a number', partition)
}

/** @returns {string} */
const offsetDigits = offset => {
  try {
    // kafkajs takes what BigInt takes, the empty string aside.
    if (offset !== '') return `${BigInt(offset)}`
  } catch {
    // Told below.
  }
  return refuse('offset', 'a long', offset)
}

const isText = value => typeof value === 'string'

const offsetsOf = ({ consumerGroupId, topics, groupMetadata }) => ({
  groupId: isText(consumerGroupId)
    ? consumerGroupId
    : refuse('consumerGroupId', 'a string', consumerGroupId),
  generationId: groupMetadata?.generationId ?? NO_GENERATION,
  memberId: groupMetadata?.memberId ?? '',
  groupInstanceId: groupMetadata?.groupInstanceId ?? null,
  topics: topics.map(({ topic, partitions }) => ({
    topic: String(topic),
    partitions: partitions.map(({ partition, offset, metadata = null }) => ({
      partition: partitionNumber(partition),
      offset: offsetDigits(offset),
      metadata:
        metadata === null || isText(metadata)
          ? metadata
          : refuse('offset metadata', 'string or null,', metadata),
    })),
  })),
})

/**
 * @param {object} params
 * @param {string | undefined} params.transactionalId
 * @param {() => object} params.native the core's transactional producer, made by the first transaction
 * @param {import('../../index').Cluster} params.cluster
 * @param {import('../../index').Logger} params.logger
 * @param {(native: () => object) => { send: Function, sendBatch: Function }} params.createMessageProducer
 * @returns {() => Promise<import('../../index').Transaction>} the producer's `transaction` method
 */
module.exports = ({ transactionalId, native, cluster, logger, createMessageProducer }) => {
  let state = UNINITIALIZED
  let messageProducer = null
  let initializing = null

  const transition = to => {
    logger.debug(`Transaction state transition ${state} --> ${to}`)
    state = to
  }

  const guard = (method, legal) => {
    if (state !== legal) {
      throw new KafkaJSNonRetriableError(
        `Transaction state exception: Cannot call "${method}" in state "${state}"`
      )
    }
  }

  /** A transactional producer may begin before it was connected, as with kafkajs. */
  const initialize = async () => {
    if (!cluster.isConnected()) await cluster.connect()
    await invoke(call => native().open(call))
    transition(READY)
  }

  /** Once for all who begin at the same time: each new epoch would put an end to the one before. */
  const initializeOnce = () => {
    initializing ??= initialize().finally(() => {
      initializing = null
    })
    return initializing
  }

  const end = async (method, to) => {
    guard(method, TRANSACTING)
    transition(to)
    handOverGathered()
    try {
      await invoke(call => native().endTransaction(call, to === COMMITTING))
    } catch (error) {
      // Not ended: the transaction can still be aborted.
      transition(TRANSACTING)
      throw error
    }
    transition(READY)
  }

  return async () => {
    if (!transactionalId) {
      throw new KafkaJSNonRetriableError('Must provide transactional id for transactional producer')
    }
    if (state === TRANSACTING) {
      throw new KafkaJSNonRetriableError(
        'There is already an ongoing transaction for this producer. Please end the transaction before beginning another.'
      )
    }
    if (state === UNINITIALIZED) await initializeOnce()
    guard('beginTransaction', READY)
    invokeSync(() => native().beginTransaction())
    transition(TRANSACTING)

    messageProducer ??= createMessageProducer(native)
    let ended = false
    const isActive = () => state === TRANSACTING && !ended

    const whileActive =
      method =>
      async (...args) => {
        if (!isActive()) {
          throw new KafkaJSNonRetriableError('Cannot continue to use transaction once ended')
        }
        return method(...args)
      }

    const sendOffsets = async ({ consumerGroupId, topics, groupMetadata }) => {
      const assert = require('node:assert')
      assert(consumerGroupId, 'Missing consumerGroupId')
      assert(topics, 'Missing offset topics')
      const offsets = JSON.stringify(offsetsOf({ consumerGroupId, topics, groupMetadata }))
      handOverGathered()
      await invoke(call => native().sendOffsets(call, offsets))
      for (const { topic, partitions } of topics) {
        for (const { partition, offset } of partitions) {
          cluster.markOffsetAsCommitted({ groupId: consumerGroupId, topic, partition, offset })
        }
      }
    }

    const finish = (method, to) => async () => {
      await end(method, to)
      ended = true
    }

    return {
      sendBatch: whileActive(messageProducer.sendBatch),
      send: whileActive(messageProducer.send),
      abort: whileActive(finish('abort', ABORTING)),
      commit: whileActive(finish('commit', COMMITTING)),
      sendOffsets: whileActive(sendOffsets),
      isActive,
    }
  }
}
