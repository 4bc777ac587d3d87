'use strict'

/**
 * From a checked call to the core and back. One promise a call: this is the hottest path of the library.
 */

const { dropProduce, invoke, takeProduce, thrownError } = require('../binding')
const { CompressionCodecs, CompressionTypes, isBuiltinCodec } = require('../enums')
const { pack } = require('./pack')
const createPartitionMetadata = require('./partitionMetadata')
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

/** A call under way. Keeps the names of its topics and not their messages, which may be large. */
class ProduceCall {
  constructor(topicMessages, resolve, reject) {
    this.topics =
      topicMessages.length === 1
        ? [topicMessages[0].topic]
        : topicMessages.map(({ topic }) => topic)
    this.resolve = resolve
    this.failed = reject
  }

  delivered(table, at, count) {
    this.resolve(recordMetadata(table, at, count, this.topics))
  }
}

const isEmpty = ({ messages }) => messages.length === 0

/**
 * @param {object} params
 * @param {() => object} params.native the core's producer
 * @param {import('../../index').Cluster} params.cluster
 * @param {(args: object) => number} params.partitioner
 * @param {boolean} params.isNative whether the core has a partitioner that does the same
 * @returns {(acks: number, timeout: number | undefined, compression: number | undefined,
 *   compressionLevel: number | undefined, topicMessages: object[]) => Promise<object[]>} rejects with an error or with
 *   the payload of one
 */
module.exports = ({ native, cluster, partitioner, isNative }) => {
  const numbers = new Map()
  const metadata = createPartitionMetadata({ native, cluster })

  const topicNumber = topic => {
    let number = numbers.get(topic)
    if (number === undefined) {
      number = native().topicNumber(`${topic}`)
      numbers.set(topic, number)
    }
    return number
  }

  const loadTopics = topicMessages =>
    Promise.all(
      topicMessages.map(({ topic }) => invoke(call => native().loadTopic(call, topicNumber(topic))))
    )

  const handOver = (acks, timeout, compression, level, topicMessages, choose) =>
    new Promise((resolve, reject) => {
      const codec = compression ?? CompressionTypes.None
      const isRegistered = registeredCodec(codec)
      const packed = pack(topicMessages, topicNumber, choose)
      const id = takeProduce(new ProduceCall(topicMessages, resolve, reject))
      try {
        native().send(
          id,
          acks,
          timeout ?? PRODUCE_TIMEOUT,
          codec,
          isRegistered,
          level ?? DEFAULT_LEVEL,
          packed.data,
          packed.dataLength,
          packed.table,
          packed.tableLength
        )
      } catch (error) {
        dropProduce(id)
        throw thrownError(error)
      }
    })

  /** A custom partitioner chooses here, which it can only when the partitions are known. */
  const chooseAndHandOver = async (acks, timeout, compression, level, topicMessages) => {
    let given = topicMessages
    if (!metadata.areKnown(topicMessages)) {
      // What the caller does to its objects while we wait must not show.
      given = topicMessages.map(({ topic, messages }) => ({
        topic,
        messages: messages.map(message => ({ ...message })),
      }))
      await metadata.whenKnown(given, () => loadTopics(given))
    }
    const choose = ({ topic }, message) =>
      partitioner({ topic, partitionMetadata: metadata.of(topic), message })
    return handOver(acks, timeout, compression, level, given, choose)
  }

  return (acks, timeout, compression, level, topicMessages) => {
    if (topicMessages.every(isEmpty)) return loadTopics(topicMessages).then(() => [])
    return isNative
      ? handOver(acks, timeout, compression, level, topicMessages)
      : chooseAndHandOver(acks, timeout, compression, level, topicMessages)
  }
}
