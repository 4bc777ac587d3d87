'use strict'

/**
 * What the lesson's `require('kafkajs')` gives: the exports of kafkajs-rs, or those of kafkajs itself.
 *
 * - `KAFKA_CLIENT`: `kafkajs-rs` (default) or `kafkajs`, to compare the two.
 * - `KAFKA_BROKERS`: `host:port,...`, used in place of the `localhost:9092` that the lesson writes.
 */

const { createRequire } = require('node:module')

// Not this file's own `require`: Node.js remembers per folder what a name stands for.
const requireFromTop = createRequire(require.resolve('../../package.json'))

const NAMES = ['kafkajs-rs', 'kafkajs']

const name = process.env.KAFKA_CLIENT || 'kafkajs-rs'
if (!NAMES.includes(name)) {
  throw new Error(`KAFKA_CLIENT must be one of ${NAMES.join(', ')}, but is "${name}"`)
}
const client = requireFromTop(name === 'kafkajs' ? 'kafkajs' : './')
const brokers = process.env.KAFKA_BROKERS?.split(',').map(broker => broker.trim())

class Kafka extends client.Kafka {
  constructor(config) {
    super(brokers ? { ...config, brokers } : config)
  }
}

module.exports = { ...client, Kafka }
