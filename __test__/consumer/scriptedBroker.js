'use strict'

/**
 * A broker that holds one topic and coordinates one group, and answers Fetch as a test wants it to: with formats that
 * brokers of our time do not store, codes they seldom give, or not at all. It speaks versions that are old enough to be
 * written by hand, with kafkajs' own encoder.
 */

const Decoder = require('kafkajs/src/protocol/decoder')
const { response, startPeer } = require('../harness')
const {
  API,
  answerVersions,
  bodyOf: bytesOf,
  coordinatorBody,
  list,
  metadataBody,
  write,
} = require('../harness/wire')

const {
  FETCH,
  LIST_OFFSETS,
  METADATA,
  OFFSET_COMMIT,
  OFFSET_FETCH,
  FIND_COORDINATOR,
  JOIN_GROUP,
  HEARTBEAT,
  LEAVE_GROUP,
  SYNC_GROUP,
  API_VERSIONS,
} = API

/** Fetch 11 knows racks and leader epochs (KIP-392). */
const VERSIONS = {
  [FETCH]: [11, 11],
  [LIST_OFFSETS]: [2, 2],
  [METADATA]: [4, 4],
  [OFFSET_COMMIT]: [2, 2],
  [OFFSET_FETCH]: [2, 2],
  [FIND_COORDINATOR]: [0, 0],
  [JOIN_GROUP]: [2, 2],
  [HEARTBEAT]: [0, 0],
  [LEAVE_GROUP]: [0, 0],
  [SYNC_GROUP]: [0, 0],
  [API_VERSIONS]: [0, 0],
}

const EARLIEST = -2
const MEMBER = 'member-1'

/**
 * @typedef {object} Ask   one partition of a Fetch
 * @property {number} node    who was asked
 * @property {number} partition
 * @property {number} offset
 * @property {number} maxBytes
 * @property {number} maxWait ms; 0 for what is not to wait
 * @property {string} rack
 * @property {number} connection  number of the connection it came on, from 1
 * @property {number} place   among the partitions of its request, from 0
 *
 * @typedef {object} Part  what is answered
 * @property {Buffer} [records]
 * @property {number} [code]
 * @property {number} [end]      high watermark; default 0
 * @property {number} [replica]  preferred read replica; default none
 */

/**
 * @param {object} script
 * @param {string} script.topic
 * @param {number} [script.partitions]  default 1
 * @param {(ask: Ask) => Part | 'silence' | 'hang up' | Promise<Part | 'silence' | 'hang up'>} script.fetch
 *   an answer without records and code is given when the wait that was asked for is over
 * @param {number} [script.nodes]  brokers that answer; default 1. Node 1 coordinates, and leads at first.
 * @param {string[]} [script.otherTopics]  named by metadata behind `topic`, with one partition each
 * @param {Record<number, [number, number]>} [script.versions]  by API key, in place of the usual ones or added to them
 * @param {number[]} [script.silent]  those of them that accept connections and never say anything
 * @param {Record<number, (decoder: Decoder, request: object, where: { node: number }) => Buffer | 'hang up' | 'silence' |
 *   undefined>} [script.answers]  by API key, before the usual answer, which is given for undefined; the decoder stands
 *   behind the client id
 * @param {(timestamp: number) => number} [script.offsetAt]  of ListOffsets; default: 0 for the beginning, 100 for the end
 * @returns {Promise<{ brokers: string[], asks: Ask[], commits: Array<{ partition: number, offset: string }>,
 *   leader: number, generation: number, connections(node: number): number, close(): Promise<void> }>}  `leader` may be
 *   changed; generation: of the group, 0 before it is joined; connections: how many clients have connected to a node
 */
async function startScriptedBroker({
  topic,
  partitions = 1,
  nodes = 1,
  otherTopics = [],
  versions = {},
  silent = [],
  answers: own = {},
  fetch,
  offsetAt = timestamp => (timestamp === EARLIEST ? 0 : 100),
}) {
  const broker = { leader: 1, generation: 0, asks: [], commits: [], stored: new Map() }
  const numbers = Array.from({ length: partitions }, (_, partition) => partition)
  const peers = []
  const timers = new Set()

  const elapse = milliseconds =>
    new Promise(resolve => {
      const timer = setTimeout(() => {
        timers.delete(timer)
        resolve()
      }, milliseconds)
      timers.add(timer)
    })

  const answers = {
    [API_VERSIONS]: (_, request) => answerVersions({ ...VERSIONS, ...versions })(request),

    [METADATA]: () =>
      metadataBody({
        brokers: Object.fromEntries(peers.map(({ port }, at) => [at + 1, port])),
        topics: [topic, ...otherTopics].map(name => ({
          name,
          partitions: (name === topic ? numbers : [0]).map(partition => ({
            partition,
            leader: broker.leader,
          })),
        })),
      }),

    [FIND_COORDINATOR]: () => coordinatorBody(peers[0].port),

    [JOIN_GROUP]: decoder => {
      decoder.readString()
      decoder.readInt32()
      decoder.readInt32()
      decoder.readString()
      decoder.readString()
      const [{ name, metadata }] = decoder.readArray(d => ({
        name: d.readString(),
        metadata: d.readBytes(),
      }))
      return write(encoder => {
        encoder
          .writeInt32(0)
          .writeInt16(0)
          .writeInt32(++broker.generation)
          .writeString(name)
        encoder.writeString(MEMBER).writeString(MEMBER)
        list(encoder, [MEMBER], id => encoder.writeString(id).writeBytes(metadata))
      })
    },

    [SYNC_GROUP]: decoder => {
      decoder.readString()
      decoder.readInt32()
      decoder.readString()
      const [{ assignment }] = decoder.readArray(d => ({
        member: d.readString(),
        assignment: d.readBytes(),
      }))
      return write(encoder => encoder.writeInt16(0).writeBytes(assignment))
    },

    [HEARTBEAT]: () => write(encoder => encoder.writeInt16(0)),

    [LEAVE_GROUP]: () => write(encoder => encoder.writeInt16(0)),

    [OFFSET_FETCH]: () =>
      write(encoder => {
        list(encoder, [topic], name => {
          encoder.writeString(name)
          list(encoder, numbers, partition => {
            const offset = broker.stored.get(partition) ?? '-1'
            encoder.writeInt32(partition).writeInt64(offset).writeString('').writeInt16(0)
          })
        })
        encoder.writeInt16(0)
      }),

    [OFFSET_COMMIT]: decoder => {
      decoder.readString()
      decoder.readInt32()
      decoder.readString()
      decoder.readInt64()
      const [{ rows }] = decoder.readArray(d => ({
        topic: d.readString(),
        rows: d.readArray(row => ({
          partition: row.readInt32(),
          offset: row.readInt64().toString(),
          metadata: row.readString(),
        })),
      }))
      for (const { partition, offset } of rows) {
        broker.commits.push({ partition, offset })
        broker.stored.set(partition, offset)
      }
      return write(encoder =>
        list(encoder, [topic], name => {
          encoder.writeString(name)
          list(encoder, rows, ({ partition }) => encoder.writeInt32(partition).writeInt16(0))
        })
      )
    },

    [LIST_OFFSETS]: decoder => {
      decoder.readInt32()
      decoder.readInt8()
      const [{ rows }] = decoder.readArray(d => ({
        topic: d.readString(),
        rows: d.readArray(row => ({
          partition: row.readInt32(),
          timestamp: Number(row.readInt64()),
        })),
      }))
      return write(encoder => {
        encoder.writeInt32(0)
        list(encoder, [topic], name => {
          encoder.writeString(name)
          list(encoder, rows, ({ partition, timestamp }) =>
            encoder
              .writeInt32(partition)
              .writeInt16(0)
              .writeInt64(-1)
              .writeInt64(offsetAt(timestamp, partition))
          )
        })
      })
    },

    [FETCH]: async (decoder, _request, { node, connection }) => {
      const asks = readFetch(decoder).map((ask, place) => ({ ...ask, place, node, connection }))
      broker.asks.push(...asks)
      const parts = []
      for (const ask of asks) parts.push(await fetch(ask))
      for (const end of ['hang up', 'silence']) if (parts.includes(end)) return end
      const isEmpty = parts.every(({ records, code, replica }) => !records && !code && !replica)
      if (isEmpty) await elapse(asks[0].maxWait)
      return write(encoder => {
        encoder.writeInt32(0).writeInt16(0).writeInt32(0)
        list(encoder, [topic], name => {
          encoder.writeString(name)
          list(encoder, [...asks.keys()], at => {
            const { records = null, code = 0, end = 0, replica = -1 } = parts[at]
            encoder.writeInt32(asks[at].partition).writeInt16(code)
            encoder.writeInt64(end).writeInt64(end).writeInt64(0)
            list(encoder, [], () => {})
            encoder.writeInt32(replica).writeBytes(records)
          })
        })
      })
    },
  }

  const startNode = async node =>
    startPeer({
      answer: async (request, _index, connection) => {
        if (silent.includes(node)) return undefined
        const given = await own[request.apiKey]?.(bodyOf(request), request, { node })
        const answer = answers[request.apiKey] ?? (() => 'hang up')
        const body = given ?? (await answer(bodyOf(request), request, { node, connection }))
        if (body === 'hang up') return body
        return body === 'silence' ? undefined : response(request, body)
      },
    })

  for (let node = 1; node <= nodes; node++) peers.push(await startNode(node))
  broker.brokers = [peers[0].address]
  broker.connections = node => peers[node - 1].connections
  broker.close = async () => {
    for (const timer of timers) clearTimeout(timer)
    await Promise.all(peers.map(peer => peer.close()))
  }
  return broker
}

function bodyOf(request) {
  return new Decoder(bytesOf(request))
}

function readFetch(decoder) {
  decoder.readInt32()
  const maxWait = decoder.readInt32()
  decoder.forward(4 + 4 + 1 + 4 + 4)
  const topics = decoder.readArray(d => ({
    topic: d.readString(),
    partitions: d.readArray(row => {
      const partition = row.readInt32()
      row.readInt32()
      const offset = Number(row.readInt64())
      row.readInt64()
      return { partition, offset, maxBytes: row.readInt32() }
    }),
  }))
  decoder.readArray(d => [d.readString(), d.readArray(row => row.readInt32())])
  const rack = decoder.readString()
  return topics.flatMap(({ partitions }) =>
    partitions.map(partition => ({ ...partition, maxWait, rack }))
  )
}

module.exports = { API, startScriptedBroker, write }
