'use strict'

/**
 * Runs a program's handlers over what the group hands out.
 *
 * Batches are pulled, one per worker; with one worker no two handler calls overlap. What goes wrong (a handler throws,
 * the group rebalances, the core gives up) stops the pulling; once the handlers that are busy have finished, it is dealt
 * with in one place, and pulling goes on.
 *
 * Instana replaces this file's export by a plain function that returns `new Runner(...)`, and changes `eachMessage` and
 * `eachBatch` on the options before.
 */

const { AsyncResource } = require('node:async_hooks')
const { performance } = require('node:perf_hooks')
const { KafkaJSNonRetriableError, KafkaJSNumberOfRetriesExceeded } = require('../errors')
const { consumerEvents: events, coreEventName } = require('../events')
const AutoCommitter = require('./autoCommitter')
const { isCalledBy } = require('./callers')
const { wantsRejoin } = require('./consumerGroup')
const createEachBatch = require('./eachBatch')
const createEachMessage = require('./eachMessage')
const Lease = require('./lease')
const RetryBudget = require('./retryBudget')
const { Worker } = require('./worker')

const { START_BATCH_PROCESS, END_BATCH_PROCESS, FETCH, FETCH_START, REBALANCING } = events

/** Errors that show a mistake in the program: trying again cannot help. */
const MISTAKES = new Set(['RangeError', 'ReferenceError', 'SyntaxError', 'TypeError'])

let nextRunner = 1

/** Something that can be waited for more than once. */
const bell = () => {
  let ring
  const rung = new Promise(resolve => {
    ring = resolve
  })
  return { rung, ring }
}

/**
 * @typedef {object} Trouble
 * @property {Error | null} error null if this consumer itself wants to join again
 * @property {boolean} [isFinal] whether it was tried often enough
 * @property {import('./consumerGroup').Slot} [slot] whose handler failed
 * @property {string} [offset] where that handler will be tried again
 */

module.exports = class Runner {
  #group
  #emitter
  #worker
  #committer
  #budget
  #concurrency
  #autoCommit
  #logger
  #onCrash
  #handle = null
  #callerName = `handlers of runner ${nextRunner++}`
  #active = 0
  #abandoned = 0
  #isStarting = false
  #isPumping = false
  #isWaiting = false
  /** @type {Trouble[]} */
  #troubles = []
  #recovery = null
  #bell = bell()
  #pumpInContext
  #fetchListeners = new Set()
  #unwatch

  /**
   * @param {object} options
   * @param {import('../../index').Logger} options.logger root logger
   * @param {import('./consumerGroup')} options.consumerGroup
   * @param {import('../events').InstrumentationEventEmitter} options.instrumentationEmitter
   * @param {(reason: Error) => Promise<void>} options.onCrash
   * @param {object} options.retry complete
   * @param {(payload: object) => unknown} [options.eachMessage] wins over `eachBatch`
   * @param {(payload: object) => unknown} [options.eachBatch]
   * @param {boolean} [options.eachBatchAutoResolve]
   * @param {boolean} [options.autoCommit]
   * @param {number} [options.concurrency] workers
   */
  constructor(options) {
    const { consumerGroup, instrumentationEmitter, autoCommit = true, concurrency } = options
    this.#group = consumerGroup
    this.#emitter = instrumentationEmitter
    this.#logger = options.logger.namespace('Runner')
    this.#onCrash = options.onCrash
    this.#autoCommit = autoCommit
    // What is no number is one worker, as in kafkajs, which hangs with less than one.
    const isNumber = typeof concurrency === 'number'
    this.#concurrency = isNumber ? Math.max(1, Math.trunc(concurrency) || 1) : 1
    this.#budget = new RetryBudget(options.retry)
    this.#committer = new AutoCommitter({
      stage: () => this.#group.stage(),
      commit: () => this.#group.commitStaged(),
      onError: error => this.#note({ error, isFinal: true }),
    })
    this.#worker = new Worker({
      group: consumerGroup,
      committer: this.#committer,
      autoCommit,
      logger: this.#logger,
      busy: () => this.#active,
      rejoins: () => this.#troubles.some(isRejoin),
    })
    this.#handle = this.#makeHandle(options)
    // Handlers run in the context of `run`, whatever woke us.
    this.#pumpInContext = AsyncResource.bind(isWoken => this.#pump(isWoken))
    this.#unwatch = this.#watchListeners()
    consumerGroup.onTrouble((error, how) => this.#note({ error, ...how }))
  }

  #makeHandle({ eachMessage, eachBatch, eachBatchAutoResolve = true }) {
    if (!eachMessage && !eachBatch) return null
    const handle = eachMessage
      ? createEachMessage(this.#worker, eachMessage)
      : createEachBatch(this.#worker, eachBatch, eachBatchAutoResolve)
    // By its name `isCalledBy` tells our handlers from those of other consumers.
    return Object.defineProperty(handle, 'name', { value: this.#callerName })
  }

  /** Whoever hears of fetches expects to hear of one before its batches. */
  #watchListeners() {
    const names = new Set([FETCH, FETCH_START].map(coreEventName))
    return this.#emitter.onListenersChanged((name, listening) => {
      if (!names.has(name)) return
      if (listening) this.#fetchListeners.add(name)
      else this.#fetchListeners.delete(name)
    })
  }

  /** Connects, joins and begins to consume. Never rejects: what goes wrong is a crash. */
  async start() {
    this.#isStarting = true
    try {
      await this.#group.connect()
      await this.#group.joinAndSync()
    } catch (error) {
      if (!this.#isStarting) return
      await this.#onCrash(error)
      return
    }
    if (!this.#isStarting) return
    this.#isStarting = false
    this.#worker.running = true
    this.#deal()
    this.#pump()
  }

  /**
   * Lets the handlers that are busy finish, commits what they resolved and leaves the group. Never rejects.
   *
   * @param {{ fromHandler?: boolean }} [how] `fromHandler`: one of them waits for this, so it is not waited for
   */
  async stop({ fromHandler = false } = {}) {
    if (fromHandler) this.abandonCaller()
    const wasRunning = this.#worker.running
    if (!wasRunning && !this.#isStarting) return
    this.#isStarting = false
    this.#worker.running = false
    this.#ring()
    if (wasRunning) {
      await this.#quiet(performance.now() + this.#group.rebalanceTimeout)
      if (this.#autoCommit) await this.#lastCommit()
      const { groupId, memberId } = this.#group
      this.#logger.info('consumer not running, exiting', { groupId, memberId })
    }
    this.#committer.close()
    this.#unwatch()
    await this.#group.leave().catch(() => {})
  }

  /**
   * Commits what was resolved since the last commit; what the program has committed itself since then stays. After a
   * session without an answer the group has forgotten this member anyway.
   */
  async #lastCommit() {
    let timer
    const elapsed = new Promise(resolve => {
      timer = setTimeout(resolve, this.#group.sessionTimeout)
    })
    const flushed = this.#committer.flush(() => this.#group.hasUnsaved).catch(() => {})
    await Promise.race([flushed, elapsed])
    clearTimeout(timer)
  }

  /** @returns {boolean} whether the code that runs now was called by a handler of this runner */
  isCalledByHandler() {
    return this.#active > 0 && isCalledBy(this.#callerName)
  }

  /** One of the handlers waits for `stop`, so `stop` must not wait for it. */
  abandonCaller() {
    this.#abandoned++
    this.#ring()
  }

  /**
   * `consumer.commitOffsets`; does nothing before the group is joined, as kafkajs.
   *
   * @param {{ topics: object[] }} offsets
   */
  async commitOffsets(offsets) {
    if (!this.#worker.running) return
    try {
      await this.#group.commitOffsets(offsets)
    } catch (error) {
      if (this.#worker.running) throw error
    }
  }

  /** Joins the group again because the subscription has changed. */
  resubscribe() {
    this.#note({ error: null })
  }

  #ring() {
    this.#bell.ring()
    this.#bell = bell()
  }

  /** Waits for a change, or until `deadline` (`performance.now()`). */
  async #change(deadline) {
    if (deadline === Number.POSITIVE_INFINITY) return this.#bell.rung
    let timer
    const elapsed = new Promise(resolve => {
      timer = setTimeout(resolve, Math.max(0, deadline - performance.now()))
    })
    await Promise.race([this.#bell.rung, elapsed])
    clearTimeout(timer)
  }

  get #busy() {
    return Math.max(0, this.#active - this.#abandoned)
  }

  async #quiet(deadline) {
    while (this.#busy > 0 && performance.now() < deadline) await this.#change(deadline)
  }

  /** Starts a worker for each batch that is there, as far as workers are free. */
  #pump(isWoken = false) {
    if (!this.#handle || this.#isPumping) return
    this.#isPumping = true
    try {
      this.#pumpBatches(isWoken)
    } finally {
      this.#isPumping = false
    }
  }

  #pumpBatches(isWoken) {
    const { turn } = this.#worker
    let isNext = isWoken
    while (this.#worker.running && !this.#recovery && this.#active < this.#concurrency) {
      if (turn.isOver(performance.now())) {
        turn.next().then(() => this.#pumpInContext(isNext))
        return
      }
      // Word of a fetch waits in the queue; it is delivered before we are woken.
      const taken = isNext || this.#fetchListeners.size === 0 ? this.#group.takeBatch() : null
      if (!taken) {
        this.#pumpWhenReady()
        return
      }
      isNext = false
      this.#work(taken)
    }
  }

  #pumpWhenReady() {
    if (this.#isWaiting) return
    this.#isWaiting = true
    const woken = () => {
      this.#isWaiting = false
      this.#worker.turn.begin()
      this.#pumpInContext(true)
    }
    this.#group.waitForBatch().then(woken, () => {})
  }

  async #work({ native, slot }) {
    this.#active++
    let lease = null
    let trouble = null
    try {
      lease = native.codecs
        ? await this.#group.open({ native, slot })
        : new Lease({ id: native.lease, slot, fetched: native })
      if (lease) await this.#process(lease)
    } catch (error) {
      trouble = { error: error ?? new Error(`The handler threw ${error}`), slot }
    }
    const resume = this.#resumeAt(native, lease, trouble)
    this.#group.giveBack(native.lease, resume, trouble !== null)
    if (trouble) this.#note({ ...trouble, offset: resume ?? '' })
    this.#active--
    this.#ring()
    this.#pump()
  }

  #resumeAt(native, lease, trouble) {
    if (lease) return lease.resumeAt()
    // Its codec failed: nothing of it was seen.
    return trouble ? native.fetchedOffset : null
  }

  async #process(lease) {
    const startedAt = Date.now()
    const worker = this.#worker
    const payload = lease.describe()
    const isSeen = lease.records.count > 0
    this.#emitter.emit(START_BATCH_PROCESS, payload)

    if (isSeen) {
      const hasEnded = await this.#handle(lease)
      if (!hasEnded) return
    } else {
      // Control records, or what transactions took back: nobody is to see it, but it is done with.
      this.#group.resolve(lease, lease.endOffset())
    }

    this.#emitter.emit(END_BATCH_PROCESS, { ...payload, duration: Date.now() - startedAt })
    if (isSeen) worker.commit()
    else worker.commitIfDue(performance.now())
  }

  /** @param {Trouble} trouble */
  #note(trouble) {
    if (!this.#worker.running && !this.#isStarting) return
    // A commit that fails while the group is joined says nothing new.
    if (trouble.error && isRejoin(trouble) && this.#group.generationId === null) return
    this.#troubles.push(trouble)
    this.#ring()
    this.#deal()
  }

  /** Deals with what went wrong, unless that is under way already. */
  #deal() {
    if (this.#recovery || this.#troubles.length === 0 || !this.#worker.running) return
    this.#recovery = this.#recover().then(() => {
      this.#recovery = null
      this.#pumpInContext()
    })
  }

  async #recover() {
    while (this.#worker.running && this.#troubles.length > 0) {
      await this.#untilIdle()
      const troubles = this.#troubles.splice(0)
      if (!this.#worker.running) return
      await this.#recoverFrom(troubles)
    }
  }

  async #recoverFrom(troubles) {
    const verdict = this.#judge(troubles)
    if (this.#autoCommit)
      await this.#committer.flush().catch(error => this.#noteFailedCommit(error))
    if (!this.#worker.running) return
    if (verdict.crash) return this.#onCrash(verdict.crash)
    if (verdict.rejoin) return this.#rejoin(verdict.rejoin.error)
    return this.#sleep(verdict.wait)
  }

  /** A commit that fails because the group rebalances says only what the next join will mend. */
  #noteFailedCommit(error) {
    if (wantsRejoin(error)) return
    this.#note({ error, isFinal: true })
  }

  /** Waits for the busy handlers; while the group rebalances only as long as it waits for this member. */
  async #untilIdle() {
    let deadline = Number.POSITIVE_INFINITY
    while (this.#worker.running && this.#busy > 0 && performance.now() < deadline) {
      if (deadline === Number.POSITIVE_INFINITY && this.#troubles.some(isGroupWaiting)) {
        deadline = performance.now() + this.#group.patience
      }
      await this.#change(deadline)
    }
  }

  /**
   * @param {Trouble[]} troubles
   * @returns {{ crash?: Error, rejoin?: Trouble, wait: number }}
   */
  #judge(troubles) {
    const verdict = { wait: 0, rejoin: troubles.find(isRejoin) }
    for (const trouble of troubles) {
      if (isRejoin(trouble)) continue
      const { error, slot, offset, isFinal } = trouble
      const mistake = asMistake(error, isFinal)
      if (mistake) return { ...verdict, crash: mistake }
      const { wait, ...spent } = this.#budget.fail(`${slot.partition} ${slot.topic}`, offset)
      if (wait === undefined) {
        return { ...verdict, crash: new KafkaJSNumberOfRetriesExceeded(error, spent) }
      }
      verdict.wait = Math.max(verdict.wait, wait)
    }
    return verdict
  }

  async #rejoin(error) {
    const { groupId, memberId } = this.#group
    if (error?.type === 'UNKNOWN_MEMBER_ID') {
      this.#logger.error('The coordinator is not aware of this member, re-joining the group', {
        groupId,
        memberId,
        error: error.message,
      })
    } else if (error) {
      this.#logger.warn('The group is rebalancing, re-joining', {
        groupId,
        memberId,
        error: error.message,
      })
      this.#emitter.emit(REBALANCING, { groupId, memberId })
    }
    // Whatever asked for it until now gets it with this join.
    this.#troubles = this.#troubles.filter(trouble => !isRejoin(trouble))
    try {
      await this.#group.joinAndSync()
      this.#budget.clear()
    } catch (joinError) {
      if (this.#worker.running) await this.#onCrash(joinError)
    }
  }

  /** Waits before a handler is tried again, but not longer than the run lasts or the group waits. */
  async #sleep(wait) {
    const deadline = performance.now() + wait
    while (this.#worker.running && !this.#troubles.some(isRejoin) && performance.now() < deadline) {
      await this.#change(deadline)
    }
  }
}

const isRejoin = ({ error }) => error === null || wantsRejoin(error)

/** A member the coordinator has forgotten keeps nobody waiting. */
const isGroupWaiting = trouble => isRejoin(trouble) && trouble.error?.type !== 'UNKNOWN_MEMBER_ID'

/** The reason to crash at once, if `error` is one; as kafkajs' retrier would put it. */
const asMistake = (error, isFinal) => {
  const { name } = error
  if (name === 'KafkaJSNotImplemented' || name === 'KafkaJSNoBrokerAvailableError') return error
  if (isFinal && name === 'KafkaJSNumberOfRetriesExceeded') return error
  if (MISTAKES.has(name) || error.retriable === false) {
    return new KafkaJSNonRetriableError(error, { cause: error.cause || error })
  }
  return isFinal ? error : null
}
