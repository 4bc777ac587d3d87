'use strict'

/** What docs/configuration.md says a bad value gets is what it gets, word for word. */

const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')

const { CompressionTypes, Kafka, logLevel } = require('../..')
const { brokers, createTopic, uniqueGroup, uniqueTopic } = require('../harness')
const { readPage } = require('./page')

let page
let addresses
let producer
/** A short name, as in the texts of the page. */
const PAGE_TOPIC = 't'
let topic

before(async () => {
  page = await readPage('docs/configuration.md')
  addresses = await brokers()
  topic = await createTopic(uniqueTopic())
  producer = kafka().producer()
  await producer.connect()
})

after(() => producer?.disconnect())

const kafka = options => new Kafka({ brokers: addresses, logLevel: logLevel.NOTHING, ...options })
const connecting = options => async () => {
  const client = kafka({ retry: { retries: 0 }, ...options }).producer()
  try {
    await client.connect()
  } finally {
    await client.disconnect()
  }
}
const sending = record => () => producer.send({ topic, messages: [{ value: 'a' }], ...record })
const consumer = options => () => kafka().consumer({ groupId: uniqueGroup(), ...options })
const subscribing = subscription => async () => {
  const client = consumer()()
  try {
    await client.subscribe(subscription)
  } finally {
    await client.disconnect()
  }
}

const { GZIP } = CompressionTypes

/** By the text: name of the class, and the call that gets it. A text may end in `...` on the page. */
const CASES = {
  'Invalid linger, expected a number of milliseconds received soon': [
    'KafkaJSNonRetriableError',
    () => kafka().producer({ linger: 'soon' }),
  ],
  'Failed to connect: brokers should not be null': [
    'KafkaJSNonRetriableError',
    connecting({ brokers: null }),
  ],
  'Failed to connect: brokers array is empty': [
    'KafkaJSNonRetriableError',
    connecting({ brokers: [] }),
  ],
  'Failed to connect: broker at index 0 is invalid "number"': [
    'KafkaJSNonRetriableError',
    connecting({ brokers: [9092] }),
  ],
  'Failed to connect: Port should be >= 0 and < 65536. Received type number (NaN).': [
    'KafkaJSNumberOfRetriesExceeded',
    connecting({ brokers: ['localhost'] }),
  ],
  'Failed to connect: "config.brokers" threw: ...': [
    'KafkaJSConnectionError',
    connecting({
      brokers: () => {
        throw new Error('none today')
      },
    }),
  ],
  "'timeout' is not a number, received 'object'": [
    'TypeError',
    () => kafka({ requestTimeout: null }).producer(),
  ],
  'logCreator is not a function': ['TypeError', () => kafka({ logCreator: 'console' })],
  'Invalid retry.retries, expected a number received many': [
    'KafkaJSNonRetriableError',
    () => kafka({ retry: { retries: 'many' } }).admin(),
  ],
  'Idempotent producer must allow retries to protect against transient errors': [
    'KafkaJSNonRetriableError',
    () => kafka().producer({ idempotent: true, retry: { retries: 0 } }),
  ],
  'Failed to connect: ssl.cert is no certificate in PEM format: ...': [
    'KafkaJSNonRetriableError',
    connecting({ ssl: { cert: 'garbage' } }),
  ],
  'Failed to connect: no TLS version from ... is supported, ...': [
    'KafkaJSNonRetriableError',
    connecting({ ssl: { maxVersion: 'TLSv1.1', minVersion: 'TLSv1' } }),
  ],
  'Invalid sasl.mechanism, expected a string received undefined': [
    'KafkaJSNonRetriableError',
    connecting({ sasl: {} }),
  ],
  'createPartitioner is not a function': [
    'TypeError',
    () => kafka().producer({ createPartitioner: null }),
  ],
  'Invalid maxInFlightRequests, expected a number of requests above 0 received 0': [
    'KafkaJSNonRetriableError',
    () => kafka().producer({ maxInFlightRequests: 0 }),
  ],
  'Invalid topic': ['KafkaJSNonRetriableError', sending({ topic: '' })],
  'Invalid messages array [undefined] for topic "t"': [
    'KafkaJSNonRetriableError',
    sending({ messages: undefined }),
  ],
  'Invalid acks all, expected -1, 0 or 1': ['KafkaJSNonRetriableError', sending({ acks: 'all' })],
  'Invalid timeout x, expected a number of milliseconds': [
    'KafkaJSNonRetriableError',
    sending({ timeout: 'x' }),
  ],
  'Cannot compress the record batch: gzip has no compression level 12, expected 0 to 9': [
    'KafkaJSNonRetriableError',
    sending({ compression: GZIP, compressionLevel: 12 }),
  ],
  'Invalid message without value for topic "t": {...}': [
    'KafkaJSNonRetriableError',
    sending({ messages: [{ key: 'k' }] }),
  ],
  'Invalid partition 99 for topic "t", which has only partition 0': [
    'KafkaJSNonRetriableError',
    sending({ messages: [{ value: 'a', partition: 99 }] }),
  ],
  'Cannot convert abc to a BigInt': [
    'SyntaxError',
    sending({ messages: [{ value: 'a', timestamp: 'abc' }] }),
  ],
  'Consumer groupId must be a non-empty string.': [
    'KafkaJSNonRetriableError',
    consumer({ groupId: '' }),
  ],
  'Consumer heartbeatInterval (30000) must be lower than sessionTimeout (30000). ...': [
    'KafkaJSNonRetriableError',
    consumer({ heartbeatInterval: 30000 }),
  ],
  'Missing required argument "topics"': ['KafkaJSNonRetriableError', subscribing({})],
  'Argument "topics" must be an array': ['KafkaJSNonRetriableError', subscribing({ topics: 't' })],
  'Invalid topic 1 (number), the topic name has to be a String or a RegExp': [
    'KafkaJSNonRetriableError',
    subscribing({ topics: [1] }),
  ],
}

/** A text of the page as what an error has to look like. */
const pattern = text => {
  const parts = text.split('...').map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*').replace(`"${PAGE_TOPIC}"`, `"${topic}"`)}$`)
}

describe('a bad value gets', () => {
  for (const [text, [name, call]] of Object.entries(CASES)) {
    test(text, async () => {
      await assert.rejects(async () => call(), { name, message: pattern(text) })
      assert.ok(
        [...page.codeSpans].some(span => span === text || span === `${name}: ${text}`),
        'the page says so'
      )
    })
  }
})

test('codes of the broker', async () => {
  await assert.rejects(sending({ acks: 5 })(), { type: 'INVALID_REQUIRED_ACKS' })
  const late = kafka().producer({ transactionalId: uniqueGroup(), transactionTimeout: 2 ** 31 })
  await assert.rejects(late.transaction(), { type: 'INVALID_TRANSACTION_TIMEOUT' })
  await late.disconnect()
  for (const type of ['INVALID_REQUIRED_ACKS', 'INVALID_TRANSACTION_TIMEOUT']) {
    assert.ok(page.codeSpans.has(type), type)
  }
})
