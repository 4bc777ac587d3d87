'use strict'

/** Two requests that neither library makes: who is the active controller, and that preferred replicas lead again. */

const { ask, encodeRequest } = require('../../../broker/probe')

const ELECT_LEADERS = 43
const DESCRIBE_QUORUM = 55
const TIMEOUT_MS = 10_000
const QUORUM_TOPIC = '__cluster_metadata'

/** @returns {Buffer} a string with its length in two bytes */
function string(text) {
  const length = Buffer.alloc(2)
  length.writeInt16BE(Buffer.byteLength(text))
  return Buffer.concat([length, Buffer.from(text)])
}

function int32(number) {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(number)
  return bytes
}

async function request(broker, apiKey, body) {
  const [host, port] = broker.split(':')
  const address = { host, port: Number(port), timeout: TIMEOUT_MS }
  const answer = await ask(address, encodeRequest(apiKey, 0, body))
  if (answer.body === undefined) throw new Error(`${broker} does not answer request ${apiKey}`)
  return answer.body
}

/**
 * DescribeQuorum (KIP-595), version 0.
 *
 * @param {string} broker  host:port of one that runs
 * @returns {Promise<number>} node id of the active controller
 * @throws {Error} if there is none now
 */
async function activeController(broker) {
  const name = Buffer.from(QUORUM_TOPIC)
  const noTags = Buffer.from([0])
  const partition = Buffer.concat([Buffer.from([2]), int32(0), noTags])
  const topics = Buffer.concat([Buffer.from([2, name.length + 1]), name, partition, noTags])
  const body = await request(broker, DESCRIBE_QUORUM, Buffer.concat([noTags, topics, noTags]))
  // Tags of the header, error, count of topics, name, count of partitions, index, error.
  const error = body.readInt16BE(1)
  const partitionAt = 4 + 1 + name.length + 1
  const leader = error === 0 ? body.readInt32BE(partitionAt + 6) : -1
  if (leader < 1) throw new Error(`No active controller: error ${error}, leader ${leader}`)
  return leader
}

/**
 * ElectLeaders (KIP-183), version 0: the first replica of each partition becomes its leader, if it is in sync.
 *
 * @param {string} broker  host:port of one that runs
 * @param {string} topic
 * @param {number} partitions  how many the topic has
 */
async function electPreferredLeaders(broker, topic, partitions) {
  const numbers = Array.from({ length: partitions }, (_, partition) => int32(partition))
  const list = [int32(1), string(topic), int32(partitions), ...numbers]
  await request(broker, ELECT_LEADERS, Buffer.concat([...list, int32(TIMEOUT_MS)]))
}

module.exports = { activeController, electPreferredLeaders }
