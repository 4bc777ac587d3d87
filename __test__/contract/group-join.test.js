'use strict'

/** What a listener of GROUP_JOIN finds and can do: at that moment the assignment counts, though nothing is fetched yet. */

const { contract, waitFor } = require('../harness')
const { SHORT_POLL } = require('./observe')

const sendTo = async ({ kafka, topic }, partitions) => {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: partitions.map(partition => ({ value: `${partition}`, partition })),
  })
}

contract('what is paused is told of the new assignment', { partitions: 2 }, async context => {
  const { kafka, topic, group, record } = context
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  const found = []
  consumer.on(consumer.events.GROUP_JOIN, () => {
    found.push(consumer.paused())
    consumer.resume([{ topic, partitions: [1] }])
    found.push(consumer.paused())
  })
  await consumer.connect()
  await consumer.subscribe({ topic })
  consumer.run({ eachMessage: async () => {} })
  consumer.pause([{ topic }])
  record('before', consumer.paused())
  await waitFor(() => found.length === 2)
  record('in GROUP_JOIN', found)
})

contract('it can pause and seek', { partitions: 2 }, async context => {
  const { kafka, topic, group, record } = context
  await sendTo(context, [0, 0, 0, 1, 1, 1])
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  consumer.on(consumer.events.GROUP_JOIN, () => {
    consumer.pause([{ topic, partitions: [0] }])
    consumer.seek({ topic, partition: 0, offset: '1' })
    consumer.seek({ topic, partition: 1, offset: '2' })
  })
  const seen = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => seen.push([partition, message.offset]),
  })
  await waitFor(() => seen.length === 1)
  consumer.resume([{ topic, partitions: [0] }])
  await waitFor(() => seen.length === 3)
  record('seen', seen)
})
