'use strict'

/** Timestamps of messages: section 3.4 of kafkajs' behaviour. */

const { contract } = require('../harness')
const { readTopic } = require('./readTopic')
const { arrived } = require('./scriptedBroker')

const NOW = 1700000000000
const TIMESTAMP = String(NOW)

/** Positions in the header of a record batch. */
const FIRST_TIMESTAMP = 27
const MAX_TIMESTAMP = 35

const TIMESTAMPS = {
  text: [TIMESTAMP],
  number: [NOW],
  Date: [new Date(NOW)],
  bigint: [BigInt(NOW)],
  'zero as text': ['0'],
  negative: ['-1'],
  'beyond exact numbers': ['9007199254740993'],
  'the largest': ['9223372036854775807'],
  rising: ['1000', '1001', '2000'],
  hexadecimal: ['0x10'],
  'with spaces': [' 1000 '],
}

for (const [name, timestamps] of Object.entries(TIMESTAMPS)) {
  contract(`3.4 timestamp: ${name}`, { partitions: 0 }, async context => {
    const messages = timestamps.map(timestamp => ({ value: 'v', timestamp }))
    const [{ bytes }] = await arrived(context, messages)
    context.record('bytes', bytes.toString('hex'))
  })
}

for (const bad of ['abc', '1.5', 1.5, Number.POSITIVE_INFINITY, {}, [1, 2], '12 34']) {
  contract(
    `3.4 timestamp: ${String(bad) || typeof bad} is refused`,
    { partitions: 0 },
    async context => {
      const error = await arrived(context, [{ value: 'v', timestamp: bad }]).catch(e => e)
      context.record('error', [error.constructor.name, error.message])
    }
  )
}

for (const none of [undefined, null, 0, false]) {
  contract(`3.4 timestamp: ${none} is the time of the call`, async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    const before = Date.now()
    await producer.send({ topic, messages: [{ value: 'v', timestamp: none }] })
    const after = Date.now()
    const [{ timestamp }] = await readTopic(context.brokers, topic)
    record('in time', before <= Number(timestamp) && Number(timestamp) <= after)
  })
}

contract(
  '3.4 timestamp: empty text',
  {
    partitions: 0,
    differences: {
      outcome: {
        reason: 'as any other timestamp that is not there; kafkajs stumbles over it',
        kafkajs: ['empty string'],
        ours: ['sent'],
      },
    },
  },
  async context => {
    const sent = arrived(context, [{ value: 'v', timestamp: '' }])
    context.record(
      'outcome',
      await sent.then(
        () => 'sent',
        error => error.message
      )
    )
  }
)

contract(
  '3.4 timestamps of a batch: the first and the largest',
  {
    partitions: 0,
    differences: {
      'different lengths': {
        reason: 'kafkajs sorts timestamps as text, so that the last one is not the largest',
        kafkajs: [['1000', '999']],
        ours: [['999', '1000']],
      },
      falling: {
        reason: "the first is the first message's, as with the Java client, and not the smallest",
        kafkajs: [['1000', '2000']],
        ours: [['2000', '2000']],
      },
    },
  },
  async context => {
    for (const [label, timestamps] of [
      ['rising', ['1000', '2000']],
      ['falling', ['2000', '1000']],
      ['different lengths', ['999', '1000']],
    ]) {
      const messages = timestamps.map(timestamp => ({ value: 'v', timestamp }))
      const [{ bytes }] = await arrived(context, messages)
      const range = [FIRST_TIMESTAMP, MAX_TIMESTAMP].map(at => String(bytes.readBigInt64BE(at)))
      context.record(label, range)
    }
  }
)

contract('3.4 timestamps in any order: each message has its own', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer()
  await producer.connect()
  const timestamps = Array.from({ length: 6 }, (_, i) => String(Date.now() - ((i * 7919) % 1000)))
  await producer.send({ topic, messages: timestamps.map(timestamp => ({ value: 'v', timestamp })) })
  const read = await readTopic(context.brokers, topic)
  record(
    'are those sent',
    read.every(({ timestamp }, i) => timestamp === timestamps[i])
  )
})
