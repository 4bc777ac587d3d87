'use strict'

/**
 * From a checked call to the core and back. One promise a call: this is the hottest path of the library.
 */

const { dropProduce, invoke, takeProduce } = require('../binding')
const { CompressionCodecs, CompressionTypes, isBuiltinCodec } = require('../enums')
const { KafkaJSNonRetriableError, errorFromPayload } = require('../errors')
const copyMessage = require('./copyMessage')
const { gather, handOver, packFor } = require('./gathered')
const { labelCall } = require('./pack')
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

const INT16_MAX = 2 ** 15 - 1
const INT32_MAX = 2 ** 31 - 1

/**
 * What kafkajs would send is sent, so that the broker answers a level it does not know (kafkajs never hears of one that
 * is no number: it sends 0 and waits for an answer).
 */
const acksNumber = acks => {
  const number = acks === null ? Number.NaN : Math.trunc(Number(acks))
  if (number >= -INT16_MAX && number <= INT16_MAX) return number
  throw new KafkaJSNonRetriableError(`Invalid acks ${String(acks)}, expected -1, 0 or 1`)
}

const timeoutNumber = timeout => {
  const number = Math.trunc(Number(timeout ?? PRODUCE_TIMEOUT))
  if (!Number.isNaN(number)) return Math.min(Math.max(number, 0), INT32_MAX)
  throw new KafkaJSNonRetriableError(
    `Invalid timeout ${String(timeout)}, expected a number of milliseconds`
  )
}

const levelNumber = level => {
  const number = level ?? DEFAULT_LEVEL
  if (Number.isInteger(number) && Math.abs(number) <= 2 ** 31) return number
  throw new KafkaJSNonRetriableError(
    `Invalid compressionLevel ${String(level)}, expected an integer of the codec's range`
  )
}

const nextMicrotask = Promise.resolve()

/**
 * A promise that rejects with the error that `payload` describes, once somebody waits for it: an error has the frames of
 * those who await it in its stack only if it is made while they do.
 */
const rejectLater = payload =>
  nextMicrotask
    .then(() => {})
    .then(() => {
      throw errorFromPayload(payload)
    })

/** A call under way. Keeps the names of its topics and not their messages, which may be large. */
class ProduceCall {
  constructor(topicMessages, resolve) {
    this.id = 0
    this.topics =
      topicMessages.length === 1 ? topicMessages[0].topic : topicMessages.map(({ topic }) => topic)
    this.resolve = resolve
  }

  delivered(table, at, count) {
    this.resolve(recordMetadata(table, at, count, this.topics))
  }

  failed(payload) {
    this.resolve(rejectLater(payload))
  }
}

/** So many calls may be over at once before the event loop gets its turn. */
const UNANSWERED_IN_TURN = 100
let unansweredInTurn = 0

/** For acks 0: such a call waits for nobody, so a loop of them would keep everything else waiting. */
const resolveUnanswered = resolve => {
  unansweredInTurn += 1
  if (unansweredInTurn < UNANSWERED_IN_TURN) return resolve([])
  unansweredInTurn = 0
  setImmediate(resolve, [])
}

const isEmpty = ({ messages }) => messages.length === 0

/**
 * @param {object} params
 * @param {() => object} params.native the core's producer
 * @param {import('../../index').Cluster} params.cluster
 * @param {import('../../index').Logger} params.logger  of the producer
 * @param {(args: object) => number} params.partitioner
 * @param {boolean} params.isNative whether the core has a partitioner that does the same
 * @returns {(acks: number, timeout: number | undefined, compression: number | undefined,
 *   compressionLevel: number | undefined, topicMessages: object[]) => Promise<object[]>} what `send` gives
 */
module.exports = ({ native, cluster, logger, partitioner, isNative }) => {
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

  const submit = (acks, timeout, compression, level, topicMessages, choose) =>
    new Promise(resolve => {
      const acksWanted = acksNumber(acks)
      const patience = timeoutNumber(timeout)
      const levelWanted = levelNumber(level)
      const codec = compression ?? CompressionTypes.None
      const producer = native()
      let isRegistered
      let callAt
      try {
        isRegistered = registeredCodec(codec)
        // Before packing: a partitioner may send something itself.
        const chosen = choose && topicMessages.map(choose)
        callAt = packFor(producer, topicMessages, topicNumber, chosen)
      } catch (error) {
        logger.error(`${error?.message ?? error}`)
        throw error
      }
      const id = takeProduce(new ProduceCall(topicMessages, resolve))
      labelCall(callAt, id, acksWanted, patience, Number(codec), isRegistered, levelWanted)
      if (acksWanted !== 0) {
        gather(producer)
      } else if (handOver()) {
        dropProduce(id)
        resolveUnanswered(resolve)
      }
    })

  /** A custom partitioner chooses here, which it can only when the partitions are known. */
  const chooseAndSubmit = (acks, timeout, compression, level, topicMessages) => {
    const choose = ({ topic, messages }) =>
      messages.map(message =>
        partitioner({ topic, partitionMetadata: metadata.of(topic), message })
      )
    const go = given => submit(acks, timeout, compression, level, given, choose)
    if (metadata.areKnown(topicMessages)) return go(topicMessages)
    // What the caller does to its objects while we wait must not show.
    const given = topicMessages.map(({ topic, messages }) => ({
      topic,
      messages: messages.map(copyMessage),
    }))
    const load = () => loadTopics(given)
    return metadata.whenKnown(given, load, () => go(given))
  }

  return (acks, timeout, compression, level, topicMessages) => {
    if (topicMessages.every(isEmpty)) return loadTopics(topicMessages).then(() => [])
    return isNative
      ? submit(acks, timeout, compression, level, topicMessages)
      : chooseAndSubmit(acks, timeout, compression, level, topicMessages)
  }
}
