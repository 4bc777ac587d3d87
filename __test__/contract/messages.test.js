'use strict'

/** What a message may contain and how it comes back, also from one library to the other. Sections 3.4 and 4.5. */

const kafkajs = require('kafkajs')
const { contract } = require('../harness')
const { readAll } = require('./observe')

/** Recent, since a broker deletes what is older than the topic's retention; the same for both libraries. */
const NOW = Date.now()
const TIMESTAMP = String(NOW)

const MESSAGES = {
  'text value': { value: 'text', timestamp: TIMESTAMP },
  'Buffer value': { value: Buffer.from([0, 255, 128]), timestamp: TIMESTAMP },
  'empty value': { value: '', timestamp: TIMESTAMP },
  'null value': { key: 'k', value: null, timestamp: TIMESTAMP },
  'utf-8 value and key': { key: 'khoá', value: 'đơn hàng 📦', timestamp: TIMESTAMP },
  'long value': { value: 'x'.repeat(100000), timestamp: TIMESTAMP },
  'Buffer key': { key: Buffer.from([1, 2, 255]), value: 'v', timestamp: TIMESTAMP },
  'empty key': { key: '', value: 'v', timestamp: TIMESTAMP },
  'null key': { key: null, value: 'v', timestamp: TIMESTAMP },
  'undefined key': { key: undefined, value: 'v', timestamp: TIMESTAMP },
  'no headers': { value: 'v', headers: {}, timestamp: TIMESTAMP },
  'undefined headers': { value: 'v', headers: undefined, timestamp: TIMESTAMP },
  'text and Buffer headers': {
    value: 'v',
    headers: { text: 'đ', bytes: Buffer.from([0, 1, 255]), empty: '' },
    timestamp: TIMESTAMP,
  },
  'repeated headers': {
    value: 'v',
    headers: { many: ['a', Buffer.from('b'), 'c'], one: ['a'], none: [] },
    timestamp: TIMESTAMP,
  },
  'order of headers': {
    value: 'v',
    headers: { z: '1', a: '2', 7: '3', m: '4' },
    timestamp: TIMESTAMP,
  },
  'number timestamp': { value: 'v', timestamp: NOW + 1 },
  'Date timestamp': { value: 'v', timestamp: new Date(NOW + 2) },
  'zero timestamp': { value: 'v', timestamp: '0' },
  'foreign members': {
    value: 'v',
    timestamp: TIMESTAMP,
    offset: '77',
    magicByte: 1,
    attributes: 5,
    x: {},
  },
}

contract(
  '3.4 what a message may contain, read by the same library and by kafkajs',
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    const names = Object.keys(MESSAGES)
    for (const name of names) await producer.send({ topic, messages: [MESSAGES[name]] })

    const reference = new kafkajs.Kafka({
      clientId: 'reference',
      brokers: context.brokers,
      logLevel: kafkajs.logLevel.NOTHING,
    })
    for (const reader of [undefined, reference]) {
      const read = await readAll(context, names.length, reader)
      for (const [index, { message }] of read.entries()) {
        record(names[index], message)
        record(names[index], [message, message.headers, message.batchContext].map(Object.keys))
      }
    }
  }
)

contract('3.4 a message without a timestamp gets the time of the call', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer()
  await producer.connect()
  const before = Date.now()
  await producer.send({ topic, messages: [{ value: 'v' }, { value: 'v', timestamp: undefined }] })
  const after = Date.now()

  for (const { message } of await readAll(context, 2)) {
    record('text', typeof message.timestamp)
    record('in time', before <= Number(message.timestamp) && Number(message.timestamp) <= after)
  }
})

for (const codec of ['None', 'GZIP']) {
  contract(`3.4 messages of one call keep their order and offsets, ${codec}`, async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    const messages = Array.from({ length: 200 }, (_, index) => ({
      key: `k${index % 7}`,
      value: `value ${index}`,
      headers: { index: String(index) },
      timestamp: String(NOW - 1000 + index),
    }))
    const compression = context.kafkajs.CompressionTypes[codec]
    await producer.send({ topic, messages, compression })

    record('read', await readAll(context, messages.length))
  })
}

contract('a consumed message can be sent again as it is', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer()
  await producer.connect()
  const message = {
    key: 'k',
    value: 'v',
    headers: { h: ['a', 'b'], one: 'c' },
    timestamp: TIMESTAMP,
  }
  await producer.send({ topic, messages: [message] })
  const [{ message: read }] = await readAll(context, 1)
  await producer.send({ topic, messages: [read] })

  const [, { message: again }] = await readAll(context, 2)
  record('again', again)
})

contract('a consumed message is plain, mutable and extensible', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'v', timestamp: TIMESTAMP }] })
  const [{ message }] = await readAll(context, 1)

  Object.assign(message, { value: 'changed', added: true })
  message.headers.added = 'h'
  delete message.headers.added
  record('extensible', Object.isExtensible(message) && Object.isExtensible(message.headers))
  record('prototype', Object.getPrototypeOf(message) === Object.prototype)
  record('spread', { ...message })
})
