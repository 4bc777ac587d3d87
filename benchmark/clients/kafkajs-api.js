'use strict'

/**
 * A client with the API of kafkajs.
 *
 * @param {object} library
 * @param {string} library.name
 * @param {string} library.version
 * @param {typeof import('kafkajs')} library.exports
 * @param {string[]} library.codecs - names of the codecs that it has
 * @returns {import('./index').Client}
 */
function kafkajsApi({ name, version, exports: { Kafka, CompressionTypes, logLevel }, codecs }) {
  const types = {
    none: CompressionTypes.None,
    gzip: CompressionTypes.GZIP,
    snappy: CompressionTypes.Snappy,
    lz4: CompressionTypes.LZ4,
    zstd: CompressionTypes.ZSTD,
  }
  const connectTo = brokers =>
    new Kafka({ clientId: 'benchmark', brokers, logLevel: logLevel.NOTHING })

  return {
    name,
    version,

    cannot({ codec = 'none' }) {
      return codec === 'none' || codecs.includes(codec) ? null : `has no ${codec}`
    },

    async connectProducer({ brokers, topic, acks = -1, codec = 'none', ...options }) {
      const { idempotent = false, transactionalId } = options
      const producer = connectTo(brokers).producer({
        idempotent,
        allowAutoTopicCreation: false,
        ...(transactionalId && { transactionalId, idempotent: true, maxInFlightRequests: 1 }),
      })
      await producer.connect()
      const compression = types[codec]
      return {
        prepare: (values, placed) => values.map(value => ({ value, ...placed })),
        send: messages => producer.send({ topic, messages, acks, compression }),
        async sendTransaction(messages) {
          const transaction = await producer.transaction()
          await transaction.send({ topic, messages, acks, compression })
          await transaction.commit()
        },
        disconnect: () => producer.disconnect(),
      }
    },

    async startConsumer({ brokers, topic, groupId, handler, concurrency, ...options }) {
      const { heartbeatMs, onMessage, onError } = options
      const consumer = connectTo(brokers).consumer({
        groupId,
        allowAutoTopicCreation: false,
        ...(heartbeatMs && { heartbeatInterval: heartbeatMs }),
      })
      consumer.on(consumer.events.CRASH, ({ payload }) => onError(payload.error))
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        ...(concurrency && { partitionsConsumedConcurrently: concurrency }),
        ...handlerOf(handler, onMessage),
      })
      return { stop: () => consumer.disconnect() }
    },

    async connectAdmin({ brokers }) {
      const admin = connectTo(brokers).admin()
      await admin.connect()
      return {
        countTopics: async () => (await admin.fetchTopicMetadata()).topics.length,
        disconnect: () => admin.disconnect(),
      }
    },
  }
}

function handlerOf(handler, onMessage) {
  if (handler !== 'batch') {
    return {
      eachMessage: async ({ partition, message }) =>
        onMessage(partition, message.offset, message.value),
    }
  }
  return {
    eachBatch: async ({ batch }) => {
      for (const message of batch.messages) {
        onMessage(batch.partition, message.offset, message.value)
      }
    },
  }
}

module.exports = { handlerOf, kafkajsApi }
