'use strict'

/** Calls of one turn of the event loop cross to the core together; nobody may notice by anything but the speed. */

const assert = require('node:assert/strict')
const path = require('node:path')
const test = require('node:test')
const { brokers, createTopic, uniqueTopic } = require('../harness')
const { errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')

const text = ({ value }) => value.toString()

/** Larger than what gathers before it is handed over. */
const LARGE = 'x'.repeat(200_000)

test('producers that take turns within one turn of the event loop keep their messages and their order', async t => {
  const topics = [uniqueTopic(), uniqueTopic()]
  await Promise.all(topics.map(topic => createTopic(topic)))
  const producers = [await connectProducer(t, brokers), await connectProducer(t, brokers)]

  const sends = []
  const sent = [[], []]
  for (let i = 0; i < 300; i++) {
    const at = i % 2
    const value = i % 100 < 2 ? `${i} ${LARGE}` : `${i}`
    sent[at].push(value)
    sends.push(producers[at].send({ topic: topics[at], messages: [{ value }] }))
  }
  const results = await Promise.all(sends)

  for (const at of [0, 1]) {
    const offsets = results.filter((_, i) => i % 2 === at).map(([{ baseOffset }]) => baseOffset)
    assert.deepEqual(
      offsets,
      sent[at].map((_, i) => `${i}`)
    )
    assert.deepEqual((await readTopic(brokers, topics[at])).map(text), sent[at])
  }
})

test('a call that cannot be packed fails alone, in the midst of others', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, brokers)
  const send = (...values) =>
    producer.send({ topic, messages: values.map(value => ({ value })) }).then(
      () => 'sent',
      ({ name }) => name
    )
  const outcomes = await Promise.all([
    send('a'),
    // Its first message is packed when the second one turns out to be impossible.
    send('never', 5),
    send('b', 'c'),
    errorOf(() => producer.send({ topic, messages: [{ value: 'never', partition: 'odd' }] })),
    errorOf(() => producer.send({ topic, acks: 1e9, messages: [{ value: 'never' }] })),
    send('d'),
  ])
  assert.deepEqual(outcomes.slice(0, 3), ['sent', 'TypeError', 'sent'])
  assert.match(outcomes[3].message, /Invalid partition odd/)
  assert.match(outcomes[4].message, /Invalid acks/)
  assert.equal(outcomes[5], 'sent')
  assert.deepEqual((await readTopic(brokers, topic)).map(text), ['a', 'b', 'c', 'd'])
})

test('a call that the core refuses fails alone, with the frames of its caller', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, brokers)
  const send = (value, partition) => producer.send({ topic, messages: [{ value, partition }] })
  const caller = async () => {
    await send('never', 99)
  }
  const [first, refused, last] = await Promise.all([send('a'), errorOf(caller), send('b')])
  assert.match(refused.message, /Invalid partition 99/)
  assert.equal(refused.name, 'KafkaJSNonRetriableError')
  assert.match(refused.stack, /at async caller/)
  assert.ok(refused.stack.includes(path.basename(__filename)))
  assert.deepEqual([first[0].baseOffset, last[0].baseOffset], ['0', '1'])
})

test('a custom partitioner may send something itself', async t => {
  const topic = await createTopic(uniqueTopic())
  const other = await createTopic(uniqueTopic())
  const inner = await connectProducer(t, brokers)
  const alsoSent = []
  const createPartitioner = () => args => {
    const value = `for ${args.message.value}`
    alsoSent.push(inner.send({ topic: other, messages: [{ value }] }))
    return 0
  }
  const producer = await connectProducer(t, brokers, { createPartitioner })
  const send = value => producer.send({ topic, messages: [{ value }] })
  await send('a')
  await Promise.all([send('b'), send('c')])
  await Promise.all(alsoSent)
  assert.deepEqual((await readTopic(brokers, topic)).map(text), ['a', 'b', 'c'])
  assert.deepEqual((await readTopic(brokers, other)).map(text), ['for a', 'for b', 'for c'])
})

test('a call with acks 0 among others is over at once and stored in its turn', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, brokers)
  const send = (value, acks) => producer.send({ topic, acks, messages: [{ value }] })
  await send('a')
  const order = []
  const note = name => () => order.push(name)
  const sends = [send('b').then(note('b')), send('c', 0).then(note('c')), send('d').then(note('d'))]
  await Promise.all(sends)
  assert.equal(order[0], 'c')
  assert.deepEqual((await readTopic(brokers, topic)).map(text), ['a', 'b', 'c', 'd'])
})
