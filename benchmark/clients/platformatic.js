'use strict'

const zlib = require('node:zlib')

/** Its default, 10 MiB, blocks the event loop for seconds; 1 MiB is what kafkajs has. */
const MAX_BYTES_PER_PARTITION = 1048576
/** Its default commits as fast as it can; kafkajs commits at the end of each batch. */
const COMMIT_INTERVAL_MS = 1000

/** @returns {Promise<import('./index').Client>} */
async function load() {
  // It is an ES module.
  const { Consumer, Producer, stringSerializers } = await import('@platformatic/kafka')

  return {
    name: 'platformatic',
    version: require('../package.json').dependencies['@platformatic/kafka'],

    cannot({ codec, handler }) {
      if (handler === 'batch') return 'has no handler for batches'
      if (codec === 'zstd' && !zlib.zstdCompress) return `has no zstd on Node.js ${process.version}`
      return null
    },

    async connectProducer({ brokers, topic, acks = -1, codec = 'none', idempotent = false }) {
      const producer = new Producer({
        clientId: 'benchmark',
        bootstrapBrokers: brokers,
        serializers: stringSerializers,
      })
      return {
        prepare: (values, headers) => values.map(value => ({ topic, value, headers })),
        send: messages => producer.send({ messages, acks, compression: codec, idempotent }),
        disconnect: () => producer.close(),
      }
    },

    async startConsumer({ brokers, topic, groupId, onMessage, onError }) {
      const consumer = new Consumer({
        clientId: 'benchmark',
        groupId,
        bootstrapBrokers: brokers,
        maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
      })
      const stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: COMMIT_INTERVAL_MS,
      })
      stream.on('error', onError)
      stream.on('data', ({ partition, offset, value }) => onMessage(partition, offset, value))
      return {
        async stop() {
          await stream.close()
          await consumer.close()
        },
      }
    },
  }
}

module.exports = { load }
