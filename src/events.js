'use strict'

/**
 * Instrumentation events: their names, and the emitter of one client.
 *
 * Inside the library an event has the name without its client (`heartbeat`, `network.request`), which is how the
 * core knows it; programs see and use the name with it (`consumer.heartbeat`).
 */

const { EventEmitter } = require('node:events')
const { KafkaJSError, KafkaJSNonRetriableError } = require('./errors')

const NETWORK_EVENTS = {
  REQUEST: 'network.request',
  REQUEST_TIMEOUT: 'network.request_timeout',
  REQUEST_QUEUE_SIZE: 'network.request_queue_size',
}

/** @returns {Record<string, string>} constant to public name, in the given order */
const namesOf = (client, events) =>
  Object.fromEntries(Object.entries(events).map(([key, name]) => [key, `${client}.${name}`]))

/** `consumer.events` */
const consumerEvents = namesOf('consumer', {
  HEARTBEAT: 'heartbeat',
  COMMIT_OFFSETS: 'commit_offsets',
  GROUP_JOIN: 'group_join',
  FETCH: 'fetch',
  FETCH_START: 'fetch_start',
  START_BATCH_PROCESS: 'start_batch_process',
  END_BATCH_PROCESS: 'end_batch_process',
  CONNECT: 'connect',
  DISCONNECT: 'disconnect',
  STOP: 'stop',
  CRASH: 'crash',
  REBALANCING: 'rebalancing',
  RECEIVED_UNSUBSCRIBED_TOPICS: 'received_unsubscribed_topics',
  ...NETWORK_EVENTS,
})

/** `producer.events` */
const producerEvents = namesOf('producer', {
  CONNECT: 'connect',
  DISCONNECT: 'disconnect',
  ...NETWORK_EVENTS,
})

/** `admin.events` */
const adminEvents = namesOf('admin', {
  CONNECT: 'connect',
  DISCONNECT: 'disconnect',
  ...NETWORK_EVENTS,
})

const EVENTS = { consumer: consumerEvents, producer: producerEvents, admin: adminEvents }

/**
 * @param {string} eventName e.g. `consumer.heartbeat`, or `heartbeat`
 * @returns {string} the name without its client, e.g. `heartbeat`
 */
const coreEventName = eventName => eventName.replace(/^(?:consumer|producer|admin)\./, '')

/** Counts the events of all clients of the process; only those that somebody listens to. */
let nextId = 0

/** What a listener gets. */
class InstrumentationEvent {
  /**
   * @param {string} type name of the event
   * @param {unknown} payload
   */
  constructor(type, payload) {
    /** Position among all events of the process that had a listener, from 0. */
    this.id = nextId++
    this.type = type
    /** When it was emitted, ms since the epoch. */
    this.timestamp = Date.now()
    this.payload = payload
  }
}

/** Emitter of one client: producer, consumer or admin. Listeners run inside of `emit`, in the order they came. */
class InstrumentationEventEmitter {
  #emitter = new EventEmitter()
  #watchers = new Set()

  /**
   * Emits an event; makes no event, and takes no id, if nobody listens.
   *
   * @param {string} eventName with or without its client
   * @param {unknown} [payload]
   * @throws {KafkaJSError} if `eventName` is empty
   */
  emit(eventName, payload) {
    if (!eventName) throw new KafkaJSError('Invalid event name', { retriable: false })
    const name = coreEventName(eventName)
    if (this.#emitter.listenerCount(name) > 0) {
      this.#emitter.emit(name, new InstrumentationEvent(eventName, payload))
    }
  }

  /**
   * @param {string} eventName with or without its client
   * @param {(event: InstrumentationEvent) => void} listener called with one event object shared by all listeners
   * @returns {() => void} removes the listener
   */
  addListener(eventName, listener) {
    const name = coreEventName(eventName)
    this.#emitter.addListener(name, listener)
    if (this.#emitter.listenerCount(name) === 1) this.#tellWatchers(name, true)
    return () => {
      const before = this.#emitter.listenerCount(name)
      this.#emitter.removeListener(name, listener)
      if (before === 1 && this.#emitter.listenerCount(name) === 0) this.#tellWatchers(name, false)
    }
  }

  /**
   * Follows which events somebody listens to, so that the core makes no others.
   *
   * @param {(name: string, listening: boolean) => void} watcher called now for each event that has a listener,
   *   and whenever an event gets its first or loses its last; `name` is without its client
   * @returns {() => void} stops it
   */
  onListenersChanged(watcher) {
    this.#watchers.add(watcher)
    for (const name of this.#emitter.eventNames()) watcher(name, true)
    return () => {
      this.#watchers.delete(watcher)
    }
  }

  #tellWatchers(name, listening) {
    for (const watcher of this.#watchers) watcher(name, listening)
  }
}

/**
 * Makes the `on` method of a client.
 *
 * A listener can do the library no harm: what it throws, and what its promise rejects with, is logged. (kafkajs
 * lets a synchronous throw pass into the call that emitted the event.)
 *
 * @param {object} options
 * @param {'consumer' | 'producer' | 'admin'} options.client
 * @param {InstrumentationEventEmitter} options.instrumentationEmitter
 * @param {import('../index').Logger} options.logger the client's own
 * @returns {(eventName: string, listener: (event: InstrumentationEvent) => unknown) => (() => void)} throws a
 *   `KafkaJSNonRetriableError` that lists the names if `eventName` is none of them
 */
const createOn = ({ client, instrumentationEmitter, logger }) => {
  const events = EVENTS[client]
  const names = new Set(Object.values(events))
  const listed = Object.keys(events).map(key => `${client}.events.${key}`)

  return (eventName, listener) => {
    if (!names.has(eventName)) {
      throw new KafkaJSNonRetriableError(`Event name should be one of ${listed.join(', ')}`)
    }

    const report = e => {
      logger.error(`Failed to execute listener: ${e?.message ?? e}`, { eventName, stack: e?.stack })
    }

    return instrumentationEmitter.addListener(eventName, event => {
      event.type = eventName
      try {
        const result = listener(event)
        if (typeof result?.then === 'function') Promise.resolve(result).catch(report)
      } catch (e) {
        report(e)
      }
    })
  }
}

module.exports = {
  consumerEvents,
  producerEvents,
  adminEvents,
  coreEventName,
  InstrumentationEventEmitter,
  createOn,
}
