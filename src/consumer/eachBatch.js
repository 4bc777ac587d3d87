'use strict'

const DECIMAL = /^-?\d+$/

const decimal = offset =>
  typeof offset === 'string' && DECIMAL.test(offset) ? offset : String(BigInt(offset))

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
  if (worker.rejoins) return false
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
    const result = eachBatch({
      batch,
      resolveOffset,
      heartbeat: worker.heartbeat(lease),
      pause: worker.pauser(slot),
      commitOffsetsIfNecessary: offsets => worker.commitIfNecessary(offsets),
      uncommittedOffsets: () => group.uncommittedOffsets(),
      isRunning: () => worker.running,
      isStale: () => slot.sought,
    })
    if (typeof result?.then === 'function') await result
  } catch (error) {
    worker.logFailure('eachBatch', slot, batch.firstOffset(), error)
    throw error
  }
  if (autoResolve && !slot.sought) group.resolve(lease, lease.endOffset())
  return true
}
