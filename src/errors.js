'use strict'

/**
 * Errors as the rest of the library makes and tests them: kafkajs' classes, broker codes turned into them, and
 * the payloads in which the core's errors cross to JavaScript.
 */

const classes = require('./errorClasses')
const { errorCode } = require('./protocol/errorCodes')

const { KafkaJSError, KafkaJSProtocolError } = classes

const REBALANCE_TYPES = new Set([
  'REBALANCE_IN_PROGRESS',
  'NOT_COORDINATOR_FOR_GROUP',
  'ILLEGAL_GENERATION',
])

/**
 * Whether `e` says that the group rebalances and this member has to join again.
 *
 * @param {{ type?: string }} e
 * @returns {boolean}
 */
const isRebalancing = e => REBALANCE_TYPES.has(e.type)

/**
 * @param {unknown} e
 * @returns {boolean} whether `e` is one of the classes above that descend from `KafkaJSError`
 */
const isKafkaJSError = e => e instanceof KafkaJSError

/**
 * The error for a broker's error code, with kafkajs' text; the broker's own text is kept beside it.
 *
 * @param {number} code
 * @param {string | null} [brokerText] `error_message` of the answer, if it has one
 * @returns {KafkaJSProtocolError}
 */
const protocolErrorFromCode = (code, brokerText) => {
  const error = new KafkaJSProtocolError(errorCode(code))
  return brokerText ? Object.assign(error, { brokerMessage: brokerText }) : error
}

/**
 * An error of the core, as it crosses to JavaScript.
 *
 * @typedef {object} ErrorPayload
 * @property {string} kind name of the class
 * @property {string} message
 * @property {boolean} [retriable] overrides what the class says
 * @property {number} [code] Kafka error code, for the classes that stand for one
 * @property {Record<string, unknown>} [fields] further own properties
 * @property {ErrorPayload} [cause]
 */

/** Revives the errors inside of a list such as `KafkaJSDeleteGroupsError.groups`. */
const reviveEach = (entries = []) =>
  entries.map(entry => (entry.error ? { ...entry, error: errorFromPayload(entry.error) } : entry))

/** Fields that are lists of errors: revived by a builder, not to be copied as they came. */
const LISTS = new Set(['groups', 'partitions', 'errors'])

/** Errors of users' callbacks that are on their way through the core; the oldest are let go. */
const userErrors = new Map()
const MOST_USER_ERRORS = 1000
let lastUserError = 0

/**
 * Keeps what a user's callback threw, so that it reaches the caller as it is.
 *
 * @param {unknown} error
 * @returns {{ message: string, ref: number, retriable: boolean }} what the core is told instead; retriable: whether the
 *   error says so itself, as those of a connection do that a provider lets through
 */
const keepUserError = error => {
  const ref = ++lastUserError
  userErrors.set(ref, error)
  if (userErrors.size > MOST_USER_ERRORS) userErrors.delete(userErrors.keys().next().value)
  return { message: `${error?.message ?? error}`, ref, retriable: Boolean(error?.retriable) }
}

/** Classes whose constructors take something else than `(message, { ...fields, retriable, cause })`. */
const BUILDERS = {
  KafkaJSProtocolError: ({ code }) => new KafkaJSProtocolError(errorCode(code)),
  KafkaJSOffsetOutOfRange: ({ code }, fields) =>
    new classes.KafkaJSOffsetOutOfRange(errorCode(code), fields),
  KafkaJSMemberIdRequired: ({ code }, fields) =>
    new classes.KafkaJSMemberIdRequired(errorCode(code), fields),
  KafkaJSCreateTopicError: ({ code }, { topic }) =>
    new classes.KafkaJSCreateTopicError(errorCode(code), topic),
  KafkaJSAlterPartitionReassignmentsError: ({ code }, { topic, partition }) =>
    new classes.KafkaJSAlterPartitionReassignmentsError(errorCode(code), topic, partition),
  KafkaJSNumberOfRetriesExceeded: ({ message }, fields, cause = new KafkaJSError(message)) =>
    new classes.KafkaJSNumberOfRetriesExceeded(cause, fields),
  KafkaJSDeleteGroupsError: ({ message }, { groups }) =>
    new classes.KafkaJSDeleteGroupsError(message, reviveEach(groups)),
  KafkaJSDeleteTopicRecordsError: (_payload, { partitions }) =>
    new classes.KafkaJSDeleteTopicRecordsError({ partitions: reviveEach(partitions) }),
  KafkaJSAggregateError: ({ message }, { errors = [] }) =>
    new classes.KafkaJSAggregateError(message, errors.map(errorFromPayload)),
  UserError: ({ message }, { ref }) => userErrors.get(ref) ?? new KafkaJSError(message),
  Error: ({ message }) => new Error(message),
  TypeError: ({ message }) => new TypeError(message),
  RangeError: ({ message }) => new RangeError(message),
  SyntaxError: ({ message }) => new SyntaxError(message),
}

const build = (payload, fields, cause) => {
  const builder = BUILDERS[payload.kind]
  if (builder) return builder(payload, fields, cause)
  const { kind, message, retriable } = payload
  const Class = classes[kind] ?? KafkaJSError
  // An error that only wraps its cause takes the cause's helpUrl along, as kafkajs' wrappers do.
  const subject = cause?.message === message ? cause : message
  return new Class(subject, { ...fields, retriable, cause })
}

/** A code decides for itself whether it is retriable, and so do the errors inside of a list. */
const decidesRetriable = error =>
  !(error instanceof KafkaJSError) ||
  error instanceof KafkaJSProtocolError ||
  error instanceof classes.KafkaJSDeleteTopicRecordsError

/**
 * Makes the error that a payload of the core describes.
 *
 * To be called inside of the `async` function whose promise it rejects: the stack then holds the caller's frames,
 * which are gone where the core's answer arrives.
 *
 * @param {ErrorPayload} payload
 * @returns {Error} an instance of the class that `kind` names; a `KafkaJSError` for a name nobody knows
 */
const errorFromPayload = payload => {
  const { kind, retriable, fields = {} } = payload
  if (kind === 'UserError') return build(payload, fields)
  const cause = payload.cause ? errorFromPayload(payload.cause) : undefined
  const error = build(payload, fields, cause)

  for (const [name, value] of Object.entries(fields)) {
    if (!LISTS.has(name)) error[name] = value
  }
  if (typeof retriable === 'boolean' && !decidesRetriable(error)) error.retriable = retriable
  if (cause) {
    Object.defineProperty(error, 'cause', { value: cause, writable: true, configurable: true })
  }
  // Its stack is the cause's, which is captured already.
  if (kind !== 'KafkaJSNumberOfRetriesExceeded') Error.captureStackTrace(error, errorFromPayload)
  return error
}

module.exports = {
  ...classes,
  isRebalancing,
  isKafkaJSError,
  protocolErrorFromCode,
  errorFromPayload,
  keepUserError,
}
