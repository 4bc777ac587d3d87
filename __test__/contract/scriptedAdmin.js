'use strict'

/** An admin of a scripted broker, and bodies that several tests have it answer with. */

const { response, startPeer } = require('../harness')
const {
  API,
  answerVersions,
  bodyOf,
  coordinatorBody,
  list,
  metadataBody,
  write,
} = require('../harness/wire')

const VERSIONS = {
  [API.LIST_OFFSETS]: [2, 2],
  [API.METADATA]: [4, 4],
  [API.OFFSET_FETCH]: [2, 2],
  [API.FIND_COORDINATOR]: [0, 0],
  [API.DESCRIBE_GROUPS]: [0, 0],
  [API.LIST_GROUPS]: [0, 0],
  [API.API_VERSIONS]: [0, 0],
  [API.CREATE_TOPICS]: [2, 2],
  [API.DELETE_TOPICS]: [1, 1],
  [API.DELETE_RECORDS]: [0, 0],
  [API.DESCRIBE_ACLS]: [1, 1],
  [API.CREATE_ACLS]: [1, 1],
  [API.DELETE_ACLS]: [1, 1],
  [API.DESCRIBE_CONFIGS]: [1, 1],
  [API.ALTER_CONFIGS]: [0, 0],
  [API.CREATE_PARTITIONS]: [0, 0],
  [API.DELETE_GROUPS]: [0, 0],
  [API.ALTER_PARTITION_REASSIGNMENTS]: [0, 0],
  [API.LIST_PARTITION_REASSIGNMENTS]: [0, 0],
}

/** `{ name: code }` as CreateTopics and CreatePartitions answer it. */
const codesWithText = codes =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, Object.entries(codes), ([name, code]) =>
      encoder.writeString(name).writeInt16(code).writeString(null)
    )
  })

/** `{ name: code }` as DeleteTopics and DeleteGroups answer it. */
const codesOnly = codes =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, Object.entries(codes), ([name, code]) =>
      encoder.writeString(name).writeInt16(code)
    )
  })

/** Answers in turn; the last one goes on. */
const inTurn = answers => {
  let next = 0
  return () => answers[Math.min(next++, answers.length - 1)]
}

/**
 * An admin on a scripted broker.
 *
 * @param {object} context of the contract
 * @param {Record<number, Buffer[]>} script  answers by API key, in turn
 * @param {{ topics?: object[], named?: object[], controller?: number }} [cluster]  what metadata says; named: of the
 *   topics that a request names, if not the same
 */
async function scripted({ kafka, onEnd }, script, cluster = {}) {
  const retry = { retries: 2, initialRetryTime: 10 }
  const answers = {
    [API.API_VERSIONS]: answerVersions(VERSIONS),
    // Whoever looks for brokers names no topic; what is wrong with `named` ones is no matter of theirs.
    [API.METADATA]: request => {
      const isAboutNamed = bodyOf(request).readInt32BE(0) > 0
      const { topics = [{ name: 't' }], named = topics } = cluster
      const shown = isAboutNamed ? named : topics
      return metadataBody({ brokers: { 1: peer.port }, ...cluster, topics: shown })
    },
    [API.FIND_COORDINATOR]: () => coordinatorBody(peer.port),
  }
  for (const [key, given] of Object.entries(script)) answers[key] = inTurn(given)
  const peer = await startPeer({
    answer: request => response(request, answers[request.apiKey](request)),
  })
  onEnd(() => peer.close())
  const admin = kafka({ brokers: [peer.address], retry }).admin()
  const requests = key => peer.requests.filter(({ apiKey }) => apiKey === key)
  return { admin, requests }
}

module.exports = { codesOnly, codesWithText, scripted }
