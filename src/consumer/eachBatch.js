'use strict'

const { performance } = require('node:perf_hooks')
const { PROCESS, isHeard, trace } = require('../channels')

const DECIMAL = /^-?\d+$/

/** Decimal strings up to this length fit into 64 bits. */
const SAFE_DIGITS = 18

/**
 * @returns {string}
 * @throws {SyntaxError | RangeError} if it is no offset
 */
const decimal = offset => {
  if (typeof offset === 'string' && offset.length <= SAFE_DIGITS && DECIMAL.test(offset)) {
    return offset
  }
  const number = BigInt(offset)
  if (BigInt.asIntN(64, number) !== number) throw new RangeError(`Invalid offset ${offset}`)
  return String(number)
}

/**
 * Runs `eachBatch` over a batch.
 *
 * @param {import('./worker').Worker} worker
 * @param {(payload: object) => unknown} eachBatch
 * @param {boolean} autoResolve whether a batch counts as handled when `eachBatch` is done with it
 * @returns {(lease: import('./lease')) => Promise<boolean>} as that of `eachMessage.js`
 */
module.exports = (worker, eachBatch, autoResolve) => async lease => {
  const { group, turn } = worker
  const { slot } = lease
  const batch = await lease.toBatch(() => (turn.isOver(performance.now()) ? turn.next() : null))
  if (worker.isRevoked(slot)) return false
  if (!worker.running || slot.sought || slot.paused) return true

  const lastMessage = batch.messages.at(-1)
  const resolveOffset = offset => {
    const resolved = decimal(offset)
    // Nobody sees what follows the last message, so nobody else could resolve it.
    group.resolve(lease, resolved === lastMessage.offset ? batch.lastOffset() : resolved)
    const now = performance.now()
    if (group.schedule.isConfigured) group.count(lease, resolved)
    worker.tellProgress(lease, now)
  }

  try {
    const payload = {
      batch,
      resolveOffset,
      heartbeat: worker.heartbeat(lease),
      pause: worker.pauser(slot),
      commitOffsetsIfNecessary: offsets => worker.commitIfNecessary(offsets),
      uncommittedOffsets: () => group.uncommittedOffsets(),
      isRunning: () => worker.running,
      isStale: () => slot.sought,
    }
    const { topic, partition } = slot
    const result = isHeard(PROCESS)
      ? trace(PROCESS, { ...group.identity, topic, partition, batch }, () => eachBatch(payload))
      : eachBatch(payload)
    if (typeof result?.then === 'function') await result
  } catch (error) {
    worker.logFailure('eachBatch', slot, batch.firstOffset(), error)
    throw error
  }
  if (autoResolve && !slot.sought) group.resolve(lease, lease.endOffset())
  return true
}
