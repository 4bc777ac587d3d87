'use strict'

/**
 * The clients under test behind one face, so that a workload is written once.
 *
 * @typedef {'none' | 'gzip' | 'snappy' | 'lz4' | 'zstd'} Codec
 *
 * @typedef {object} Client
 * @property {string} name
 * @property {string} version
 * @property {(workload: object) => string | null} cannot - why it cannot do a workload, null if it can
 * @property {(options: ProducerOptions) => Promise<BenchProducer>} connectProducer
 * @property {(options: ConsumerOptions) => Promise<BenchConsumer>} startConsumer - reads from the beginning, as
 *   the only member of its group, with automatic commits
 *
 * @typedef {object} ProducerOptions
 * @property {string[]} brokers
 * @property {string} topic
 * @property {-1 | 0 | 1} [acks=-1]
 * @property {Codec} [codec='none']
 * @property {boolean} [idempotent=false]
 *
 * @typedef {object} BenchProducer
 * @property {(values: string[], headers?: Record<string, string>) => unknown} prepare - builds, outside of the
 *   measured time, what `send` takes
 * @property {(prepared: unknown) => Promise<unknown>} send
 * @property {() => Promise<void>} disconnect
 *
 * @typedef {object} ConsumerOptions
 * @property {string[]} brokers
 * @property {string} topic
 * @property {string} groupId
 * @property {'message' | 'batch'} [handler='message']
 * @property {(partition: number, offset: string | bigint, value: Buffer) => void} onMessage
 * @property {(error: Error) => void} onError - the consumer has given up
 *
 * @typedef {object} BenchConsumer
 * @property {() => Promise<void>} stop
 */

const LOADERS = {
  'kafkajs-rs': () => require('./kafkajs-rs'),
  kafkajs: () => require('./kafkajs'),
  platformatic: () => require('./platformatic').load(),
}

/** The names there are, ours first. */
const CLIENT_NAMES = Object.keys(LOADERS)
const OURS = CLIENT_NAMES[0]

/**
 * Loads one client, and only this one.
 *
 * @param {string} name - one of CLIENT_NAMES
 * @returns {Promise<Client>}
 */
async function loadClient(name) {
  return LOADERS[name]()
}

module.exports = { CLIENT_NAMES, OURS, loadClient }
