'use strict'

/**
 * Wraps the producer's own methods, as tracers do, to see the RecordMetadata that the lesson does not keep.
 *
 * @param {import('../../..').Producer} producer
 * @returns {() => import('../../..').RecordMetadata[]} gives what was sent since the last call
 */
function watchSent(producer) {
  let seen = []
  for (const method of ['send', 'sendBatch']) {
    const original = producer[method]
    producer[method] = async record => {
      const metadata = await original(record)
      seen.push(...metadata)
      return metadata
    }
  }
  return () => {
    const sent = seen
    seen = []
    return sent
  }
}

module.exports = { watchSent }
