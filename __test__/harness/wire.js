'use strict'

/**
 * The wire protocol as scripted brokers speak it: versions old enough to be written by hand, which have neither compact
 * types nor tagged fields. Field layouts: https://kafka.apache.org/protocol
 */

const Encoder = require('kafkajs/src/protocol/encoder')
const { apiVersionsBody } = require('./peer')

/** API keys. */
const API = {
  PRODUCE: 0,
  FETCH: 1,
  LIST_OFFSETS: 2,
  METADATA: 3,
  OFFSET_COMMIT: 8,
  OFFSET_FETCH: 9,
  FIND_COORDINATOR: 10,
  JOIN_GROUP: 11,
  HEARTBEAT: 12,
  LEAVE_GROUP: 13,
  SYNC_GROUP: 14,
  DESCRIBE_GROUPS: 15,
  LIST_GROUPS: 16,
  SASL_HANDSHAKE: 17,
  API_VERSIONS: 18,
  CREATE_TOPICS: 19,
  DELETE_TOPICS: 20,
  DELETE_RECORDS: 21,
  INIT_PRODUCER_ID: 22,
  ADD_PARTITIONS_TO_TXN: 24,
  ADD_OFFSETS_TO_TXN: 25,
  END_TXN: 26,
  TXN_OFFSET_COMMIT: 28,
  DESCRIBE_ACLS: 29,
  CREATE_ACLS: 30,
  DELETE_ACLS: 31,
  DESCRIBE_CONFIGS: 32,
  ALTER_CONFIGS: 33,
  SASL_AUTHENTICATE: 36,
  CREATE_PARTITIONS: 37,
  DELETE_GROUPS: 42,
  ALTER_PARTITION_REASSIGNMENTS: 45,
  LIST_PARTITION_REASSIGNMENTS: 46,
}

/** The error code of a version that the broker does not know. */
const UNSUPPORTED_VERSION = 35

/** A request begins with its key, version and correlation id; the client id follows. */
const CLIENT_ID_AT = 8

/**
 * An answer to ApiVersions, which is spoken in version 0 alone.
 *
 * @param {Record<number, [number, number]>} versions  lowest and highest by API key
 * @returns {(request: import('./peer').Request) => Buffer} the body of the answer
 */
function answerVersions(versions) {
  return ({ apiVersion }) => apiVersionsBody(versions, apiVersion === 0 ? 0 : UNSUPPORTED_VERSION)
}

/** @param {import('./peer').Request} request @returns {Buffer} what follows the header */
function bodyOf({ bytes }) {
  return bytes.subarray(CLIENT_ID_AT + 2 + Math.max(bytes.readInt16BE(CLIENT_ID_AT), 0))
}

/** @param {import('./peer').Request} request @returns {string} the client id of its header */
function clientIdOf({ bytes }) {
  return textAt(bytes, CLIENT_ID_AT)
}

/** @returns {string} the text whose length stands at `at` */
function textAt(bytes, at) {
  return bytes.toString('utf8', at + 2, at + 2 + bytes.readInt16BE(at))
}

/** @param {(encoder: Encoder) => void} task @returns {Buffer} what the task has written */
function write(task) {
  const encoder = new Encoder()
  task(encoder)
  return encoder.buffer
}

/** Writes an array: how many there are, then what `task` writes of each. */
function list(encoder, items, task) {
  encoder.writeInt32(items.length)
  for (const item of items) task(item)
}

const number = (size, method, value) => {
  const bytes = Buffer.alloc(size)
  bytes[method](value)
  return bytes
}
const int8 = value => number(1, 'writeInt8', value)
const int16 = value => number(2, 'writeInt16BE', value)
const int32 = value => number(4, 'writeInt32BE', value)
const int64 = value => number(8, 'writeBigInt64BE', BigInt(value))
/** Text, or null, with its length. */
const string = text =>
  text === null ? int16(-1) : join(int16(Buffer.byteLength(text)), Buffer.from(text))
/** Bytes with their length. */
const sized = bytes => join(int32(bytes.length), bytes)
const join = (...parts) => Buffer.concat(parts)

/**
 * The body of a Metadata v4 answer.
 *
 * @param {object} cluster
 * @param {Record<number, number>} cluster.brokers  their ports by node id, all on 127.0.0.1
 * @param {number} [cluster.controller]  default 1; -1: none
 * @param {{ name: string, code?: number, partitions?: { partition: number, leader?: number, code?: number }[] }[]}
 *   [cluster.topics]  default none; partitions: default one, led by node 1, none with a code
 * @returns {Buffer}
 */
function metadataBody({ brokers, controller = 1, topics = [] }) {
  const nodes = Object.keys(brokers).map(Number)
  return write(encoder => {
    encoder.writeInt32(0)
    list(encoder, nodes, id =>
      encoder.writeInt32(id).writeString('127.0.0.1').writeInt32(brokers[id]).writeString(null)
    )
    encoder.writeString('scripted').writeInt32(controller)
    list(encoder, topics, ({ name, code = 0, partitions = [{ partition: 0 }] }) => {
      encoder.writeInt16(code).writeString(name).writeBoolean(false)
      list(encoder, code === 0 ? partitions : [], ({ partition, leader = 1, code: own = 0 }) => {
        encoder.writeInt16(own).writeInt32(partition).writeInt32(leader)
        for (const _set of ['replicas', 'in sync']) {
          list(encoder, nodes, id => encoder.writeInt32(id))
        }
      })
    })
  })
}

/**
 * The body of a FindCoordinator v0 answer.
 *
 * @param {number} port  on 127.0.0.1
 * @param {number} [node]  default 1
 * @returns {Buffer}
 */
function coordinatorBody(port, node = 1) {
  return write(encoder =>
    encoder.writeInt16(0).writeInt32(node).writeString('127.0.0.1').writeInt32(port)
  )
}

module.exports = {
  API,
  answerVersions,
  bodyOf,
  clientIdOf,
  coordinatorBody,
  int16,
  int32,
  int64,
  int8,
  join,
  list,
  metadataBody,
  sized,
  string,
  textAt,
  write,
}
