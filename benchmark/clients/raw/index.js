'use strict'

/**
 * What the broker itself can take and give: encoded requests on one socket, answers counted and not decoded. It is no
 * client and no rival, but the bound that the broker and the machine set. Made of kafkajs' encoders.
 */

const { connectRaw } = require('./connection')
const { startRawConsumer } = require('./first-message')
const { checkProduced, encodeProduce } = require('./produce')

/** @type {import('..').Client} */
module.exports = {
  name: 'raw',
  version: 'sockets',

  cannot: ({ raw }) => (raw ? null : 'is not measured here'),

  async connectProducer({ brokers, topic, partitions = 1, acks = -1, codec }) {
    const connection = await connectRaw(brokers[0])
    const all = Array.from({ length: partitions }, (_, partition) => partition)
    let calls = 0
    return {
      async prepare(values) {
        // Calls that are smaller than the number of partitions take turns, as with the clients.
        const first = calls++ % partitions
        const turned = [...all.slice(first), ...all.slice(0, first)]
        const messages = values.map(value => ({ value }))
        return encodeProduce({ topic, messages, partitions: turned, acks, codec })
      },
      async send(request) {
        if (acks === 0) return connection.tell(request)
        checkProduced(await connection.ask(request))
      },
      disconnect: () => connection.close(),
    }
  },

  startConsumer: startRawConsumer,
}
