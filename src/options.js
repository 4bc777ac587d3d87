'use strict'

/**
 * Every option of `Kafka`, producer, consumer and admin, once: name, default, check.
 *
 * An option that is missing or `undefined` has its default; options nobody knows are ignored. What leaves this
 * file has no holes and only numbers that survive JSON, so the core needs no defaults of its own. Where kafkajs
 * has words for a bad value, they are its words; it never checks in `new Kafka()`, so neither do we.
 */

const { KafkaJSNonRetriableError } = require('./errors')
const { logLevel } = require('./enums')
const { consoleLogCreator } = require('./logger')

const INT32_MAX = 2 ** 31 - 1

/** kafkajs' back-off; test suites run under `NODE_ENV=test` and expect its quicker one. */
const RETRY_DEFAULTS =
  process.env.NODE_ENV === 'test'
    ? { maxRetryTime: 1000, initialRetryTime: 50, factor: 0.02, multiplier: 1.5, retries: 15 }
    : { maxRetryTime: 30000, initialRetryTime: 300, factor: 0.2, multiplier: 2, retries: 5 }

/** Isolation levels of Fetch and ListOffsets. */
const ISOLATION_LEVEL = { READ_UNCOMMITTED: 0, READ_COMMITTED: 1 }

/**
 * A check for a number: gives it back, never below 0 and never above `max`.
 *
 * Numeric strings are numbers (kafkajs' timers and encoders take them) and `null` is the default, but what is
 * no number at all is refused here and not somewhere in the middle of a request.
 */
const number =
  (unit, max = Number.MAX_SAFE_INTEGER) =>
  (name, value, fallback) => {
    const given = value ?? fallback
    const amount = typeof given === 'string' && given.trim() === '' ? Number.NaN : Number(given)
    if (Number.isNaN(amount)) {
      throw new KafkaJSNonRetriableError(
        `Invalid ${name}, expected a number${unit && ` of ${unit}`} received ${String(given)}`
      )
    }
    return Math.min(Math.max(amount, 0), max)
  }

const milliseconds = number('milliseconds')

/** As `number`, for what travels in an int32 field. */
const int32 = unit => {
  const check = number(unit, INT32_MAX)
  return (name, value, fallback) => Math.trunc(check(name, value, fallback))
}

const wireMilliseconds = int32('milliseconds')
const wireBytes = int32('bytes')

/**
 * A limit of requests, which `null` and Infinity switch off. kafkajs waits for ever when it is not above 0, whatever its
 * documentation says of 0; half a request is a whole one there.
 */
const limit = (name, value) => {
  if (value == null) return null
  const amount = Math.ceil(number('requests')(name, value))
  if (Number(value) > 0) return amount > INT32_MAX ? null : amount
  throw new KafkaJSNonRetriableError(
    `Invalid ${name}, expected a number of requests above 0 received ${String(value)}`
  )
}

const flag = (_name, value) => Boolean(value)

const requestTimeout = (name, value) => {
  if (typeof value !== 'number') {
    throw new TypeError(`'timeout' is not a number, received '${typeof value}'`)
  }
  return milliseconds(name, value)
}

const text = (name, value, fallback) => {
  const given = value ?? fallback
  if (typeof given !== 'string') {
    throw new KafkaJSNonRetriableError(
      `Invalid ${name}, expected a string received ${String(given)}`
    )
  }
  return given
}

const groupId = (_name, value) => {
  if (!value || typeof value !== 'string') {
    throw new KafkaJSNonRetriableError('Consumer groupId must be a non-empty string.')
  }
  return value
}

const partitioner = (name, value) => {
  if (value !== undefined && typeof value !== 'function') {
    throw new TypeError(`${name} is not a function`)
  }
  return value
}

/**
 * @typedef {object} Option
 * @property {unknown} [default] value of an option that is missing or `undefined`
 * @property {(name: string, value: unknown, fallback: unknown) => unknown} [check] throws, or gives the value to use
 */

/** @type {Record<string, Option>} */
const KAFKA_OPTIONS = {
  brokers: {},
  ssl: {},
  sasl: {},
  clientId: { default: 'kafkajs', check: text },
  connectionTimeout: { default: 1000, check: milliseconds },
  authenticationTimeout: { default: 10000, check: milliseconds },
  reauthenticationThreshold: { default: 10000, check: milliseconds },
  requestTimeout: { default: 30000, check: requestTimeout },
  enforceRequestTimeout: { default: true, check: flag },
  retry: {},
  socketFactory: {},
  logLevel: { default: logLevel.INFO },
  logCreator: { default: consoleLogCreator },
}

/** @type {Record<string, Option>} */
const PRODUCER_OPTIONS = {
  createPartitioner: { check: partitioner },
  retry: {},
  metadataMaxAge: { default: 300000, check: milliseconds },
  allowAutoTopicCreation: { default: true, check: flag },
  idempotent: { default: false, check: flag },
  transactionalId: {},
  transactionTimeout: { default: 60000, check: wireMilliseconds },
  maxInFlightRequests: { default: null, check: limit },
  // Ours. A linger above 0 trades latency of an awaited send for bigger batches.
  linger: { default: 0, check: milliseconds },
  // Under the broker's default message.max.bytes (1048588), so that a full batch is accepted.
  batchSize: { default: 1048576, check: wireBytes },
  // The Java client's buffer.memory.
  maxBufferedBytes: { default: 33554432, check: number('bytes') },
}

/** @type {Record<string, Option>} */
const CONSUMER_OPTIONS = {
  groupId: { check: groupId },
  partitionAssigners: {},
  metadataMaxAge: { default: 300000, check: milliseconds },
  sessionTimeout: { default: 30000, check: wireMilliseconds },
  rebalanceTimeout: { default: 60000, check: wireMilliseconds },
  heartbeatInterval: { default: 3000, check: milliseconds },
  maxBytesPerPartition: { default: 1048576, check: wireBytes },
  minBytes: { default: 1, check: wireBytes },
  maxBytes: { default: 10485760, check: wireBytes },
  maxWaitTimeInMs: { default: 5000, check: wireMilliseconds },
  // Only a consumer without any `retry` gets this, and it then hides the client's `retries`.
  retry: { default: { retries: 5 } },
  allowAutoTopicCreation: { default: true, check: flag },
  maxInFlightRequests: { default: null, check: limit },
  readUncommitted: { default: false, check: flag },
  rackId: { default: '', check: text },
  // Ours: how long a handler may go without progress before the member leaves its group (KIP-62).
  maxPollInterval: { default: 300000, check: wireMilliseconds },
  // Ours: the Java client's fetch.max.bytes.
  maxBufferedBytes: { default: 52428800, check: number('bytes') },
}

/** @type {Record<string, Option>} */
const ADMIN_OPTIONS = { retry: {} }

/**
 * Takes the options of a table out of what a program gave. Nothing is checked yet.
 *
 * @param {Record<string, Option>} table
 * @param {object} given
 * @returns {Record<string, unknown>}
 * @throws {TypeError} with the words of a failed destructuring if `given` is `null` or `undefined`
 */
const read = (table, given) => {
  const names = Object.keys(table)
  if (given == null) {
    const what = given === null ? 'object null' : 'undefined'
    throw new TypeError(`Cannot destructure property '${names[0]}' of '${what}' as it is ${given}.`)
  }
  return Object.fromEntries(
    names.map(name => {
      const value = given[name]
      return [name, value === undefined ? table[name].default : value]
    })
  )
}

/** Runs the checks of a table over values that `read` gave. */
const check = (table, values) =>
  Object.fromEntries(
    Object.entries(values).map(([name, value]) => {
      const option = table[name]
      return [name, option.check ? option.check(name, value, option.default) : value]
    })
  )

/**
 * Merges `retry` options, the later winning, and completes them. `undefined` and `null` count as not given.
 *
 * @param {...(object | undefined | null)} layers the client's, then the producer's, consumer's or admin's own
 * @returns {{ maxRetryTime: number, initialRetryTime: number, factor: number, multiplier: number, retries: number,
 *   restartOnFailure?: (e: Error) => Promise<boolean> }} times in ms
 * @throws {KafkaJSNonRetriableError} if one of the five is not a number
 */
const mergeRetry = (...layers) => {
  const merged = { ...RETRY_DEFAULTS }
  for (const [name, value] of layers.flatMap(layer => Object.entries(layer ?? {}))) {
    if (value != null) merged[name] = value
  }
  const checked = {}
  for (const name of Object.keys(RETRY_DEFAULTS)) {
    const unit = name.endsWith('Time') ? 'milliseconds' : ''
    checked[name] = number(unit)(`retry.${name}`, merged[name])
  }
  return { ...merged, ...checked }
}

/**
 * @param {object} given what `new Kafka` was given
 * @returns {Record<string, unknown>} its options with defaults, unchecked: kafkajs accepts anything there
 * @throws {TypeError} if nothing was given
 */
const kafkaOptions = given => read(KAFKA_OPTIONS, given)

/**
 * Checks what all clients of a `Kafka` instance share.
 *
 * @param {Record<string, unknown>} kafka from `kafkaOptions`
 * @returns {Record<string, unknown>} options of `createCluster`, without those that differ by client; `retry` is
 *   the client-level one alone, which is what connecting and metadata go by
 * @throws {TypeError} if `requestTimeout` is not a number
 * @throws {KafkaJSNonRetriableError} if another number is none
 */
const clusterOptions = kafka => {
  const { logLevel: _level, logCreator: _creator, retry, ...shared } = kafka
  return { ...check(KAFKA_OPTIONS, shared), retry: mergeRetry(retry) }
}

/**
 * @param {object} given what `kafka.producer` was given
 * @param {object} [clientRetry] the client-level `retry`
 * @returns {Record<string, unknown>} every producer option, checked, `retry` merged and complete.
 *   `limitsIdempotence` tells that an idempotent producer was given fewer retries than for ever.
 * @throws {TypeError} if `createPartitioner` is not a function
 * @throws {KafkaJSNonRetriableError} if an idempotent producer may not retry, or a number is none
 */
const producerOptions = (given, clientRetry) => {
  const values = read(PRODUCER_OPTIONS, given)
  const { retries } = { ...clientRetry, ...values.retry }
  if (values.idempotent && retries < 1) {
    throw new KafkaJSNonRetriableError(
      'Idempotent producer must allow retries to protect against transient errors'
    )
  }
  return {
    ...check(PRODUCER_OPTIONS, values),
    retry: mergeRetry(clientRetry, values.retry),
    limitsIdempotence: Boolean(values.idempotent) && retries < Number.MAX_SAFE_INTEGER,
  }
}

/**
 * @param {object} given what `kafka.consumer` was given
 * @param {object} [clientRetry] the client-level `retry`
 * @returns {Record<string, unknown>} every consumer option, checked, `retry` merged and complete (with
 *   `restartOnFailure`, if given), and the `isolationLevel` that `readUncommitted` asks for
 * @throws {KafkaJSNonRetriableError} if there is no `groupId`, the heartbeat interval is not below the session
 *   timeout, or a number is none
 */
const consumerOptions = (given, clientRetry) => {
  const values = read(CONSUMER_OPTIONS, given)
  groupId('groupId', values.groupId)
  const { heartbeatInterval, sessionTimeout } = values
  if (heartbeatInterval >= sessionTimeout) {
    throw new KafkaJSNonRetriableError(
      `Consumer heartbeatInterval (${heartbeatInterval}) must be lower than sessionTimeout (${sessionTimeout}). It is recommended to set heartbeatInterval to approximately a third of the sessionTimeout.`
    )
  }
  const { readUncommitted, ...options } = check(CONSUMER_OPTIONS, values)
  return {
    ...options,
    retry: mergeRetry(clientRetry, values.retry),
    isolationLevel: readUncommitted
      ? ISOLATION_LEVEL.READ_UNCOMMITTED
      : ISOLATION_LEVEL.READ_COMMITTED,
  }
}

/**
 * @param {object} given what `kafka.admin` was given
 * @param {object} [clientRetry] the client-level `retry`
 * @returns {Record<string, unknown>} `retry`, merged and complete
 */
const adminOptions = (given, clientRetry) => ({
  retry: mergeRetry(clientRetry, read(ADMIN_OPTIONS, given).retry),
})

/**
 * Checks the list of brokers. To be called when a client connects for the first time, not before.
 *
 * @param {unknown} brokers the option, or what the function given for it has returned
 * @throws {KafkaJSNonRetriableError} if there is no list, it is empty, or an entry is not a non-empty string
 */
const checkBrokers = brokers => {
  if (!brokers) {
    throw new KafkaJSNonRetriableError('Failed to connect: brokers should not be null')
  }
  if (!Array.isArray(brokers)) return
  if (brokers.length === 0) {
    throw new KafkaJSNonRetriableError('Failed to connect: brokers array is empty')
  }
  brokers.forEach((broker, index) => {
    if (typeof broker !== 'string' || broker === '') {
      throw new KafkaJSNonRetriableError(
        `Failed to connect: broker at index ${index} is invalid "${typeof broker}"`
      )
    }
  })
}

module.exports = {
  RETRY_DEFAULTS,
  ISOLATION_LEVEL,
  kafkaOptions,
  clusterOptions,
  producerOptions,
  consumerOptions,
  adminOptions,
  mergeRetry,
  checkBrokers,
}
