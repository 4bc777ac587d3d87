'use strict'

/**
 * kafkajs' error classes, field for field.
 *
 * What programs rely on: `instanceof` along kafkajs' tree, own enumerable fields in the order `name, retriable,
 * helpUrl`, then the class's own; `message`, `stack` and `cause` own but not enumerable.
 */

/** Sets a class's own fields and then its name, which keeps the place it has had from the base class. */
const identify = (error, name, fields) => Object.assign(error, fields, { name })

/**
 * Base of all but two of the errors.
 *
 * @property {boolean} retriable whether the same call can succeed later; `true` unless told otherwise
 * @property {string} [helpUrl] a page about the problem, taken over from a wrapped error
 * @property {Error} [cause] what led to this error
 */
class KafkaJSError extends Error {
  /**
   * @param {Error | string | { message: string, helpUrl?: string }} e text, or the error to take it from
   * @param {{ retriable?: boolean, cause?: Error }} [options]
   */
  constructor(e, { retriable = true, cause } = {}) {
    super(e, { cause })
    Error.captureStackTrace(this, this.constructor)
    this.message = e.message || e
    this.name = 'KafkaJSError'
    this.retriable = retriable
    this.helpUrl = e.helpUrl
  }
}

/** Trying again is of no use. */
class KafkaJSNonRetriableError extends KafkaJSError {
  /**
   * @param {Error | string} e
   * @param {{ cause?: Error }} [options]
   */
  constructor(e, { cause } = {}) {
    super(e, { retriable: false, cause })
    identify(this, 'KafkaJSNonRetriableError')
  }
}

/**
 * The broker answered with an error code.
 *
 * @property {string} type name of the code, e.g. `NOT_LEADER_FOR_PARTITION`
 * @property {number} code the code itself; -99 for one that is not in the table
 * @property {string} [brokerMessage] the broker's own text; only there if the broker sent one
 */
class KafkaJSProtocolError extends KafkaJSError {
  /**
   * @param {import('./protocol/errorCodes').ErrorCode | KafkaJSProtocolError} e
   * @param {{ retriable?: boolean }} [options] overrides what the code says
   */
  constructor(e, { retriable = e.retriable } = {}) {
    super(e, { retriable })
    identify(this, 'KafkaJSProtocolError', { type: e.type, code: e.code })
  }
}

/** A fetch asked for an offset that the partition does not have. */
class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  /**
   * @param {import('./protocol/errorCodes').ErrorCode | KafkaJSProtocolError} e
   * @param {{ topic: string, partition: number }} where
   */
  constructor(e, { topic, partition }) {
    super(e)
    identify(this, 'KafkaJSOffsetOutOfRange', { topic, partition })
  }
}

/** The coordinator wants the next JoinGroup to carry the member id it has just given (KIP-394). */
class KafkaJSMemberIdRequired extends KafkaJSProtocolError {
  /**
   * @param {import('./protocol/errorCodes').ErrorCode | KafkaJSProtocolError} e
   * @param {{ memberId: string }} given
   */
  constructor(e, { memberId }) {
    super(e)
    identify(this, 'KafkaJSMemberIdRequired', { memberId })
  }
}

/**
 * All attempts failed; `cause` is the last failure.
 *
 * @property {number} retryCount attempts made after the first
 * @property {number} retryTime wait that would have come next, ms
 */
class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  /**
   * @param {Error | string} e the last failure
   * @param {{ retryCount: number, retryTime: number }} spent
   */
  constructor(e, { retryCount, retryTime }) {
    super(e, { cause: e })
    // kafkajs prints the parent's name here, and logs are searched for it.
    this.stack = `${this.name}\n  Caused by: ${e.stack}`
    identify(this, 'KafkaJSNumberOfRetriesExceeded', { retryCount, retryTime })
  }
}

/**
 * A connection could not be opened, or broke.
 *
 * @property {string} [broker] `host:port`
 * @property {string} [code] the system's code, e.g. `ECONNREFUSED`
 */
class KafkaJSConnectionError extends KafkaJSError {
  /**
   * @param {Error | string} e
   * @param {{ broker?: string, code?: string }} [options]
   */
  constructor(e, { broker, code } = {}) {
    super(e)
    identify(this, 'KafkaJSConnectionError', { broker, code })
  }
}

/** The connection was closed while requests waited for their answers. */
class KafkaJSConnectionClosedError extends KafkaJSConnectionError {
  /**
   * @param {Error | string} e
   * @param {{ host?: string, port?: number }} [options]
   */
  constructor(e, { host, port } = {}) {
    super(e, { broker: `${host}:${port}` })
    identify(this, 'KafkaJSConnectionClosedError', { host, port })
  }
}

/**
 * A request had no answer within `requestTimeout`.
 *
 * @property {string} broker `host:port`
 * @property {number} correlationId
 * @property {number} createdAt when the request was made, ms since the epoch
 * @property {number} sentAt when it was written to the socket, ms since the epoch
 * @property {number} pendingDuration how long it had waited to be written, ms
 */
class KafkaJSRequestTimeoutError extends KafkaJSError {
  /**
   * @param {Error | string} e
   * @param {{ broker?: string, correlationId?: number, createdAt?: number, sentAt?: number, pendingDuration?: number }} [options]
   */
  constructor(e, { broker, correlationId, createdAt, sentAt, pendingDuration } = {}) {
    super(e)
    identify(this, 'KafkaJSRequestTimeoutError', {
      broker,
      correlationId,
      createdAt,
      sentAt,
      pendingDuration,
    })
  }
}

/** Metadata was needed before it had been loaded. */
class KafkaJSMetadataNotLoaded extends KafkaJSError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSMetadataNotLoaded')
  }
}

/** Metadata of this topic was needed before it had been loaded. */
class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  /**
   * @param {Error | string} e
   * @param {{ topic?: string }} [options]
   */
  constructor(e, { topic } = {}) {
    super(e)
    identify(this, 'KafkaJSTopicMetadataNotLoaded', { topic })
  }
}

/** The group assigned partitions that this member's metadata does not know. */
class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  /**
   * @param {Error | string} e
   * @param {{ topic?: string, unknownPartitions?: number[] }} [options]
   */
  constructor(e, { topic, unknownPartitions } = {}) {
    super(e)
    identify(this, 'KafkaJSStaleTopicMetadataAssignment', { topic, unknownPartitions })
  }
}

/** Some groups could not be deleted: `groups` says which and why. */
class KafkaJSDeleteGroupsError extends KafkaJSError {
  /**
   * @param {Error | string} e
   * @param {{ groupId: string, errorCode: number, error: KafkaJSError }[]} [groups]
   */
  constructor(e, groups = []) {
    super(e)
    identify(this, 'KafkaJSDeleteGroupsError', { groups })
  }
}

/** The broker does not speak an API at all. */
class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  /**
   * @param {Error | string} e
   * @param {{ apiKey?: number, apiName?: string }} [options]
   */
  constructor(e, { apiKey, apiName } = {}) {
    super(e)
    identify(this, 'KafkaJSServerDoesNotSupportApiKey', { apiKey, apiName })
  }
}

/** No broker with this id, or no broker at all. */
class KafkaJSBrokerNotFound extends KafkaJSError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSBrokerNotFound')
  }
}

/** A message was cut off. */
class KafkaJSPartialMessageError extends KafkaJSNonRetriableError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSPartialMessageError')
  }
}

/** The broker refused the credentials, or they cannot be used. */
class KafkaJSSASLAuthenticationError extends KafkaJSNonRetriableError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSSASLAuthenticationError')
  }
}

/** The group has no coordinator. */
class KafkaJSGroupCoordinatorNotFound extends KafkaJSNonRetriableError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSGroupCoordinatorNotFound')
  }
}

/** Something that needs a part nobody supplied, such as a codec. */
class KafkaJSNotImplemented extends KafkaJSNonRetriableError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSNotImplemented')
  }
}

/** Something did not happen in time. */
class KafkaJSTimeout extends KafkaJSNonRetriableError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSTimeout')
  }
}

/** A lock was not free in time. */
class KafkaJSLockTimeout extends KafkaJSTimeout {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSLockTimeout')
  }
}

/** A message format that is not 0, 1 or 2. */
class KafkaJSUnsupportedMagicByteInMessageSet extends KafkaJSNonRetriableError {
  constructor(...args) {
    super(...args)
    identify(this, 'KafkaJSUnsupportedMagicByteInMessageSet')
  }
}

/** Records of some partitions could not be deleted; retriable if each of the partitions' errors is. */
class KafkaJSDeleteTopicRecordsError extends KafkaJSError {
  /** @param {{ partitions: { partition: number, offset: string, error?: KafkaJSError }[] }} failed */
  constructor({ partitions }) {
    const retriable = partitions.every(({ error }) => error == null || error.retriable === true)
    super('Error while deleting records', { retriable })
    identify(this, 'KafkaJSDeleteTopicRecordsError', { partitions })
  }
}

/** The library caught itself in a state that must not be. */
class KafkaJSInvariantViolation extends KafkaJSNonRetriableError {
  /** @param {Error | string} e */
  constructor(e) {
    const what = e.message || e
    super(`Invariant violated: ${what}. This is likely a bug and should be reported.`)
    const { bugs } = require('../package.json')
    const title = encodeURIComponent(`Invariant violation: ${what}`)
    identify(
      this,
      'KafkaJSInvariantViolation',
      bugs && { helpUrl: `${bugs.url}/new?title=${title}` }
    )
  }
}

/** A variable-length integer was too long. kafkajs gives it its parent's name. */
class KafkaJSInvalidVarIntError extends KafkaJSNonRetriableError {}

/** A variable-length 64-bit integer was too long. kafkajs gives it its parent's name. */
class KafkaJSInvalidLongError extends KafkaJSNonRetriableError {}

/** One topic could not be created. */
class KafkaJSCreateTopicError extends KafkaJSProtocolError {
  /**
   * @param {import('./protocol/errorCodes').ErrorCode | KafkaJSProtocolError} e
   * @param {string} topic
   */
  constructor(e, topic) {
    super(e)
    identify(this, 'KafkaJSCreateTopicError', { topic })
  }
}

/** The replicas of one partition could not be moved. */
class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  /**
   * @param {import('./protocol/errorCodes').ErrorCode | KafkaJSProtocolError} e
   * @param {string} [topic]
   * @param {number} [partition]
   */
  constructor(e, topic, partition) {
    super(e)
    identify(this, 'KafkaJSAlterPartitionReassignmentsError', { topic, partition })
  }
}

/** Several failures of one call. Not a `KafkaJSError`, as in kafkajs. */
class KafkaJSAggregateError extends Error {
  /**
   * @param {string} message
   * @param {Error[]} errors
   */
  constructor(message, errors) {
    super(message)
    this.errors = errors
    this.name = 'KafkaJSAggregateError'
  }
}

/** A fetcher stopped because its group rebalances. A plain `Error` with its own class, as in kafkajs. */
class KafkaJSFetcherRebalanceError extends Error {}

/** No broker is left to ask. */
class KafkaJSNoBrokerAvailableError extends KafkaJSError {
  constructor() {
    super('No broker available')
    identify(this, 'KafkaJSNoBrokerAvailableError')
  }
}

module.exports = {
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSPartialMessageError,
  KafkaJSBrokerNotFound,
  KafkaJSProtocolError,
  KafkaJSConnectionError,
  KafkaJSConnectionClosedError,
  KafkaJSRequestTimeoutError,
  KafkaJSSASLAuthenticationError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSOffsetOutOfRange,
  KafkaJSMemberIdRequired,
  KafkaJSGroupCoordinatorNotFound,
  KafkaJSNotImplemented,
  KafkaJSMetadataNotLoaded,
  KafkaJSTopicMetadataNotLoaded,
  KafkaJSStaleTopicMetadataAssignment,
  KafkaJSDeleteGroupsError,
  KafkaJSTimeout,
  KafkaJSLockTimeout,
  KafkaJSServerDoesNotSupportApiKey,
  KafkaJSUnsupportedMagicByteInMessageSet,
  KafkaJSDeleteTopicRecordsError,
  KafkaJSInvariantViolation,
  KafkaJSInvalidVarIntError,
  KafkaJSInvalidLongError,
  KafkaJSCreateTopicError,
  KafkaJSAggregateError,
  KafkaJSFetcherRebalanceError,
  KafkaJSNoBrokerAvailableError,
  KafkaJSAlterPartitionReassignmentsError,
}
