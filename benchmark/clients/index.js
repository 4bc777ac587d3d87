'use strict'

/**
 * The clients under test behind one face, so that a workload is written once.
 *
 * @typedef {'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'} Codec
 *
 * @typedef {object} Client
 * @property {string} name
 * @property {string} version
 * @property {(workload: import('../workloads').Workload) => string | null} cannot - why it cannot do a workload,
 *   null if it can
 * @property {(options: ProducerOptions) => Promise<BenchProducer>} connectProducer
 * @property {(options: ConsumerOptions) => Promise<BenchConsumer>} startConsumer - reads from the beginning with
 *   automatic commits
 * @property {(options: { brokers: string[] }) => Promise<BenchAdmin>} connectAdmin
 *
 * @typedef {object} ProducerOptions
 * @property {string[]} brokers
 * @property {string} topic
 * @property {-1 | 0 | 1} [acks=-1]
 * @property {Codec} [codec='none']
 * @property {boolean} [idempotent=false]
 * @property {string} [transactionalId] - makes a transactional producer
 * @property {boolean} [awaited=false] - each call is awaited before the next one: batches that wait for company only
 *   lose time
 *
 * @typedef {object} BenchProducer
 * @property {(values: string[], placed?: { headers?: Record<string, string>, partition?: number }) => unknown}
 *   prepare - builds, outside of the measured time, what `send` takes
 * @property {(prepared: unknown) => Promise<unknown>} send
 * @property {(prepared: unknown) => Promise<unknown>} sendTransaction - begin, send, commit
 * @property {() => Promise<void>} disconnect
 *
 * @typedef {object} ConsumerOptions
 * @property {string[]} brokers
 * @property {string} topic
 * @property {string} groupId
 * @property {'message' | 'batch'} [handler='message']
 * @property {boolean} [awaits=false] - onMessage gives a promise, and the next message waits for it
 * @property {number} [take] - for a client that can be asked for so many messages at a time in place of pushing all
 *   there are, as node-rdkafka: where it is stopped before the end, which it does not survive while it pushes
 * @property {number} [concurrency=1] - how many partitions are handled at a time
 * @property {number} [heartbeatMs] - default: the client's
 * @property {(partition: number, offset: string | number | bigint, value: Buffer) => void | Promise<void>} onMessage
 * @property {(error: Error) => void} onError - the consumer has given up
 *
 * @typedef {object} BenchConsumer
 * @property {() => Promise<void>} stop
 *
 * @typedef {object} BenchAdmin
 * @property {() => Promise<number>} countTopics - asks the broker for the metadata of all topics
 * @property {() => Promise<void>} disconnect
 */

const { rivalModule } = require('../rivals')

/** `module` is what a program loads, `esModule`: with `import`. Raw is no client, see its file. */
const CLIENTS = {
  'kafkajs-rs': { module: () => require.resolve('../..'), load: () => require('./kafkajs-rs') },
  kafkajs: { module: () => require.resolve('kafkajs'), load: () => require('./kafkajs') },
  platformatic: {
    module: () => require.resolve('@platformatic/kafka'),
    esModule: true,
    load: () => require('./platformatic').load(),
  },
  confluent: { module: () => rivalModule('confluent'), load: () => require('./confluent') },
  'node-rdkafka': {
    module: () => rivalModule('node-rdkafka'),
    load: () => require('./node-rdkafka'),
  },
  raw: { load: () => require('./raw') },
}

/** The names there are, ours first. */
const CLIENT_NAMES = Object.keys(CLIENTS)
const OURS = 'kafkajs-rs'
const RAW = 'raw'

/**
 * Loads one client, and only this one.
 *
 * @param {string} name - one of CLIENT_NAMES
 * @returns {Promise<Client>}
 * @throws {Error} if it is not installed
 */
async function loadClient(name) {
  return CLIENTS[name].load()
}

/**
 * @param {string} name - one of CLIENT_NAMES, but not raw
 * @returns {{ file: string, esModule: boolean }} what a program loads to use this client
 */
function moduleOf(name) {
  const { module, esModule = false } = CLIENTS[name]
  return { file: module(), esModule }
}

module.exports = { CLIENT_NAMES, OURS, RAW, loadClient, moduleOf }
