'use strict'

/**
 * From a checked call to the core and back.
 */

const { invoke, invokeProduce } = require('../binding')
const { CompressionCodecs, CompressionTypes, isBuiltinCodec } = require('../enums')
const { errorFromPayload } = require('../errors')
const { pack } = require('./pack')
const { recordMetadata } = require('./recordMetadata')

/** How long a broker may wait for replicas, ms; kafkajs' default. */
const PRODUCE_TIMEOUT = 30000
const DEFAULT_LEVEL = -(2 ** 31)

/**
 * @param {number} codec
 * @returns {boolean} whether a codec of the program compresses, and not ours
 * @throws {TypeError} in kafkajs' words if nobody has a codec of this number
 */
const registeredCodec = codec => {
  if (codec === CompressionTypes.None) return false
  if (!CompressionCodecs[codec]) {
    throw new TypeError("Cannot read properties of null (reading 'compress')")
  }
  return !isBuiltinCodec(codec)
}

/**
 * @param {object} params
 * @param {() => object} params.native the core's producer
 * @param {import('../../index').Cluster} params.cluster
 * @param {(args: object) => number} params.partitioner
 * @param {boolean} params.isNative whether the core has a partitioner that does the same
 * @returns {(call: { acks: number, timeout?: number, compression?: number, topicMessages: object[] }) =>
 *   Promise<object[]>}
 */
module.exports = ({ native, cluster, partitioner, isNative }) => {
  const numbers = new Map()
  const metadataCache = new Map()
  let generation = -1
  // Sends that wait for a topic's partitions keep later ones behind them: order of the calls is order of the records.
  let gate = null

  const topicNumber = topic => {
    let number = numbers.get(topic)
    if (number === undefined) {
      number = native().topicNumber(`${topic}`)
      numbers.set(topic, number)
    }
    return number
  }

  const partitionMetadata = topic => {
    const current = native().metadataGeneration()
    if (current !== generation) {
      metadataCache.clear()
      generation = current
    }
    if (!metadataCache.has(topic)) {
      const known = cluster.brokerPool.metadata ? cluster.findTopicPartitionMetadata(topic) : []
      metadataCache.set(topic, known)
    }
    return metadataCache.get(topic)
  }

  const handOver = (
    { acks, timeout, compression, compressionLevel, topicMessages },
    choose,
    resolve,
    reject
  ) => {
    const topics = topicMessages.map(({ topic, messages }) => ({
      topic: topicNumber(topic),
      messages,
    }))
    const { data, dataLength, table, tableLength } = pack(topics, choose)
    const codec = compression ?? CompressionTypes.None
    const isRegistered = registeredCodec(codec)
    const wait = timeout ?? PRODUCE_TIMEOUT
    invokeProduce(
      call =>
        native().send(
          call,
          acks,
          wait,
          codec,
          isRegistered,
          compressionLevel ?? DEFAULT_LEVEL,
          data,
          dataLength,
          table,
          tableLength
        ),
      (settled, at, count, payload) => {
        if (payload) reject(payload)
        else {
          const names = topicMessages.map(({ topic }) => topic)
          resolve(recordMetadata(settled, at, count, names))
        }
      }
    )
  }

  const loadTopics = topicMessages =>
    Promise.all(
      topicMessages.map(({ topic }) => invoke(call => native().loadTopic(call, topicNumber(topic))))
    )

  /** The partitions of all topics of a call have to be known before a custom partitioner can choose. */
  const whenKnown = async topicMessages => {
    const known = () => topicMessages.every(({ topic }) => partitionMetadata(topic).length > 0)
    if (!gate && known()) return
    const before = gate
    const turn = (async () => {
      await before?.catch(() => {})
      if (!known()) await loadTopics(topicMessages)
    })()
    gate = turn
    try {
      await turn
    } finally {
      if (gate === turn) gate = null
    }
  }

  return async call => {
    const { topicMessages } = call
    if (topicMessages.every(({ messages }) => messages.length === 0)) {
      await loadTopics(topicMessages)
      return []
    }
    let choose
    if (!isNative) {
      if (gate || topicMessages.some(({ topic }) => partitionMetadata(topic).length === 0)) {
        // What the caller does to its objects while we wait must not show.
        call = {
          ...call,
          topicMessages: topicMessages.map(({ topic, messages }) => ({
            topic,
            messages: messages.map(message => ({ ...message })),
          })),
        }
        await whenKnown(call.topicMessages)
      }
      choose = (position, message) => {
        const { topic } = call.topicMessages[position]
        return partitioner({ topic, partitionMetadata: partitionMetadata(topic), message })
      }
    }
    try {
      return await new Promise((resolve, reject) => handOver(call, choose, resolve, reject))
    } catch (payload) {
      // Made here, after the await, so that the stack has the caller's frames.
      throw payload instanceof Error ? payload : errorFromPayload(payload)
    }
  }
}
