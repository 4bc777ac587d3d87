'use strict'
require('./use-kafkajs-rs')

// lesson: start
const { Kafka, CompressionTypes } = require('kafkajs');

const kafka = new Kafka({
  clientId: 'order-service',
  brokers: ['localhost:9092'],
  retry: {
    initialRetryTime: 100,
    retries: 8
  }
});

const producer = kafka.producer({
  // Batching: gom nhiều messages gửi 1 lần
  allowAutoTopicCreation: false,
  transactionTimeout: 30000,
});

async function init() {
  await producer.connect();

  // Gửi với các options
  await producer.send({
    topic: 'orders',
    compression: CompressionTypes.GZIP,
    acks: -1, // all replicas phải confirm (safest)
    timeout: 30000,
    messages: [
      {
        key: 'order-123', // Partition key
        value: JSON.stringify({
          orderId: 123,
          items: ['laptop', 'mouse'],
          total: 25000000
        }),
        headers: {
          'correlation-id': 'abc-123',
          'source': 'web-app'
        },
        timestamp: Date.now().toString()
      }
    ]
  });
}
// lesson: end

module.exports = { kafka, producer, init }

if (require.main === module) {
  const { ensureTopics } = require('./topics')

  ensureTopics(kafka)
    .then(init)
    .finally(() => producer.disconnect())
}
