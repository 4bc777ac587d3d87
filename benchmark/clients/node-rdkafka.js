'use strict'

const { once } = require('node:events')
const { promisify } = require('node:util')
const { rivalModule, rivalVersion } = require('../rivals')

const { HighLevelProducer, KafkaConsumer } = require(rivalModule('node-rdkafka'))

const TRANSACTION_TIMEOUT_MS = 30000
const METADATA_TIMEOUT_MS = 30000
/** For how long it waits for as many messages as it was asked for; its default is 1 s. */
const CONSUME_TIMEOUT_MS = 10

const common = brokers => ({ 'client.id': 'benchmark', 'metadata.broker.list': brokers.join(',') })

/** @type {import('./index').Client} */
module.exports = {
  name: 'node-rdkafka',
  version: rivalVersion('node-rdkafka'),

  cannot({ concurrency, handler }) {
    if (handler === 'batch') return 'has no handler for batches'
    if (concurrency > 1) return 'has no handlers that run at the same time'
    return null
  },

  async connectProducer({ brokers, topic, acks = -1, codec = 'none', ...options }) {
    const { idempotent = false, transactionalId, awaited } = options
    const producer = new HighLevelProducer(
      {
        ...common(brokers),
        'compression.codec': codec,
        'enable.idempotence': idempotent || transactionalId !== undefined,
        // Its default waits 5 ms for company that does not come as long as each call is awaited.
        ...(awaited && { 'linger.ms': 0 }),
        ...(transactionalId && { 'transactional.id': transactionalId }),
      },
      { acks }
    )
    await connect(producer)
    const within = method => promisify(producer[method]).bind(producer, TRANSACTION_TIMEOUT_MS)
    const begin = promisify(producer.beginTransaction).bind(producer)
    const commit = within('commitTransaction')
    if (transactionalId) await within('initTransactions')()

    const sendOne = ({ partition, value, headers }) =>
      new Promise((resolve, reject) => {
        const done = (error, offset) => (error ? reject(error) : resolve(offset))
        producer.produce(topic, partition, value, null, null, headers, done)
      })
    const send = messages => Promise.all(messages.map(sendOne))
    return {
      prepare: (values, { partition = null, headers = {} } = {}) =>
        values.map(value => ({
          partition,
          value: Buffer.from(value),
          headers: Object.entries(headers).map(([key, header]) => ({ [key]: header })),
        })),
      send,
      async sendTransaction(messages) {
        await begin()
        await send(messages)
        await commit()
      },
      disconnect: () => disconnect(producer),
    }
  },

  async startConsumer({ brokers, topic, groupId, take, heartbeatMs, onMessage, onError }) {
    const consumer = new KafkaConsumer(
      {
        ...common(brokers),
        'group.id': groupId,
        ...(heartbeatMs && { 'heartbeat.interval.ms': heartbeatMs }),
      },
      { 'auto.offset.reset': 'earliest' }
    )
    consumer.on('event.error', onError)
    await connect(consumer)
    consumer.subscribe([topic])
    const handle = ({ partition, offset, value }) => onMessage(partition, offset, value)
    if (take === undefined) {
      consumer.on('data', handle)
      consumer.consume()
      return { stop: () => disconnect(consumer) }
    }

    consumer.setDefaultConsumeTimeout(CONSUME_TIMEOUT_MS)
    const consume = promisify(consumer.consume).bind(consumer, take)
    let running = true
    const loop = (async () => {
      while (running) {
        for (const message of await consume()) {
          if (!running) break
          const handled = handle(message)
          if (handled) await handled
        }
      }
    })()
    loop.catch(onError)
    return {
      async stop() {
        running = false
        await loop
        await disconnect(consumer)
      },
    }
  },

  async connectAdmin({ brokers }) {
    const producer = new HighLevelProducer(common(brokers))
    await connect(producer)
    const getMetadata = promisify(producer.getMetadata).bind(producer)
    return {
      countTopics: async () => (await getMetadata({ timeout: METADATA_TIMEOUT_MS })).topics.length,
      disconnect: () => disconnect(producer),
    }
  },
}

function connect(client) {
  return promisify(client.connect).call(client, {})
}

async function disconnect(client) {
  const disconnected = once(client, 'disconnected')
  client.disconnect()
  await disconnected
}
