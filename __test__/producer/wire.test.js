'use strict'

/**
 * What a message may contain and the bytes it becomes: section 3.4 of kafkajs' behaviour. The batches are those that
 * arrive at a broker, before it has touched them; `__test__/contract/messages.test.js` has the way back to a consumer.
 */

const zlib = require('node:zlib')
const { contract } = require('../harness')
const { readAll } = require('../contract/observe')
const { arrived, startScriptedBroker } = require('./scriptedBroker')

const NOW = 1700000000000
const TIMESTAMP = String(NOW)

/** Where a batch's compressed part begins, and positions in its header. */
const HEADER = 61
const CRC = 17
const ATTRIBUTES = 21

const CONTENTS = {
  text: [{ value: 'text' }],
  'key and value': [{ key: 'k', value: 'v' }],
  'Buffer key and value': [{ key: Buffer.from([0, 255]), value: Buffer.from([128, 0, 1]) }],
  tombstone: [{ key: 'k', value: null }],
  'empty key and value': [{ key: '', value: '' }],
  'null and undefined key': [
    { key: null, value: 'v' },
    { key: undefined, value: 'v' },
  ],
  unicode: [{ key: 'khoá 🔑', value: 'đơn hàng 📦 \u0000 \uffff', headers: { đầu: 'mục 🏷' } }],
  'half of a surrogate pair': [{ key: '\ud800', value: 'a\udc00b' }],
  'lengths around one loop of the packer': [23, 24, 25, 26, 63, 64, 65, 127, 128].flatMap(
    length => [
      { key: 'k'.repeat(length), value: 'v'.repeat(length) },
      { key: 'é'.repeat(length), value: '📦'.repeat(length) },
    ]
  ),
  headers: [{ value: 'v', headers: { text: 'a', bytes: Buffer.from([1, 0, 255]), empty: '' } }],
  'repeated headers': [
    { value: 'v', headers: { many: ['a', Buffer.from('b'), ''], one: ['c'], none: [] } },
  ],
  'order of headers': [{ value: 'v', headers: { z: '1', 10: '2', a: '3', 2: '4', m: '5' } }],
  'empty headers and none': [
    { value: 'v', headers: {} },
    { value: 'v', headers: undefined },
  ],
  'a header without a name': [{ value: 'v', headers: { '': 'x' } }],
  'headers of the prototype': [{ value: 'v', headers: Object.create({ inherited: 'no' }, {}) }],
  'foreign members': [{ value: 'v', offset: '7', magicByte: 1, attributes: 5, x: {} }],
  'many messages': Array.from({ length: 300 }, (_, i) => ({ key: `${i}`, value: `value ${i}` })),
  'large value': [{ value: 'x'.repeat(300_000) }, { value: Buffer.alloc(300_000, 1) }],
}

for (const [name, messages] of Object.entries(CONTENTS)) {
  contract(`3.4 bytes of a batch: ${name}`, { partitions: 0 }, async context => {
    const dated = messages.map(message => ({ ...message, timestamp: TIMESTAMP }))
    const [{ bytes }] = await arrived(context, dated)
    context.record('bytes', bytes.toString('hex'))
  })
}
contract(
  '3.4 attributes: codec, and the bit of a transaction',
  { partitions: 0 },
  async context => {
    const { kafkajs, record } = context
    const messages = [{ value: 'v'.repeat(1000), timestamp: TIMESTAMP }]
    for (const compression of [kafkajs.CompressionTypes.None, kafkajs.CompressionTypes.GZIP]) {
      const [{ bytes, producerId, epoch, sequence }] = await arrived(context, messages, {
        compression,
      })
      record('attributes', bytes.readInt16BE(ATTRIBUTES))
      record('identity', [producerId, epoch, sequence])
      if (compression !== 0)
        record('content', zlib.gunzipSync(bytes.subarray(HEADER)).toString('hex'))
    }

    const broker = await startScriptedBroker({ topics: { t: 1 } })
    context.onEnd(() => broker.close())
    const producer = context.kafka({ brokers: broker.brokers }).producer({ transactionalId: 'x' })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic: 't', messages })
    await transaction.commit()
    const [{ bytes, transactionalId }] = broker.attempts
    bytes.fill(0, CRC, ATTRIBUTES)
    record('transactional', [transactionalId, bytes.readInt16BE(ATTRIBUTES), bytes.toString('hex')])
  }
)

contract(
  '3.4 one batch per partition and call, whatever its size',
  { partitions: 0 },
  async context => {
    const broker = await startScriptedBroker({ topics: { t: 3, u: 1 } })
    context.onEnd(() => broker.close())
    const producer = context.kafka({ brokers: broker.brokers }).producer()
    await producer.connect()
    const messages = Array.from({ length: 3000 }, (_, i) => ({
      value: 'x'.repeat(1000),
      partition: i % 3,
    }))
    await producer.sendBatch({
      topicMessages: [
        { topic: 't', messages },
        { topic: 'u', messages: [{ value: 'v' }] },
      ],
    })
    const came = broker.attempts.map(({ topic, partition, records }) => [topic, partition, records])
    context.record('batches', came.sort())
  }
)

contract(
  '3.4 Uint8Array',
  {
    differences: {
      stored: {
        reason:
          'kafkajs writes the text of the array under the length of its bytes, a broken record',
        ours: [['0x00ff80', '0x0102']],
      },
    },
  },
  async context => {
    const { kafka, topic, record, library } = context
    const producer = kafka().producer()
    await producer.connect()
    const value = Uint8Array.of(0, 255, 128)
    const key = new Uint8Array(Uint8Array.of(9, 1, 2, 9).buffer, 1, 2)
    const outcome = await producer
      .send({ topic, messages: [{ key, value }] })
      .catch(error => error.message)
    if (library === 'kafkajs') return record('stored', outcome)
    const [{ message }] = await readAll(context, 1)
    const hex = bytes => `0x${bytes.toString('hex')}`
    return record('stored', [hex(message.value), hex(message.key)])
  }
)
