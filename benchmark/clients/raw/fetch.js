'use strict'

const fetch = require('kafkajs/src/protocol/requests/fetch')
const Decoder = require('kafkajs/src/protocol/decoder')
const { encodeRequest } = require('./connection')

const VERSION = 4
const MAX_WAIT_MS = 500
const MAX_BYTES = 10 * 1024 * 1024
const MAX_BYTES_PER_PARTITION = 1024 * 1024

/** Where a batch says, from its beginning, how long it is, and which offset and how many records it has. */
const BATCH = { length: 8, lastOffsetDelta: 23, count: 57, afterLength: 12 }

/**
 * @param {string} topic
 * @param {number[]} offsets - by partition, from where to read
 * @returns {Promise<Buffer>}
 */
function encodeFetch(topic, offsets) {
  const partitions = offsets.map((fetchOffset, partition) => ({
    partition,
    fetchOffset,
    maxBytes: MAX_BYTES_PER_PARTITION,
  }))
  return encodeRequest(
    fetch.protocol({ version: VERSION })({
      maxWaitTime: MAX_WAIT_MS,
      minBytes: 1,
      maxBytes: MAX_BYTES,
      topics: [{ topic, partitions }],
    })
  )
}

/**
 * Counts the records by what the headers of the batches say; no record is looked at.
 *
 * @param {Buffer} body - of an answer
 * @param {number[]} offsets - by partition; moved behind what has been fetched
 * @returns {number} how many records
 * @throws {Error} if the broker has refused a partition
 */
function countFetched(body, offsets) {
  const decoder = new Decoder(body)
  decoder.readInt32() // throttle_time_ms
  let records = 0
  decoder.readArray(topic => {
    topic.readString()
    topic.readArray(partition => {
      const number = partition.readInt32()
      const code = partition.readInt16()
      if (code !== 0) throw new Error(`partition ${number}: error ${code} of the broker`)
      partition.forward(16) // high_watermark, last_stable_offset
      partition.readArray(aborted => aborted.forward(16))
      records += countRecords(partition.readBytes() ?? Buffer.alloc(0), number, offsets)
    })
  })
  return records
}

function countRecords(bytes, partition, offsets) {
  let records = 0
  for (let at = 0; at + BATCH.count + 4 <= bytes.length; ) {
    const end = at + BATCH.afterLength + bytes.readInt32BE(at + BATCH.length)
    if (end > bytes.length) break // A fetch may end inside of a batch.
    records += bytes.readInt32BE(at + BATCH.count)
    offsets[partition] =
      Number(bytes.readBigInt64BE(at)) + bytes.readInt32BE(at + BATCH.lastOffsetDelta) + 1
    at = end
  }
  return records
}

module.exports = { countFetched, encodeFetch }
