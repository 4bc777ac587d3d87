'use strict'

const { rivalModule, rivalVersion } = require('../rivals')
const { handlerOf } = require('./kafkajs-api')

const { Kafka, logLevel } = require(rivalModule('confluent')).KafkaJS

/** Its default of 32 messages a batch would make eachBatch slow. */
const UNLIMITED_BATCH = { 'js.consumer.max.batch.size': -1 }
/** Its default waits 5 ms for company that does not come as long as each call is awaited. */
const NO_LINGER = { 'linger.ms': 0 }

const connectTo = brokers =>
  new Kafka({ kafkaJS: { clientId: 'benchmark', brokers, logLevel: logLevel.NOTHING } })

/** @type {import('./index').Client} */
module.exports = {
  name: 'confluent',
  version: rivalVersion('confluent'),

  cannot: () => null,

  async connectProducer({ brokers, topic, acks = -1, codec = 'none', ...options }) {
    const { idempotent = false, transactionalId, awaited } = options
    const producer = connectTo(brokers).producer({
      ...(awaited && NO_LINGER),
      kafkaJS: {
        acks,
        compression: codec,
        allowAutoTopicCreation: false,
        idempotent,
        ...(transactionalId && { transactionalId, idempotent: true }),
      },
    })
    await producer.connect()
    return {
      prepare: (values, placed) => values.map(value => ({ value, ...placed })),
      send: messages => producer.send({ topic, messages }),
      async sendTransaction(messages) {
        const transaction = await producer.transaction()
        await transaction.send({ topic, messages })
        await transaction.commit()
      },
      disconnect: () => producer.disconnect(),
    }
  },

  async startConsumer({ brokers, topic, groupId, handler, concurrency, heartbeatMs, onMessage }) {
    const consumer = connectTo(brokers).consumer({
      ...(handler === 'batch' && UNLIMITED_BATCH),
      kafkaJS: {
        groupId,
        fromBeginning: true,
        allowAutoTopicCreation: false,
        ...(heartbeatMs && { heartbeatInterval: heartbeatMs }),
      },
    })
    await consumer.connect()
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({
      ...(concurrency && { partitionsConsumedConcurrently: concurrency }),
      ...handlerOf(handler, onMessage),
    })
    return { stop: () => consumer.disconnect() }
  },

  async connectAdmin({ brokers }) {
    const admin = connectTo(brokers).admin()
    await admin.connect()
    // Without names it would list the topics first, each time.
    const topics = await admin.listTopics()
    return {
      countTopics: async () => (await admin.fetchTopicMetadata({ topics })).length,
      disconnect: () => admin.disconnect(),
    }
  },
}
