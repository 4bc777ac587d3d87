'use strict'

const produce = require('kafkajs/src/protocol/requests/produce')
const Decoder = require('kafkajs/src/protocol/decoder')
const { encodeRequest } = require('./connection')

const VERSION = 7
const TIMEOUT_MS = 30000
const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }

/**
 * One request for all the messages, divided evenly among the partitions.
 *
 * @param {object} options
 * @param {string} options.topic
 * @param {{ value: string | Buffer, headers?: object }[]} options.messages
 * @param {number[]} options.partitions
 * @param {-1 | 0 | 1} [options.acks=-1]
 * @param {import('..').Codec} [options.codec='none']
 * @returns {Promise<Buffer>}
 */
function encodeProduce({ topic, messages, partitions, acks = -1, codec = 'none' }) {
  if (codec !== 'none') require('../kafkajs') // Registers the codecs.
  const used = partitions.slice(0, messages.length)
  const share = Math.ceil(messages.length / used.length)
  const topicData = [
    {
      topic,
      partitions: used.map((partition, index) => ({
        partition,
        firstSequence: -1,
        messages: messages
          .slice(index * share, (index + 1) * share)
          .map(message => ({ key: null, headers: {}, ...message })),
      })),
    },
  ]
  const versions = { acks, timeout: TIMEOUT_MS, compression: CODECS[codec], topicData }
  return encodeRequest(produce.protocol({ version: VERSION })(versions))
}

/**
 * @param {Buffer} body - of an answer
 * @throws {Error} if the broker has refused one of the batches
 */
function checkProduced(body) {
  const decoder = new Decoder(body)
  decoder.readArray(topic => {
    topic.readString()
    topic.readArray(partition => {
      const number = partition.readInt32()
      const code = partition.readInt16()
      if (code !== 0) throw new Error(`partition ${number}: error ${code} of the broker`)
      partition.forward(24) // base_offset, log_append_time, log_start_offset
    })
  })
}

module.exports = { checkProduced, encodeProduce }
