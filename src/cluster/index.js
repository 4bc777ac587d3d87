'use strict'

/**
 * The cluster as one client sees it: what assigners, tracers and our own producer, consumer and admin read and ask.
 *
 * The names are those of kafkajs' `Cluster` type. The work is done by the core; this object only translates.
 */

const {
  attach,
  completionQueue,
  detach,
  invoke,
  invokeSync,
  loadAddon,
  nextClientNumber,
} = require('../binding')
const {
  KafkaJSBrokerNotFound,
  KafkaJSConnectionError,
  KafkaJSNonRetriableError,
  KafkaJSTopicMetadataNotLoaded,
} = require('../errors')
const { watchLevel } = require('../logger')
const createNetwork = require('../network')
const { ISOLATION_LEVEL, checkBrokers } = require('../options')
const createBrokerPool = require('./brokerPool')

const EARLIEST = -2
const LATEST = -1
const LOGGERS = { 1: 'error', 2: 'warn', 4: 'info', 5: 'debug' }

/** What the `brokers` option stands for now: a list, checked. */
const resolveBrokers = async brokers => {
  let list = brokers
  if (typeof brokers === 'function') {
    try {
      list = await brokers()
    } catch (e) {
      const error = new KafkaJSConnectionError(
        `Failed to connect: "config.brokers" threw: ${e?.message ?? e}`
      )
      error.stack = `${error.name}\n  Caused by: ${e?.stack ?? e}`
      throw error
    }
  }
  // kafkajs indexes whatever it was given, so a string is a list of its characters.
  const seeds = list && Array.from(list)
  checkBrokers(seeds)
  return seeds
}

/** The part of the options that the core reads. */
const coreConfig = (options, security) => ({
  clientId: options.clientId,
  connectionTimeout: options.connectionTimeout,
  authenticationTimeout: options.authenticationTimeout,
  requestTimeout: options.requestTimeout,
  enforceRequestTimeout: options.enforceRequestTimeout,
  retry: options.retry,
  metadataMaxAge: options.metadataMaxAge,
  allowAutoTopicCreation: options.allowAutoTopicCreation,
  maxInFlightRequests: options.maxInFlightRequests ?? null,
  security,
})

/**
 * Makes the cluster of one client. Opens nothing.
 *
 * @param {object} options checked options (`src/options.js`), plus
 * @param {import('../../index').Logger} options.logger root logger
 * @param {import('../events').InstrumentationEventEmitter} options.instrumentationEmitter
 * @param {Map<string, object>} options.offsets committed offsets by group, shared by the clients of a `Kafka`
 * @returns {import('../../index').Cluster & Record<string, any>}
 */
module.exports = options => {
  const { brokers, logger, instrumentationEmitter, offsets, isolationLevel } = options
  const client = nextClientNumber()
  const loggers = new Map()
  const signals = new Map()
  const network = createNetwork({ ...options, native: () => native })
  const answers = new Map(Object.entries(network.answers))
  let native = null
  let unwatch = []
  /** The attempt to connect that is under way, and the one that began last. */
  let attempt = null
  let latest = null

  const namespaced = namespace => {
    if (!loggers.has(namespace)) loggers.set(namespace, logger.namespace(namespace))
    return loggers.get(namespace)
  }

  const hooks = {
    onEvent: (name, payload) => instrumentationEmitter.emit(`${cluster.kind}.${name}`, payload),
    onLog: (level, namespace, message, extra) =>
      namespaced(namespace)[LOGGERS[level]](message, extra),
    onSignal: (name, payload) => signals.get(name)?.(payload),
    onAsk: async (name, payload, attachments) => {
      const handler = answers.get(name)
      if (!handler) throw new KafkaJSNonRetriableError(`Nobody answers "${name}"`)
      return handler(payload, attachments)
    },
  }

  const watch = () => {
    const { events } = JSON.parse(loadAddon().eventBits())
    let mask = 0
    const unwatchEvents = instrumentationEmitter.onListenersChanged((name, listening) => {
      const bit = events[name] ?? 0
      mask = listening ? mask | bit : mask & ~bit
      native.setEvents(mask)
    })
    unwatch = [unwatchEvents, watchLevel(logger, level => native.setLogLevel(level))]
  }

  const follow = () => {
    if (unwatch.length === 0) watch()
    attach(client, hooks)
  }

  const unfollow = () => {
    for (const stop of unwatch) stop()
    unwatch = []
    detach(client)
  }

  /** The core's side, made when first needed: an unused client costs nothing. */
  const nativeCluster = () => {
    if (!native) {
      const { NativeCluster } = loadAddon()
      const config = JSON.stringify(coreConfig(options, network.config()))
      native = invokeSync(() => new NativeCluster(completionQueue(), client, config))
    }
    return native
  }

  const open = async own => {
    try {
      const seeds = await resolveBrokers(brokers)
      const wasConnected = native?.isConnected() ?? false
      nativeCluster()
      follow()
      try {
        await invoke(call => native.connect(call, JSON.stringify(seeds)))
      } catch (error) {
        // After a disconnect somebody may have begun anew.
        if (!wasConnected && latest === own) await cluster.disconnect()
        throw error
      }
    } finally {
      if (attempt === own) attempt = null
    }
  }

  const listOffsets = (partitions, isolation) =>
    invoke(call => nativeCluster().listOffsets(call, JSON.stringify({ isolation, partitions })))

  const isolationName = () =>
    isolationLevel === ISOLATION_LEVEL.READ_UNCOMMITTED ? 'read_uncommitted' : 'read_committed'

  const cluster = {
    /** Prefix of the client's events; set by the client's factory. */
    kind: 'admin',
    brokerPool: createBrokerPool(() => native),
    clientId: options.clientId,

    /** How long a request may take, ms. */
    requestTimeout: options.requestTimeout,

    /** For the bindings of producer, consumer and admin. */
    native: nativeCluster,

    /** Calls `handler` when the core sends signal `name` of this client. */
    onSignal: (name, handler) => {
      signals.set(name, handler)
    },

    /** Answers question `name` of the core: `handler(payload, buffers)` gives `{ value, bytes }` or a promise of it. */
    onAsk: (name, handler) => {
      answers.set(name, handler)
    },

    /** Those who connect at the same time share one attempt: a failure of their own would end that of the others. */
    connect: async () => {
      if (!attempt) {
        attempt = {}
        latest = attempt
        attempt.opened = open(attempt)
      }
      await attempt.opened
    },

    disconnect: async () => {
      attempt = null
      if (!native) return
      try {
        await invoke(call => native.disconnect(call))
      } finally {
        unfollow()
      }
    },

    isConnected: () => native?.isConnected() ?? false,

    /** Topics that each metadata refresh asks for. */
    get targetTopics() {
      return new Set(native ? JSON.parse(native.targets()) : [])
    },

    addTargetTopic: topic => cluster.addMultipleTargetTopics([topic]),

    addMultipleTargetTopics: async topics => {
      if (!cluster.isConnected()) await cluster.connect()
      await invoke(call => native.loadTopics(call, JSON.stringify(topics)))
    },

    refreshMetadata: async () => {
      await invoke(call => nativeCluster().refreshMetadata(call, false))
    },

    refreshMetadataIfNecessary: async () => {
      await invoke(call => nativeCluster().refreshMetadata(call, true))
    },

    /**
     * @param {{ topics?: string[] }} [query] no or an empty list: all topics
     * @returns {Promise<object>} `{ brokers, clusterId, controllerId, topicMetadata }`
     */
    metadata: async ({ topics = [] } = {}) => {
      if (!cluster.isConnected()) await cluster.connect()
      const wanted = topics.length === 0 ? undefined : JSON.stringify(topics)
      return invoke(call => native.describe(call, wanted))
    },

    /**
     * Synchronous, for assigners and partitioners.
     *
     * @param {string} topic
     * @returns {object[]} empty if nothing is known of the topic
     */
    findTopicPartitionMetadata: topic => {
      if (!cluster.brokerPool.metadata) {
        throw new KafkaJSTopicMetadataNotLoaded('Topic metadata not loaded', { topic })
      }
      return JSON.parse(native.partitionMetadata(topic) ?? '[]')
    },

    /** @returns {Record<string, number[]>} partitions by node id of their leader; unknown ones are left out */
    findLeaderForPartitions: (topic, partitions) => {
      const metadata = cluster.findTopicPartitionMetadata(topic)
      const byLeader = {}
      for (const partition of partitions.map(Number)) {
        const leader = metadata.find(({ partitionId }) => partitionId === partition)?.leader
        if (leader != null) byLeader[leader] = [...(byLeader[leader] ?? []), partition]
      }
      return byLeader
    },

    /** @returns {string[]} node ids of the brokers known */
    getNodeIds: () => cluster.brokerPool.nodes().map(({ nodeId }) => `${nodeId}`),

    findBroker: async ({ nodeId }) => {
      await cluster.refreshMetadataIfNecessary()
      const broker = cluster.brokerPool.findBroker(Number(nodeId))
      if (broker) return broker
      throw new KafkaJSBrokerNotFound(`Broker ${nodeId} not found in the cached metadata`)
    },

    findControllerBroker: async () => {
      await cluster.refreshMetadataIfNecessary()
      const { controllerId } = cluster.brokerPool.metadata ?? {}
      const broker = cluster.brokerPool.findBroker(controllerId)
      if (broker) return broker
      throw new KafkaJSBrokerNotFound(
        `Controller broker with id ${controllerId} not found in the cached metadata`
      )
    },

    findGroupCoordinator: async ({ groupId }) => {
      const { coordinator } = await cluster.findGroupCoordinatorMetadata({ groupId })
      return cluster.findBroker({ nodeId: coordinator.nodeId })
    },

    findGroupCoordinatorMetadata: async ({ groupId }) => {
      const nodeId = await invoke(call => nativeCluster().findGroupCoordinator(call, groupId))
      const { host, port } = cluster.brokerPool.findBroker(nodeId) ?? {}
      return { errorCode: 0, coordinator: { nodeId, host, port } }
    },

    /** @returns {number} the timestamp that stands for where a consumer starts: -2 earliest, -1 latest */
    defaultOffset: ({ fromBeginning }) => (fromBeginning ? EARLIEST : LATEST),

    /**
     * @param {Array<{ topic: string, partitions: Array<{ partition: number }>, fromBeginning?: boolean,
     *   fromTimestamp?: number }>} topics
     * @returns {Promise<Array<{ topic: string, partitions: Array<{ partition: number, offset: string }> }>>}
     */
    fetchTopicsOffset: async topics => {
      const asked = topics.flatMap(({ topic, partitions, fromBeginning, fromTimestamp }) =>
        partitions.map(({ partition }) => ({
          topic,
          partition,
          timestamp: fromTimestamp ?? cluster.defaultOffset({ fromBeginning }),
        }))
      )
      await cluster.addMultipleTargetTopics(topics.map(({ topic }) => topic))
      const found = await listOffsets(asked, isolationName())
      return topics.map(({ topic }) => ({
        topic,
        partitions: found
          .filter(row => row.topic === topic)
          .map(({ partition, offset }) => ({ partition, offset })),
      }))
    },

    /** Offsets by isolation: `read_committed` or `read_uncommitted`. */
    listOffsets,

    /** Offsets of a group that a transaction of the same `Kafka` committed: `{ [topic]: { [partition]: offset } }`. */
    committedOffsets: ({ groupId }) => {
      if (!offsets.has(groupId)) offsets.set(groupId, {})
      return offsets.get(groupId)
    },

    markOffsetAsCommitted: ({ groupId, topic, partition, offset }) => {
      const committed = cluster.committedOffsets({ groupId })
      committed[topic] = { ...committed[topic], [partition]: offset }
    },

    /** The core drops broken connections by itself. */
    removeBroker: () => {},
  }

  return cluster
}
