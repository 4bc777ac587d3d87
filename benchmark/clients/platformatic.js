'use strict'

const zlib = require('node:zlib')

/** Its default, 10 MiB, blocks the event loop for seconds; 1 MiB is what kafkajs has. */
const MAX_BYTES_PER_PARTITION = 1048576
/** Its default commits as fast as it can; kafkajs commits at the end of each batch. */
const COMMIT_INTERVAL_MS = 1000

/** @returns {Promise<import('./index').Client>} */
async function load() {
  // It is an ES module.
  const { Admin, Consumer, Producer, stringSerializers } = await import('@platformatic/kafka')

  return {
    name: 'platformatic',
    version: require('../package.json').dependencies['@platformatic/kafka'],

    cannot({ codec, concurrency, handler }) {
      if (handler === 'batch') return 'has no handler for batches'
      if (concurrency > 1) return 'has no handlers that run at the same time'
      if (codec === 'zstd' && !zlib.zstdCompress) return `has no zstd on Node.js ${process.version}`
      return null
    },

    async connectProducer({ brokers, topic, acks = -1, codec = 'none', ...options }) {
      const { transactionalId, idempotent = transactionalId !== undefined } = options
      const producer = new Producer({
        clientId: 'benchmark',
        bootstrapBrokers: brokers,
        serializers: stringSerializers,
        idempotent,
        ...(transactionalId && { transactionalId }),
      })
      return {
        prepare: (values, placed) => values.map(value => ({ topic, value, ...placed })),
        send: messages => producer.send({ messages, acks, compression: codec, idempotent }),
        async sendTransaction(messages) {
          const transaction = await producer.beginTransaction()
          await transaction.send({ messages, acks, compression: codec })
          await transaction.commit()
        },
        disconnect: () => producer.close(),
      }
    },

    async startConsumer({ brokers, topic, groupId, awaits, heartbeatMs, onMessage, onError }) {
      const consumer = new Consumer({
        clientId: 'benchmark',
        groupId,
        bootstrapBrokers: brokers,
        maxBytesPerPartition: MAX_BYTES_PER_PARTITION,
        ...(heartbeatMs && { heartbeatInterval: heartbeatMs }),
      })
      const stream = await consumer.consume({
        topics: [topic],
        mode: 'committed',
        fallbackMode: 'earliest',
        autocommit: COMMIT_INTERVAL_MS,
      })
      const handle = ({ partition, offset, value }) => onMessage(partition, offset, value)
      if (awaits) handleInTurn(stream, handle).catch(onError)
      else stream.on('error', onError).on('data', handle)
      return {
        async stop() {
          await stream.close()
          await consumer.close()
        },
      }
    },

    async connectAdmin({ brokers }) {
      const admin = new Admin({ clientId: 'benchmark', bootstrapBrokers: brokers })
      // It wants the names of the topics whose metadata it fetches.
      const topics = await admin.listTopics()
      return {
        countTopics: async () => (await admin.metadata({ topics, forceUpdate: true })).topics.size,
        disconnect: () => admin.close(),
      }
    },
  }
}

async function handleInTurn(stream, handle) {
  for await (const message of stream) await handle(message)
}

module.exports = { load }
