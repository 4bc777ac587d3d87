'use strict'

const toPositive = int32 => int32 & 0x7fffffff

const startAnywhere = () => require('node:crypto').randomInt(2 ** 32)

/**
 * Makes a partitioner out of a hash: the message's own partition, else by key, else round-robin.
 *
 * @param {(key: Buffer | string) => number} hash gives an int32
 * @returns {import('../../../index').ICustomPartitioner} each call makes a partitioner with counters of its own
 */
module.exports = hash => () => {
  /** Round-robin position per topic; starts anywhere, so that many producers do not begin with the same partition. */
  const counters = new Map()

  return ({ topic, partitionMetadata, message }) => {
    if (message.partition != null) return message.partition
    if (message.key != null) return toPositive(hash(message.key)) % partitionMetadata.length

    const counter = (counters.get(topic) ?? startAnywhere()) + 1
    counters.set(topic, counter)
    const available = partitionMetadata.filter(({ leader }) => leader >= 0)
    return available.length > 0
      ? available[toPositive(counter) % available.length].partitionId
      : toPositive(counter) % partitionMetadata.length
  }
}
