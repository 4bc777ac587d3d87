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

    async connectProducer({ brokers, topic, acks = -1, codec = 'none', idempotent = false }) {
      const producer = connectTo(brokers).producer({ idempotent, allowAutoTopicCreation: false })
      await producer.connect()
      const compression = types[codec]
      return {
        prepare: (values, headers) => values.map(value => ({ value, headers })),
        send: messages => producer.send({ topic, messages, acks, compression }),
        disconnect: () => producer.disconnect(),
      }
    },

    async startConsumer({ brokers, topic, groupId, handler = 'message', onMessage, onError }) {
      const consumer = connectTo(brokers).consumer({ groupId, allowAutoTopicCreation: false })
      consumer.on(consumer.events.CRASH, ({ payload }) => onError(payload.error))
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run(
        handler === 'batch'
          ? {
              eachBatch: async ({ batch }) => {
                for (const message of batch.messages) {
                  onMessage(batch.partition, message.offset, message.value)
                }
              },
            }
          : {
              eachMessage: async ({ partition, message }) => {
                onMessage(partition, message.offset, message.value)
              },
            }
      )
      return { stop: () => consumer.disconnect() }
    },
  }
}

module.exports = { kafkajsApi }
