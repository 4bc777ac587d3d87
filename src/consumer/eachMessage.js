'use strict'

const { performance } = require('node:perf_hooks')
const { PROCESS, isHeard, trace } = require('../channels')

/**
 * Runs `eachMessage` over a batch.
 *
 * @param {import('./worker').Worker} worker
 * @param {(payload: object) => unknown} eachMessage
 * @returns {(lease: import('./lease')) => Promise<boolean>} says whether the batch ended as it should: it does not when
 *   the group has to be joined again
 */
module.exports = (worker, eachMessage) => async lease => {
  const { group, turn } = worker
  const { slot } = lease
  const { topic, partition } = slot
  const heartbeat = worker.heartbeat(lease)
  const pause = worker.pauser(slot)
  const counts = group.schedule.isConfigured

  for (let messages = lease.nextMessages(); messages.length > 0; messages = lease.nextMessages()) {
    const isTraced = isHeard(PROCESS)
    for (const message of messages) {
      if (worker.isRevoked(slot)) return false
      if (!worker.running || slot.sought || slot.paused) return true
      const { offset } = message
      try {
        const payload = { topic, partition, message, heartbeat, pause }
        const result = isTraced
          ? trace(PROCESS, { ...group.identity, topic, partition, message }, () =>
              eachMessage(payload)
            )
          : eachMessage(payload)
        if (typeof result?.then === 'function') await result
      } catch (error) {
        worker.logFailure('eachMessage', slot, offset, error)
        throw error
      }
      group.resolve(lease, offset)
      const now = performance.now()
      if (counts) worker.count(lease, offset, now)
      if (turn.isOver(now)) {
        worker.tellProgress(lease, now)
        await turn.next()
      }
    }
  }
  // What follows the last message, such as the marker of a transaction, is done with as well.
  if (worker.isRevoked(slot)) return false
  if (!slot.sought) group.resolve(lease, lease.endOffset())
  return true
}
