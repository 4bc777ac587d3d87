'use strict'

/**
 * A broker whose every answer to Produce is chosen by a test: error codes that a real broker gives only under rare
 * conditions, silence, hang-ups, in any order. It speaks the oldest versions that a producer accepts, which have no
 * compact types, and keeps what it has acknowledged.
 */

const { response, startPeer } = require('../harness')
const {
  API,
  answerVersions,
  bodyOf,
  int8,
  int16,
  int32,
  int64,
  join,
  string,
} = require('../harness/wire')

const {
  PRODUCE,
  METADATA,
  FIND_COORDINATOR,
  API_VERSIONS,
  INIT_PRODUCER_ID,
  ADD_PARTITIONS_TO_TXN: ADD_PARTITIONS,
  ADD_OFFSETS_TO_TXN: ADD_OFFSETS,
  END_TXN,
  TXN_OFFSET_COMMIT: OFFSET_COMMIT,
} = API

const VERSIONS = {
  [PRODUCE]: [3, 3],
  [METADATA]: [4, 4],
  [FIND_COORDINATOR]: [1, 1],
  [API_VERSIONS]: [0, 0],
  [INIT_PRODUCER_ID]: [0, 0],
  [ADD_PARTITIONS]: [0, 0],
  [ADD_OFFSETS]: [0, 0],
  [END_TXN]: [0, 0],
  [OFFSET_COMMIT]: [0, 0],
}

const UNKNOWN_TOPIC_OR_PARTITION = 3
const LEADER_NOT_AVAILABLE = 5
const NODE_ID = 1
const NULL_LENGTH = -1

/** Field positions of a record batch, https://kafka.apache.org/documentation/#recordbatch. */
const BATCH = {
  attributes: 21,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordCount: 57,
}

class Reader {
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }

  take(size) {
    this.at += size
    return this.bytes.subarray(this.at - size, this.at)
  }

  int8 = () => this.take(1).readInt8()
  int16 = () => this.take(2).readInt16BE()
  int32 = () => this.take(4).readInt32BE()
  int64 = () => this.take(8).readBigInt64BE()

  string() {
    const length = this.int16()
    return length === NULL_LENGTH ? null : this.take(length).toString()
  }

  blob() {
    const length = this.int32()
    return length === NULL_LENGTH ? null : this.take(length)
  }

  list(read) {
    return Array.from({ length: Math.max(this.int32(), 0) }, read)
  }
}

const list = items => join(int32(items.length), ...items)

/**
 * @typedef {object} ProducedBatch  one partition's part of a Produce request
 * @property {string} topic
 * @property {number} partition
 * @property {number} acks
 * @property {number} timeout  milliseconds
 * @property {string | null} transactionalId
 * @property {bigint} producerId  -1n without idempotence
 * @property {number} epoch
 * @property {number} sequence   of its first record
 * @property {number} records
 * @property {Buffer} bytes      the record batch
 * @property {number} attempt    how many Produce requests for this partition came before
 *
 * @typedef {number | 'silence' | 'hang up' | 'left out' | { code: number, throttle?: number }} Verdict
 *   an error code (0: stored), no answer to the whole request, an end of the connection, an answer without this
 *   partition, a code and throttle time in ms
 */

/**
 * @param {object} [script]
 * @param {Record<string, number | { partition: number, leader: number, code?: number }[]>} [script.topics]  partitions by
 *   topic: how many, all led by node 1, or each of them in the order of Metadata, with its error code; a topic that is not
 *   there is unknown
 * @param {(batch: ProducedBatch) => Verdict | Promise<Verdict>} [script.produce]  default: 0
 * @param {boolean} [script.keep]  false: the bytes of batches are dropped, for those who send many; default true
 * @param {boolean} [script.concurrent]  true: requests are taken up as they arrive, and answered in their order; default
 *   false: the next one is read when the last one is answered, as by Kafka
 * @param {(request: object) => number} [script.identify]  error code of InitProducerId, default 0
 * @param {(request: object) => number | Promise<number>} [script.endTransaction]  error code of EndTxn, default 0
 * @param {(request: object) => number} [script.addPartitions]  error code of AddPartitionsToTxn, default 0
 * @param {(topic: string) => number} [script.refuse]  error code of a topic in Metadata, default 0
 * @returns {Promise<{ address: string, brokers: string[], attempts: ProducedBatch[], stored: ProducedBatch[],
 *   requests: { api: number, body: object }[], topics: object, leaderless: Set<string>, nodes: string[],
 *   controller: number, metadata: { topics: string[], allowAutoTopicCreation: boolean }[],
 *   coordinators: { key: string, kind: number }[], connections(): number, close(): Promise<void> }>}
 *   attempts: every batch that came; stored: those answered with 0; requests: those of idempotence and transactions;
 *   metadata and coordinators: what was asked; connections: how many there were; topics, leaderless, nodes (addresses of
 *   the nodes 1, 2, ...) and controller may be changed
 */
async function startScriptedBroker(script = {}) {
  const { produce = () => 0, identify = () => 0, keep = true, concurrent = false } = script
  const { endTransaction = () => 0, addPartitions = () => 0, refuse = () => 0 } = script
  const attempts = []
  const stored = []
  const requests = []
  const offsets = new Map()
  const attemptsOf = new Map()
  let nextProducerId = 1000

  const answers = {
    [API_VERSIONS]: (_reader, request) => answerVersions(VERSIONS)(request),

    [METADATA]: reader => {
      const names = reader.list(() => reader.string())
      broker.metadata.push({ topics: names, allowAutoTopicCreation: reader.int8() === 1 })
      const topics = names.map(name => {
        const partitions = partitionsOf(name).map(({ partition, leader, code }) =>
          join(
            int16(code ?? (leader < 0 ? LEADER_NOT_AVAILABLE : 0)),
            int32(partition),
            int32(leader),
            list([int32(NODE_ID)]),
            list([int32(NODE_ID)])
          )
        )
        const code = refuse(name) || (partitions.length === 0 ? UNKNOWN_TOPIC_OR_PARTITION : 0)
        return join(int16(code), string(name), int8(0), list(code === 0 ? partitions : []))
      })
      const nodes = broker.nodes.map((address, index) => {
        const [host, port] = address.split(':')
        return join(int32(NODE_ID + index), string(host), int32(Number(port)), string(null))
      })
      const controller = int32(broker.controller)
      return join(int32(0), list(nodes), string(null), controller, list(topics))
    },

    [FIND_COORDINATOR]: reader => {
      broker.coordinators.push({ key: reader.string(), kind: reader.int8() })
      const [host, port] = peer.address.split(':')
      return join(
        int32(0),
        int16(0),
        string(null),
        int32(NODE_ID),
        string(host),
        int32(Number(port))
      )
    },

    [INIT_PRODUCER_ID]: reader => {
      const body = { transactionalId: reader.string(), timeout: reader.int32() }
      requests.push({ api: INIT_PRODUCER_ID, body })
      const code = identify(body)
      nextProducerId += code === 0 ? 1 : 0
      return join(int32(0), int16(code), int64(code === 0 ? nextProducerId : -1), int16(0))
    },

    [ADD_PARTITIONS]: reader => {
      const body = {
        transactionalId: reader.string(),
        producerId: reader.int64(),
        epoch: reader.int16(),
        topics: reader.list(() => ({
          topic: reader.string(),
          partitions: reader.list(() => reader.int32()),
        })),
      }
      requests.push({ api: ADD_PARTITIONS, body })
      const code = addPartitions(body)
      const results = body.topics.map(({ topic, partitions }) =>
        join(string(topic), list(partitions.map(index => join(int32(index), int16(code)))))
      )
      return join(int32(0), list(results))
    },

    [END_TXN]: async reader => {
      const body = {
        transactionalId: reader.string(),
        producerId: reader.int64(),
        epoch: reader.int16(),
        committed: reader.int8() === 1,
      }
      requests.push({ api: END_TXN, body })
      return join(int32(0), int16(await endTransaction(body)))
    },

    [PRODUCE]: async reader => {
      const batches = readProduce(reader)
      for (const batch of batches) {
        const key = `${batch.topic}/${batch.partition}`
        batch.attempt = attemptsOf.get(key) ?? 0
        attemptsOf.set(key, batch.attempt + 1)
      }
      if (keep) attempts.push(...batches)
      else peer.requests.length = 0
      const verdicts = []
      for (const batch of batches) verdicts.push(await produce(batch))
      for (const end of ['hang up', 'silence']) if (verdicts.includes(end)) return end
      const settled = batches.map((batch, i) => {
        const code = verdicts[i].code ?? verdicts[i]
        return { ...batch, code, offset: code === 0 ? store(batch) : -1 }
      })
      if (batches[0]?.acks === 0) return 'silence'
      const topics = [...new Set(settled.map(({ topic }) => topic))].map(topic =>
        join(
          string(topic),
          list(
            settled
              .filter(part => part.topic === topic && part.code !== 'left out')
              .map(part =>
                join(int32(part.partition), int16(part.code), int64(part.offset), int64(-1))
              )
          )
        )
      )
      return join(list(topics), int32(Math.max(0, ...verdicts.map(({ throttle = 0 }) => throttle))))
    },
  }

  const store = batch => {
    const key = `${batch.topic}/${batch.partition}`
    const offset = offsets.get(key) ?? 0
    offsets.set(key, offset + batch.records)
    if (keep) stored.push(batch)
    return offset
  }

  const partitionsOf = name => {
    const described = broker.topics[name] ?? 0
    if (typeof described !== 'number') return described
    const leader = broker.leaderless.has(name) ? -1 : NODE_ID
    return Array.from({ length: described }, (_, partition) => ({ partition, leader }))
  }

  const peer = await startPeer({
    concurrent,
    answer: async request => {
      const reader = new Reader(bodyOf(request))
      const answer = answers[request.apiKey]
      if (!answer) return 'hang up'
      const body = await answer(reader, request)
      if (body === 'hang up') return body
      return body === 'silence' ? undefined : response(request, body)
    },
  })

  const broker = {
    address: peer.address,
    brokers: [peer.address],
    topics: script.topics ?? {},
    leaderless: new Set(),
    nodes: [peer.address],
    controller: NODE_ID,
    metadata: [],
    coordinators: [],
    connections: () => peer.connections,
    attempts,
    stored,
    requests,
    close: () => peer.close(),
  }
  return broker
}

function readProduce(reader) {
  const transactionalId = reader.string()
  const acks = reader.int16()
  const timeout = reader.int32()
  const topics = reader.list(() => ({
    topic: reader.string(),
    partitions: reader.list(() => ({ partition: reader.int32(), bytes: reader.blob() })),
  }))
  return topics.flatMap(({ topic, partitions }) =>
    partitions.map(({ partition, bytes }) => ({
      topic,
      partition,
      acks,
      timeout,
      transactionalId,
      producerId: bytes.readBigInt64BE(BATCH.producerId),
      epoch: bytes.readInt16BE(BATCH.producerEpoch),
      sequence: bytes.readInt32BE(BATCH.baseSequence),
      records: bytes.readInt32BE(BATCH.recordCount),
      bytes,
    }))
  )
}

/**
 * What arrives at a broker with topic `t` when `messages` are sent in one call.
 *
 * @param {import('../harness/contract').Context} context  of a contract test
 * @param {object[]} messages
 * @param {object} [call]  further members of the call; `options` are the producer's
 * @returns {Promise<ProducedBatch[]>}
 */
async function arrived(context, messages, { options, ...call } = {}) {
  const broker = await startScriptedBroker({ topics: { t: 1 } })
  context.onEnd(() => broker.close())
  const producer = context.kafka({ brokers: broker.brokers }).producer(options)
  await producer.connect()
  await producer.send({ topic: 't', messages, ...call })
  return broker.attempts
}

module.exports = { ADD_PARTITIONS, END_TXN, INIT_PRODUCER_ID, arrived, startScriptedBroker }
