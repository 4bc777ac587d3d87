'use strict'

const { Writer, ask } = require('./connection')
const { findLeader } = require('./leader')

const FETCH = 1
const MAX_BYTES = 1048576
const CODECS = ['none', 'gzip', 'snappy', 'lz4', 'zstd']

/** Field positions of a record batch, https://kafka.apache.org/documentation/#recordbatch. */
const BATCH = { magic: 16, attributes: 21, lastOffsetDelta: 23, recordCount: 57 }
const CODEC_BITS = 0b111

/**
 * The batch that holds a record, as it lies in the log: brokers store what the producer has sent.
 *
 * @param {string} broker - `host:port` of any broker of the cluster
 * @param {{ topic: string, partition: number, offset: string }} record
 * @returns {Promise<{ baseOffset: string, lastOffset: string, records: number, codec: string }>}
 */
async function readStoredBatch(broker, { topic, partition, offset }) {
  const leader = await findLeader(broker, topic, partition)
  const body = new Writer()
    .int32(-1) // replica id of a consumer
    .int32(500) // longest wait, ms
    .int32(1) // fewest bytes
    .int32(MAX_BYTES)
    .int8(0) // read uncommitted
    .int32(1)
    .string(topic)
    .int32(1)
    .int32(partition)
    .int64(offset)
    .int32(MAX_BYTES)
  const answer = await ask(leader, { apiKey: FETCH, apiVersion: 4, body })

  answer.int32() // throttle time
  const [fetched] = answer.array(() => {
    answer.string()
    return answer.array(() => {
      answer.int32() // partition
      const errorCode = answer.int16()
      answer.int64() // high watermark
      answer.int64() // last stable offset
      answer.array(() => [answer.int64(), answer.int64()]) // aborted transactions
      return { errorCode, batches: answer.bytes() ?? Buffer.alloc(0) }
    })[0]
  })

  const { errorCode, batches } = fetched
  if (errorCode !== 0 || batches.length <= BATCH.recordCount || batches[BATCH.magic] !== 2) {
    throw new Error(
      `No record batch at ${topic}/${partition} offset ${offset} (error code ${errorCode})`
    )
  }
  const baseOffset = batches.readBigInt64BE(0)
  return {
    baseOffset: String(baseOffset),
    lastOffset: String(baseOffset + BigInt(batches.readInt32BE(BATCH.lastOffsetDelta))),
    records: batches.readInt32BE(BATCH.recordCount),
    codec: CODECS[batches.readInt16BE(BATCH.attributes) & CODEC_BITS],
  }
}

module.exports = { readStoredBatch }
