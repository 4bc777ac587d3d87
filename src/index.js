'use strict'

const createAdmin = require('./admin')
const createCluster = require('./cluster')
const createConsumer = require('./consumer')
const { InstrumentationEventEmitter } = require('./events')
const { createLogger } = require('./logger')
const {
  adminOptions,
  clusterOptions,
  consumerOptions,
  kafkaOptions,
  producerOptions,
} = require('./options')
const createProducer = require('./producer')

const PRIVATE = {
  CLIENT_RETRY: Symbol('private:Kafka:clientRetry'),
  CREATE_CLUSTER: Symbol('private:Kafka:createCluster'),
  LOGGER: Symbol('private:Kafka:logger'),
  OFFSETS: Symbol('private:Kafka:offsets'),
}

const MIGRATION_GUIDE =
  'https://kafka.js.org/docs/migration-guide-v2.0.0#producer-new-default-partitioner'

let warnedOfPartitioner = false

/** Once per process, as kafkajs does; a first producer made in silence uses it up. */
const warnOfDefaultPartitioner = logger => {
  if (warnedOfPartitioner) return
  warnedOfPartitioner = true
  if (process.env.KAFKAJS_NO_PARTITIONER_WARNING != null) return
  logger.warn(
    `KafkaJS v2.0.0 switched default partitioner. To retain the same partitioning behavior as in previous versions, create the producer with the option "createPartitioner: Partitioners.LegacyPartitioner". See the migration guide at ${MIGRATION_GUIDE} for details. Silence this warning by setting the environment variable "KAFKAJS_NO_PARTITIONER_WARNING=1"`
  )
}

/**
 * Entry point, exported as `Kafka`: makes producers, consumers and admins that share a configuration, a logger
 * and what is known about committed offsets. Each of them has connections, metadata and events of its own.
 *
 * Tracers rewrite this file as it loads: they look for `class Client` and its constructor.
 */
module.exports = class Client {
  /**
   * Neither checks nor connects: what is wrong with an option shows when a client is made or connects.
   *
   * @param {import('../index').KafkaConfig} options
   * @throws {TypeError} if `options` is missing, or `logCreator` is not a function
   */
  constructor(options) {
    const kafka = kafkaOptions(options)
    this[PRIVATE.OFFSETS] = new Map()
    this[PRIVATE.LOGGER] = createLogger({ level: kafka.logLevel, logCreator: kafka.logCreator })
    this[PRIVATE.CLIENT_RETRY] = kafka.retry
    // A function, so that credentials are not among the properties a program may print.
    this[PRIVATE.CREATE_CLUSTER] = own =>
      createCluster({
        ...clusterOptions(kafka),
        logger: this[PRIVATE.LOGGER],
        offsets: this[PRIVATE.OFFSETS],
        ...own,
      })
  }

  /**
   * Makes a producer; it does not connect.
   *
   * @param {import('../index').ProducerConfig} [options]
   * @returns {import('../index').Producer}
   * @throws {TypeError} if `createPartitioner` is not a function, or `requestTimeout` of the client not a number
   * @throws {import('./errors').KafkaJSNonRetriableError} if an idempotent producer may not retry
   */
  producer(options = {}) {
    const logger = this[PRIVATE.LOGGER]
    // Before anything is refused, as kafkajs does: a null is warned about, and no partitioner.
    if (options !== null && options.createPartitioner == null) warnOfDefaultPartitioner(logger)
    const { limitsIdempotence, ...own } = producerOptions(options, this[PRIVATE.CLIENT_RETRY])
    const instrumentationEmitter = new InstrumentationEventEmitter()

    if (limitsIdempotence) {
      logger
        .namespace('Producer')
        .warn('Limiting retries for the idempotent producer may invalidate EoS guarantees')
    }

    const cluster = this[PRIVATE.CREATE_CLUSTER]({
      metadataMaxAge: own.metadataMaxAge,
      allowAutoTopicCreation: own.allowAutoTopicCreation,
      maxInFlightRequests: own.maxInFlightRequests,
      instrumentationEmitter,
    })
    return createProducer({ ...own, logger, cluster, instrumentationEmitter })
  }

  /**
   * Makes a member of a consumer group; it does not connect.
   *
   * @param {import('../index').ConsumerConfig} options
   * @returns {import('../index').Consumer}
   * @throws {import('./errors').KafkaJSNonRetriableError} if there is no `groupId`, or `heartbeatInterval` is not
   *   below `sessionTimeout`
   * @throws {TypeError} if an entry of `partitionAssigners` is not a function, or `requestTimeout` of the client
   *   not a number
   */
  consumer(options = {}) {
    const own = consumerOptions(options, this[PRIVATE.CLIENT_RETRY])
    const instrumentationEmitter = new InstrumentationEventEmitter()
    const cluster = this[PRIVATE.CREATE_CLUSTER]({
      metadataMaxAge: own.metadataMaxAge,
      allowAutoTopicCreation: own.allowAutoTopicCreation,
      maxInFlightRequests: own.maxInFlightRequests,
      isolationLevel: own.isolationLevel,
      instrumentationEmitter,
    })
    return createConsumer({ ...own, logger: this[PRIVATE.LOGGER], cluster, instrumentationEmitter })
  }

  /**
   * Makes an admin client; it does not connect.
   *
   * @param {import('../index').AdminConfig} [options]
   * @returns {import('../index').Admin}
   * @throws {TypeError} if `requestTimeout` of the client is not a number
   */
  admin(options = {}) {
    const own = adminOptions(options, this[PRIVATE.CLIENT_RETRY])
    const instrumentationEmitter = new InstrumentationEventEmitter()
    const cluster = this[PRIVATE.CREATE_CLUSTER]({
      // An admin's metadata is always stale: what it shows has to be true now.
      metadataMaxAge: 0,
      allowAutoTopicCreation: false,
      maxInFlightRequests: null,
      instrumentationEmitter,
    })
    return createAdmin({ ...own, logger: this[PRIVATE.LOGGER], cluster, instrumentationEmitter })
  }

  /**
   * @returns {import('../index').Logger} the root logger; its `setLogLevel` changes the level of all clients
   */
  logger() {
    return this[PRIVATE.LOGGER]
  }
}
