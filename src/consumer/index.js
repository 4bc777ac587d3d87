'use strict'

/**
 * The consumer's face: kafkajs' methods, events and words.
 *
 * Sentry rewrites this file as it loads: it looks for the text with which `run` begins.
 */

const { AsyncResource } = require('node:async_hooks')
const { invoke, loadAddon } = require('../binding')
const { KafkaJSNonRetriableError } = require('../errors')
const { InstrumentationEventEmitter, consumerEvents: events, createOn } = require('../events')
const { ISOLATION_LEVEL, RETRY_DEFAULTS, mergeRetry } = require('../options')
const { range, roundRobin } = require('./assigners')
const ConsumerGroup = require('./consumerGroup')
const Runner = require('./runner')
const TopicPatterns = require('./topicPatterns')
const { checkCommits, checkSeek, checkTopicPartitions } = require('./topicPartitions')

const { CONNECT, DISCONNECT, STOP, CRASH } = events

/** Assigners whose work the core does. */
const ASSIGNORS = new Map([
  [roundRobin, 'roundRobin'],
  [range, 'range'],
])

const NOT_RUNNING = 'Consumer group was not initialized, consumer#run must be called first'

const rootCause = error => (error?.cause ? rootCause(error.cause) : error)

/** Lets callers that come while `operation` is under way share it. */
const shared = operation => {
  let underWay = null
  return (...args) => {
    underWay ??= operation(...args).finally(() => {
      underWay = null
    })
    return underWay
  }
}

/**
 * @param {object} params checked options (`src/options.js`), plus
 * @param {import('../../index').Cluster} params.cluster
 * @param {import('../../index').Logger} params.logger root logger
 * @param {InstrumentationEventEmitter} [params.instrumentationEmitter]
 * @returns {import('../../index').Consumer}
 */
module.exports = ({
  cluster,
  groupId,
  retry: givenRetry,
  logger: rootLogger,
  partitionAssigners = [roundRobin],
  sessionTimeout = 30000,
  rebalanceTimeout = 60000,
  heartbeatInterval = 3000,
  maxPollInterval = 300000,
  maxBytesPerPartition = 1048576,
  minBytes = 1,
  maxBytes = 10485760,
  maxBufferedBytes = 52428800,
  maxWaitTimeInMs = 5000,
  isolationLevel = ISOLATION_LEVEL.READ_COMMITTED,
  rackId = '',
  instrumentationEmitter = new InstrumentationEventEmitter(),
  metadataMaxAge = 300000,
}) => {
  const logger = rootLogger.namespace('Consumer')
  const retry = mergeRetry(givenRetry)
  const assigners = partitionAssigners.map(createAssigner => ({
    assigner: createAssigner({ groupId, logger, cluster }),
    assignor: ASSIGNORS.get(createAssigner) ?? null,
  }))
  const patterns = new TopicPatterns({ cluster, logger, groupId })
  cluster.kind = 'consumer'

  /** @type {Record<string, { fromBeginning: boolean }>} */
  const topics = {}
  let runner = null
  let consumerGroup = null
  let restartTimer = null
  let patternTimer = null
  // Counts what a program did to end the run, so that a crash that is being dealt with does not start it again.
  let endings = 0

  const connect = async () => {
    await cluster.connect()
    instrumentationEmitter.emit(CONNECT)
  }

  const stopRunner = shared(async how => {
    try {
      clearTimeout(restartTimer)
      clearInterval(patternTimer)
      if (runner) {
        await runner.stop(how)
        runner = null
        consumerGroup = null
        instrumentationEmitter.emit(STOP)
      }
      logger.info('Stopped', { groupId })
    } catch (e) {
      logger.error(`Caught error when stopping the consumer: ${e.message}`, {
        stack: e.stack,
        groupId,
      })
      throw e
    }
  })

  /** What a handler waits for must not wait for the handler. */
  const endRun = () => {
    endings++
    const fromHandler = runner?.isCalledByHandler() ?? false
    // An ending that is under way does not know yet.
    if (fromHandler) runner.abandonCaller()
    return stopRunner()
  }

  const disconnectAfter = async stopped => {
    try {
      await stopped
      logger.debug('consumer has stopped, disconnecting', { groupId })
      await cluster.disconnect()
      instrumentationEmitter.emit(DISCONNECT)
    } catch (e) {
      logger.error(`Caught error when disconnecting the consumer: ${e.message}`, {
        stack: e.stack,
        groupId,
      })
      throw e
    }
  }

  const disconnect = async () => disconnectAfter(endRun())

  const stop = async () => endRun()

  const subscribe = async ({ topic, topics: subscriptionTopics, fromBeginning = false }) => {
    if (consumerGroup) {
      throw new KafkaJSNonRetriableError('Cannot subscribe to topic while consumer is running')
    }
    if (!topic && !subscriptionTopics) {
      throw new KafkaJSNonRetriableError('Missing required argument "topics"')
    }
    if (subscriptionTopics != null && !Array.isArray(subscriptionTopics)) {
      throw new KafkaJSNonRetriableError('Argument "topics" must be an array')
    }
    const subscriptions = subscriptionTopics || [topic]
    for (const subscription of subscriptions) {
      if (typeof subscription !== 'string' && !(subscription instanceof RegExp)) {
        throw new KafkaJSNonRetriableError(
          `Invalid topic ${subscription} (${typeof subscription}), the topic name has to be a String or a RegExp`
        )
      }
    }

    const matches = await patterns.add(
      subscriptions.filter(subscription => subscription instanceof RegExp),
      fromBeginning
    )
    const names = subscriptions.flatMap(subscription => matches.get(subscription) ?? [subscription])
    for (const name of names) topics[name] = { fromBeginning }
    await cluster.addMultipleTargetTopics(names)
  }

  const run = async ({
    autoCommit = true,
    autoCommitInterval = null,
    autoCommitThreshold = null,
    eachBatchAutoResolve = true,
    partitionsConsumedConcurrently: concurrency = 1,
    eachBatch = null,
    eachMessage = null,
  } = {}) => {
    if (consumerGroup) {
      logger.warn('consumer#run was called, but the consumer is already running', { groupId })
      return
    }
    if (!eachMessage && !eachBatch) {
      logger.warn('consumer#run was called without eachMessage or eachBatch: nothing is consumed', {
        groupId,
      })
    }

    // Bound, so that handlers have the context of this call after a restart as well.
    const start = AsyncResource.bind(async crashed => {
      logger.info('Starting', { groupId })

      consumerGroup = new ConsumerGroup({
        logger: rootLogger,
        topics: Object.keys(topics),
        topicConfigurations: topics,
        retry,
        cluster,
        groupId,
        assigners,
        sessionTimeout,
        rebalanceTimeout,
        heartbeatInterval,
        maxPollInterval,
        maxBytesPerPartition,
        minBytes,
        maxBytes,
        maxBufferedBytes,
        maxWaitTimeInMs,
        instrumentationEmitter,
        isolationLevel,
        rackId,
        metadataMaxAge,
        autoCommit,
        autoCommitInterval,
        autoCommitThreshold,
      })

      runner = new Runner({
        logger: rootLogger,
        consumerGroup,
        instrumentationEmitter,
        heartbeatInterval,
        retry,
        autoCommit,
        eachBatchAutoResolve,
        eachBatch,
        eachMessage,
        onCrash: crashed,
        concurrency,
      })

      watchPatterns()
      await runner.start()
    })

    const onCrash = async e => {
      logger.error(`Crash: ${e.name}: ${e.message}`, {
        groupId,
        retryCount: e.retryCount,
        stack: e.stack,
      })
      const endingsBefore = endings
      await disconnectAfter(stopRunner())

      const isRetriable =
        e.name === 'KafkaJSNumberOfRetriesExceeded' || rootCause(e).retriable === true
      const restart = isRetriable && (await mayRestart(e))
      instrumentationEmitter.emit(CRASH, { error: e, groupId, restart })
      // The program has ended the run itself meanwhile.
      if (!restart || endings !== endingsBefore) return

      const retryTime =
        e.retryTime || givenRetry?.initialRetryTime || RETRY_DEFAULTS.initialRetryTime
      logger.error(`Restarting the consumer in ${retryTime}ms`, {
        retryCount: e.retryCount,
        retryTime,
        groupId,
      })
      restartTimer = setTimeout(() => start(crash), retryTime)
    }

    const crash = async e => {
      try {
        await onCrash(e)
      } catch (error) {
        logger.error(`Caught error when dealing with a crash: ${error.message}`, {
          stack: error.stack,
          groupId,
        })
      }
    }

    await start(crash)
  }

  const mayRestart = async e => {
    if (!retry.restartOnFailure) return true
    try {
      return await retry.restartOnFailure(e)
    } catch (error) {
      logger.error(
        'Caught error when invoking user-provided "restartOnFailure" callback. Defaulting to restarting.',
        { error: error.message || error, cause: e.message || e, groupId }
      )
      return true
    }
  }

  /** Topics that come to match a pattern are subscribed to, as soon as metadata would show them. */
  const watchPatterns = () => {
    clearInterval(patternTimer)
    if (patterns.isEmpty) return
    patternTimer = setInterval(
      () => {
        addNewTopics().catch(error => {
          logger.debug(`Could not look for new topics: ${error.message}`, { groupId })
        })
      },
      Math.max(metadataMaxAge, 1000)
    ).unref()
  }

  const addNewTopics = async () => {
    const group = consumerGroup
    if (!group) return
    const found = await patterns.newTopics(topics)
    const names = Object.keys(found)
    if (names.length === 0 || group !== consumerGroup) return
    await cluster.addMultipleTargetTopics(names)
    if (group !== consumerGroup) return
    Object.assign(topics, found)
    group.topicsSubscribed = Object.keys(topics)
    logger.info('New topics match the subscription, re-joining the group', {
      groupId,
      topics: names,
    })
    runner.resubscribe()
  }

  const on = createOn({ client: 'consumer', instrumentationEmitter, logger })

  const running = () => {
    if (!consumerGroup) throw new KafkaJSNonRetriableError(NOT_RUNNING)
    return consumerGroup
  }

  const commitOffsets = async (topicPartitions = []) => {
    const commits = checkCommits(topicPartitions)
    running()
    const byTopic = new Map()
    for (const { topic, ...rest } of commits) {
      byTopic.set(topic, [...(byTopic.get(topic) ?? []), rest])
    }
    return runner.commitOffsets({
      topics: [...byTopic].map(([topic, partitions]) => ({ topic, partitions })),
    })
  }

  const seek = target => {
    const { topic, partition, offset } = checkSeek(target)
    running().seek({ topic, partition, offset })
  }

  const describeGroup = async () => {
    if (!cluster.isConnected()) await cluster.connect()
    const { describeConsumerGroup } = loadAddon()
    const group = await invoke(call =>
      describeConsumerGroup(cluster.native(), call, groupId, JSON.stringify(retry))
    )
    for (const member of group.members) {
      member.memberMetadata = Buffer.from(member.memberMetadata, 'base64')
      member.memberAssignment = Buffer.from(member.memberAssignment, 'base64')
    }
    return group
  }

  const pause = (topicPartitions = []) => {
    checkTopicPartitions(topicPartitions, 'pause')
    running().pause(topicPartitions)
  }

  const paused = () => (consumerGroup ? consumerGroup.paused() : [])

  const resume = (topicPartitions = []) => {
    checkTopicPartitions(topicPartitions, 'resume')
    running().resume(topicPartitions)
  }

  const getLogger = () => logger

  return {
    connect,
    disconnect,
    subscribe,
    stop,
    run,
    commitOffsets,
    seek,
    describeGroup,
    pause,
    paused,
    resume,
    on,
    events,
    logger: getLogger,
  }
}
