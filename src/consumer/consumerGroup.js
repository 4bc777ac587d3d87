'use strict'

/**
 * One run of a consumer, as its runner sees it: the group, the assigned partitions and their offsets.
 *
 * The work is done by the core (`binding.rs`). What has to be asked for after every message is kept here, in plain
 * fields.
 */

const { performance } = require('node:perf_hooks')
const { invoke, invokeSync, loadAddon } = require('../binding')
const { CompressionCodecs, isBuiltinCodec } = require('../enums')
const { errorFromPayload, isRebalancing, protocolErrorFromCode } = require('../errors')
const { consumerEvents: events } = require('../events')
const { ISOLATION_LEVEL } = require('../options')
const CommitSchedule = require('./commitSchedule')
const GroupSignals = require('./groupSignals')
const Lease = require('./lease')
const OfferedAssigners = require('./offeredAssigners')
const ResolvedOffsets = require('./resolvedOffsets')
const { readOffset, wireTargets } = require('./topicPartitions')
const { offsetAfter } = require('./unpack')

const { GROUP_JOIN, CONNECT, COMMIT_OFFSETS, RECEIVED_UNSUBSCRIBED_TOPICS } = events

const UNSUBSCRIBED_HELP =
  'https://kafka.js.org/docs/faq#why-am-i-receiving-messages-for-topics-i-m-not-subscribed-to'

/** Codecs a program may have registered. */
const CODECS = [1, 2, 3, 4]

/** Runs are numbered, so that signals of an earlier one are told apart. */
let nextSession = 1

/**
 * @typedef {object} Slot an assigned partition
 * @property {string} topic
 * @property {number} partition
 * @property {number} assignment number of the assignment it belongs to
 * @property {boolean} paused
 * @property {boolean} sought whether a seek waits for its handler to finish
 * @property {string | null} resolved last offset that was resolved
 * @property {boolean} dirty whether `resolved` is not written down for a commit yet
 * @property {string | null} staged what is written down for a commit that has not left
 * @property {number} position where the count of resolved offsets stands
 */

const wireIsolation = level =>
  level === ISOLATION_LEVEL.READ_UNCOMMITTED ? 'read_uncommitted' : 'read_committed'

/** kafkajs sorts partitions by their names. */
const sorted = partitions => [...partitions].sort()

module.exports = class ConsumerGroup {
  #native
  #session = nextSession++
  #assignment = 0
  /** @type {Array<[topic: string, partitions: number[]]>} known before there are slots for it */
  #assigned = []
  /** @type {Slot[]} */
  #slots = []
  /** @type {Map<string, Slot>} */
  #bySlotKey = new Map()
  #resolved = new ResolvedOffsets()
  #registered = 0
  #assigners
  #trouble = () => {}
  #waiting = null
  #scheduleOptions
  #signals

  /**
   * Connects to nothing, but can be paused, resumed and sought at once.
   *
   * @param {object} options checked options of the consumer and of `run`, plus `cluster`, `logger` (root),
   *   `instrumentationEmitter`, `topics` (names), `topicConfigurations` (`{ [topic]: { fromBeginning } }`), and
   *   `assigners`: as `OfferedAssigners` takes them
   */
  constructor(options) {
    this.cluster = options.cluster
    this.groupId = options.groupId
    /** What the messages of a diagnostics channel say of the consumer. */
    this.identity = { clientId: options.cluster.clientId, groupId: options.groupId }
    this.topicsSubscribed = options.topics
    this.topicConfigurations = options.topicConfigurations
    this.logger = options.logger.namespace('ConsumerGroup')
    this.instrumentationEmitter = options.instrumentationEmitter
    this.#assigners = new OfferedAssigners(options.assigners)
    this.rebalanceTimeout = options.rebalanceTimeout
    this.sessionTimeout = options.sessionTimeout
    /** How long a rebalance may wait for handlers, ms: the group learns late of it and early loses its patience. */
    this.patience = Math.max(
      options.rebalanceTimeout - options.heartbeatInterval,
      options.rebalanceTimeout / 2
    )
    this.autoCommit = options.autoCommit
    /** Whether anything is resolved that no commit has left with. */
    this.hasUnsaved = false
    this.generationId = null
    this.leaderId = null
    this.memberId = null
    this.groupProtocol = null
    this.schedule = new CommitSchedule(options, performance.now())
    this.#scheduleOptions = options
    this.#native = this.#makeNative(options)
    this.#signals = new GroupSignals(options.cluster, this.#session)
    this.#listen()
  }

  #makeNative(options) {
    const { NativeConsumer } = loadAddon()
    const config = JSON.stringify({
      session: this.#session,
      groupId: options.groupId,
      sessionTimeout: options.sessionTimeout,
      rebalanceTimeout: options.rebalanceTimeout,
      heartbeatInterval: options.heartbeatInterval,
      maxPollInterval: options.maxPollInterval,
      readCommitted: options.isolationLevel !== ISOLATION_LEVEL.READ_UNCOMMITTED,
      retry: options.retry,
      maxBytesPerPartition: options.maxBytesPerPartition,
      minBytes: options.minBytes,
      maxBytes: options.maxBytes,
      maxWaitTimeInMs: options.maxWaitTimeInMs,
      rackId: options.rackId,
      maxBufferedBytes: options.maxBufferedBytes,
      isolation: wireIsolation(options.isolationLevel),
      autoCommit: Boolean(options.autoCommit),
    })
    return invokeSync(() => new NativeConsumer(this.cluster.native(), config))
  }

  #listen() {
    this.#signals.on('rebalance', ({ code }) => this.#trouble(protocolErrorFromCode(code)))
    this.#signals.on('failed', ({ error }) =>
      this.#trouble(errorFromPayload(error), { isFinal: true })
    )
    this.#signals.on('grown', ({ topic, unknownPartitions }) => {
      const { groupId, memberId } = this
      this.logger.warn('Topic has been updated, resync group', {
        groupId,
        memberId,
        topic,
        unknownPartitions,
      })
      this.#trouble(null)
    })
    this.#signals.onAny('assign', question => this.#assign(question))
  }

  /**
   * @param {(error: Error | null, how?: { isFinal: boolean }) => void} handler called when the group has to be joined
   *   again: with the error that says so, or null if this consumer wants it. `isFinal`: the core has given up.
   */
  onTrouble(handler) {
    this.#trouble = handler
  }

  async connect() {
    await this.cluster.connect()
    this.instrumentationEmitter.emit(CONNECT)
    await this.cluster.refreshMetadataIfNecessary()
  }

  /** Joins the group, or joins it again, and begins to fetch what it assigned. */
  async joinAndSync() {
    const startJoin = Date.now()
    this.generationId = null
    this.#signals.joining()
    this.#assignment = 0
    const joined = await this.#join()

    this.generationId = joined.generationId
    this.leaderId = joined.leaderId
    this.memberId = joined.memberId
    this.groupProtocol = joined.groupProtocol
    this.#signals.joined(this.generationId)

    const assignment = this.#subscribedOnly(joined.assignment)
    this.#assigned = assignment
    const payload = {
      groupId: this.groupId,
      memberId: this.memberId,
      leaderId: this.leaderId,
      isLeader: joined.isLeader,
      memberAssignment: Object.fromEntries(
        assignment.map(([topic, partitions]) => [topic, sorted(partitions)])
      ),
      groupProtocol: this.groupProtocol,
      duration: Date.now() - startJoin,
    }
    this.instrumentationEmitter.emit(GROUP_JOIN, payload)
    this.logger.info('Consumer has joined the group', payload)

    await this.#startFetching(assignment)
  }

  async #join() {
    const topics = this.topicsSubscribed
    const protocols = this.#assigners.protocols(topics)
    try {
      return await invoke(call => this.#native.join(call, JSON.stringify({ topics, protocols })))
    } catch (error) {
      throw this.#assigners.thrown ?? error
    }
  }

  async #assign({ question, ...group }) {
    try {
      const rows = await this.#assigners.assign(group)
      invokeSync(() => this.#native.answerAssigner(question, JSON.stringify(rows)))
    } catch (error) {
      this.#native.refuseAssigner(question, `${error?.message ?? error}`)
    }
  }

  /** What was assigned without the topics nobody here subscribed to. */
  #subscribedOnly(assignment) {
    const assignedTopics = assignment.map(([topic]) => topic)
    const topicsSubscribed = this.topicsSubscribed
    const topicsNotSubscribed = assignedTopics.filter(topic => !topicsSubscribed.includes(topic))
    if (topicsNotSubscribed.length === 0) return assignment

    const { groupId, generationId, memberId } = this
    const payload = {
      groupId,
      generationId,
      memberId,
      assignedTopics,
      topicsSubscribed,
      topicsNotSubscribed,
    }
    this.instrumentationEmitter.emit(RECEIVED_UNSUBSCRIBED_TOPICS, payload)
    this.logger.warn('Consumer group received unsubscribed topics', {
      ...payload,
      helpUrl: UNSUBSCRIBED_HELP,
    })
    return assignment.filter(([topic]) => !topicsNotSubscribed.includes(topic))
  }

  async #startFetching(assignment) {
    // Whatever a transaction of the same `Kafka` committed is read again from the group.
    const committed = this.cluster.committedOffsets({ groupId: this.groupId })
    for (const topic of Object.keys(committed)) delete committed[topic]

    const fromBeginning = Object.fromEntries(
      Object.entries(this.topicConfigurations).map(([topic, config]) => [
        topic,
        Boolean(config.fromBeginning),
      ])
    )
    this.#tellRegisteredCodecs()
    const started = await invoke(call =>
      this.#native.startFetching(call, JSON.stringify({ assignment, fromBeginning }))
    )
    this.#assignment = started.assignment
    this.#resolved = new ResolvedOffsets()
    this.hasUnsaved = false
    this.#slots = started.partitions.map(([topic, partition]) => ({
      topic,
      partition,
      assignment: started.assignment,
      paused: false,
      sought: false,
      resolved: null,
      dirty: false,
      staged: null,
      position: Number.NaN,
    }))
    this.#bySlotKey = new Map(this.#slots.map(slot => [`${slot.partition} ${slot.topic}`, slot]))
    this.schedule = new CommitSchedule(this.#scheduleOptions, performance.now())
    this.#notePauses()
  }

  /** A registered codec wins, from the moment it is registered. */
  #tellRegisteredCodecs() {
    let registered = 0
    for (const codec of CODECS) if (!isBuiltinCodec(codec)) registered |= 1 << codec
    if (registered === this.#registered) return
    this.#registered = registered
    this.#native.setRegisteredCodecs(registered)
  }

  /**
   * Takes the next batch, if there is one.
   *
   * @returns {{ native: object, slot: Slot } | null}
   */
  takeBatch() {
    this.#tellRegisteredCodecs()
    const native = this.#native.takeBatch()
    if (native === null) return null
    const slot = this.#slots[native.slot]
    slot.sought = false
    return { native, slot }
  }

  /** @returns {Promise<void>} settles when a batch can be taken, or the run has ended */
  waitForBatch() {
    this.#waiting ??= invoke(call => this.#native.waitForBatch(call)).finally(() => {
      this.#waiting = null
    })
    return this.#waiting
  }

  /**
   * The lease of a batch, decompressed by the program's own codecs where there are any.
   *
   * @returns {Promise<Lease | null>} `null` if it holds nothing for anybody
   */
  async open({ native, slot }) {
    const sections = await Promise.all(
      native.sections.map((section, at) =>
        CompressionCodecs[native.codecs[at]]().decompress(section)
      )
    )
    const fetched = invokeSync(() => this.#native.decodeBatch(native.lease, sections))
    return fetched && new Lease({ id: native.lease, slot, fetched })
  }

  /**
   * @param {number} id
   * @param {string | null} resume offset to go on at, if not behind the batch
   * @param {boolean} first whether what follows comes before all other partitions
   */
  giveBack(id, resume, first) {
    invokeSync(() => this.#native.giveBack(id, resume ?? undefined, first))
  }

  /** @returns {boolean} whether a partition is still (the same time) assigned */
  isAssigned(slot) {
    return slot.assignment === this.#assignment
  }

  /** The handler of a batch gets on. */
  noteProgress(id) {
    this.#native.noteProgress(id)
  }

  /**
   * Everything up to `offset` of the lease's partition is handled.
   *
   * @param {Lease} lease
   * @param {string} offset
   */
  resolve(lease, offset) {
    const { slot } = lease
    lease.resolved = offset
    slot.resolved = offset
    if (!slot.dirty && this.isAssigned(slot)) {
      this.hasUnsaved = true
      this.#resolved.note(slot)
    }
  }

  /** Counts what `resolve` resolved towards `autoCommitThreshold`. */
  count(lease, offset) {
    const { slot } = lease
    const next = Number(offset) + 1
    const before = Number.isNaN(slot.position) ? Number(lease.records.fetchedOffset) : slot.position
    slot.position = next
    this.schedule.note(next - before)
  }

  /** Writes down what is resolved by now, for `commitStaged`. */
  stage() {
    this.#resolved.stage()
  }

  /** Tells the core what was written down. */
  #tellStaged() {
    this.#resolved.take((slot, offset) => {
      const next = offsetAfter(offset)
      invokeSync(() => this.#native.resolve(slot.topic, slot.partition, next))
    })
    this.#noteTransactions()
  }

  /** What a transaction of the same `Kafka` has committed need not be committed again. */
  #noteTransactions() {
    const committed = this.cluster.committedOffsets({ groupId: this.groupId })
    for (const topic of Object.keys(committed)) {
      for (const [partition, offset] of Object.entries(committed[topic])) {
        this.#native.noteStored(topic, Number(partition), String(offset))
      }
      delete committed[topic]
    }
  }

  /** Stores what was resolved, if anything was. */
  async commitResolved() {
    this.stage()
    this.schedule.leave()
    await this.commitStaged()
  }

  /** Stores what was resolved when `stage` was called. */
  async commitStaged() {
    this.#tellStaged()
    this.hasUnsaved = this.#resolved.hasNoted
    const { memberId, groupGenerationId, topics } = await invoke(call =>
      this.#native.commitResolved(call)
    ).catch(error => {
      this.hasUnsaved = true
      throw error
    })
    if (topics.length > 0) this.#reportCommit({ memberId, groupGenerationId, topics })
  }

  /**
   * Stores exactly these offsets.
   *
   * @param {{ topics?: Array<{ topic: string, partitions: Array<{ partition: number | string, offset: string,
   *   metadata?: string | null }> }> }} offsets without `topics`: what was resolved
   */
  async commitOffsets({ topics } = {}) {
    if (topics === undefined) return this.commitResolved()
    if (topics.length === 0) return
    this.#noteTransactions()
    const rows = topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset, metadata = null }) => ({
        topic,
        partition: Number(partition),
        offset: String(readOffset(offset)),
        metadata,
      }))
    )
    const { memberId, groupGenerationId } = await invoke(call =>
      this.#native.commit(call, JSON.stringify(rows))
    )
    this.#reportCommit({ memberId, groupGenerationId, topics })
  }

  #reportCommit(details) {
    this.instrumentationEmitter.emit(COMMIT_OFFSETS, { groupId: this.groupId, ...details })
  }

  /** @returns {{ topics: Array<{ topic: string, partitions: Array<{ partition: string, offset: string }> }> }} */
  uncommittedOffsets() {
    this.stage()
    this.#tellStaged()
    const topics = []
    for (const [topic, partition, offset] of JSON.parse(this.#native.uncommitted())) {
      if (topics.at(-1)?.topic !== topic) topics.push({ topic, partitions: [] })
      topics.at(-1).partitions.push({ partition: String(partition), offset })
    }
    return { topics }
  }

  /**
   * @returns {Error | null} why the group has to be joined again, if it has; known here at once, even if the event loop
   *   has not turned since
   */
  rebalanceError() {
    const code = this.#native.rebalanceCode()
    return code === 0 ? null : protocolErrorFromCode(code)
  }

  /** @param {{ topic: string, partition: number, offset: string }} target */
  seek({ topic, partition, offset }) {
    if (!Number.isInteger(partition)) return
    const slot = this.#bySlotKey.get(`${partition} ${topic}`)
    if (slot) slot.sought = true
    invokeSync(() => this.#native.seek(topic, partition, offset))
  }

  /** @param {Array<{ topic: string, partitions?: number[] }>} topicPartitions */
  pause(topicPartitions) {
    this.logger.info(`Pausing fetching from ${topicPartitions.length} topics`, { topicPartitions })
    invokeSync(() => this.#native.pause(wireTargets(topicPartitions)))
    this.#notePauses()
  }

  /** @param {Array<{ topic: string, partitions?: number[] }>} topicPartitions */
  resume(topicPartitions) {
    this.logger.info(`Resuming fetching from ${topicPartitions.length} topics`, { topicPartitions })
    invokeSync(() => this.#native.resume(wireTargets(topicPartitions)))
    this.#notePauses()
  }

  #notePauses() {
    for (const slot of this.#slots) slot.paused = false
    for (const slot of this.#native.paused()) if (this.#slots[slot]) this.#slots[slot].paused = true
  }

  /** @returns {Array<{ topic: string, partitions: number[] }>} assigned partitions that are paused */
  paused() {
    return this.#assigned
      .map(([topic, partitions]) => ({
        topic,
        partitions: sorted(this.#native.pausedOf(topic, partitions)),
      }))
      .filter(({ partitions }) => partitions.length > 0)
  }

  /** Ends the run: gives up a join under way, stops fetching, leaves the group. */
  async leave() {
    await invoke(call => this.#native.stop(call))
  }
}

/** @returns {boolean} whether `error` means that the group has to be joined again */
const wantsRejoin = error => isRebalancing(error ?? {}) || error?.type === 'UNKNOWN_MEMBER_ID'

module.exports.wantsRejoin = wantsRejoin
