'use strict'

const DefaultPartitioner = require('../default')

/** A batch's worth of bytes, as the producer's `batchSize` by default. */
const BATCH_SIZE = 1048576

const anyBelow = limit => require('node:crypto').randomInt(limit)

const sizeOf = ({ value, key }) => (value?.length ?? 0) + (key?.length ?? 0)

/**
 * Keeps messages without key and partition together until a batch's worth has gone to a partition (KIP-480, KIP-794):
 * fewer and larger batches than the default's round-robin per message. Messages with a key go where the default sends
 * them.
 *
 * Given to a producer as it is, it runs in the core and goes by the producer's own `batchSize`.
 *
 * @type {import('../../../../index').ICustomPartitioner}
 */
module.exports = () => {
  const byKey = DefaultPartitioner()
  /** @type {Map<string, { partition: number, sent: number }>} */
  const stuck = new Map()

  return args => {
    const { topic, partitionMetadata, message } = args
    if (message.partition != null || message.key != null) return byKey(args)

    const available = partitionMetadata.filter(({ leader }) => leader >= 0)
    const usable = available.length > 0 ? available : partitionMetadata
    const current = stuck.get(topic)
    const isUsable = usable.some(({ partitionId }) => partitionId === current?.partition)
    if (current && isUsable && current.sent < BATCH_SIZE) {
      current.sent += sizeOf(message)
      return current.partition
    }

    const partition = usable[anyBelow(usable.length)].partitionId
    stuck.set(topic, { partition, sent: sizeOf(message) })
    return partition
  }
}
