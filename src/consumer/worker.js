'use strict'

const { performance } = require('node:perf_hooks')
const { isKafkaJSError } = require('../errors')
const Turn = require('./turn')

/** The core is told that a handler gets on at most so often, ms. */
const PROGRESS_INTERVAL = 1000

/**
 * What the loops of `eachMessage.js` and `eachBatch.js` share with their runner.
 */
class Worker {
  #autoCommit
  #committer
  #logger
  #rejoins

  /**
   * @param {object} options
   * @param {import('./consumerGroup')} options.group
   * @param {import('./autoCommitter')} options.committer
   * @param {boolean} options.autoCommit
   * @param {import('../../index').Logger} options.logger
   * @param {() => number} options.busy how many handlers are at work
   * @param {() => boolean} options.rejoins whether the group has to be joined again, so that batches are given back
   */
  constructor({ group, committer, autoCommit, logger, busy, rejoins }) {
    this.group = group
    this.turn = new Turn(busy)
    /** Whether batches may be begun and gone on with. */
    this.running = false
    this.#autoCommit = autoCommit
    this.#committer = committer
    this.#logger = logger
    this.#rejoins = rejoins
  }

  /** Whether a batch has to be given back, because the group is, or was meanwhile, joined again. */
  isRevoked(slot) {
    return this.#rejoins() || !this.group.isAssigned(slot)
  }

  /** At kafkajs' points, if the program leaves committing to us. */
  commit() {
    if (this.#autoCommit) this.#request(performance.now())
  }

  #request(now) {
    this.group.schedule.restart(now)
    this.#committer.request()
  }

  /** A message was resolved: is a commit due? */
  count(lease, offset, now) {
    this.group.count(lease, offset)
    this.commitIfDue(now)
  }

  commitIfDue(now) {
    if (this.#autoCommit && this.group.schedule.isDue(now)) this.#request(now)
  }

  /**
   * `commitOffsetsIfNecessary`: exactly these offsets; or, by interval and threshold if the program set any, and
   * whenever nobody else commits, what was resolved.
   */
  async commitIfNecessary(offsets) {
    const { group } = this
    if (offsets) return group.commitOffsets(offsets)
    const { schedule } = group
    const now = performance.now()
    const isDue = schedule.isConfigured ? schedule.isDue(now) : !this.#autoCommit
    if (!isDue) return undefined
    schedule.restart(now)
    return group.commitResolved()
  }

  /**
   * Heartbeats are sent in the background. A program's own call tells that its handler gets on, and learns that the
   * group rebalances.
   */
  heartbeat(lease) {
    return async () => {
      this.group.noteProgress(lease.id)
      const error = this.group.rebalanceError()
      if (!error) return
      if (this.#autoCommit) await this.#committer.flush().catch(() => {})
      throw error
    }
  }

  pauser({ topic, partition }) {
    const target = [{ topic, partitions: [partition] }]
    return () => {
      this.group.pause(target)
      return () => this.group.resume(target)
    }
  }

  tellProgress(lease, now) {
    if (now - lease.toldAt < PROGRESS_INTERVAL) return
    lease.toldAt = now
    this.group.noteProgress(lease.id)
  }

  logFailure(handler, { topic, partition }, offset, error) {
    if (isKafkaJSError(error)) return
    this.#logger.error(`Error when calling ${handler}`, {
      topic,
      partition,
      offset,
      stack: error?.stack,
      error,
    })
  }
}

module.exports = { Worker }
