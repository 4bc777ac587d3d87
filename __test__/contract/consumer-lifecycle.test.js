'use strict'

/** Connecting, running, stopping and ending of a consumer, and the events that tell. Sections 4.2, 4.12, 9. */

const { contract, shapeOf, waitFor, within } = require('../harness')
const { SHORT_POLL, committedOffsets } = require('./observe')

/** What ends when no handler runs and no long poll is longer than SHORT_POLL. */
const END_MS = 3000

async function send({ kafka, topic }, ...values) {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: values.map(value => ({ value })) })
  await producer.disconnect()
}

function makeConsumer({ kafka, group }, options) {
  return kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })
}

contract('subscribe, run, stop, run again, disconnect', async context => {
  const { topic, record } = context
  const consumer = makeConsumer(context)
  const seen = []
  const eachMessage = async ({ message }) => seen.push(String(message.value))
  const { CONNECT, GROUP_JOIN, STOP, DISCONNECT } = consumer.events
  context.recordEvents(consumer, [CONNECT, GROUP_JOIN, STOP, DISCONNECT], ({ type, payload }) => [
    type,
    payload && Object.keys(payload),
  ])

  await send(context, 'a')
  record('connect', await consumer.connect())
  record('subscribe', await consumer.subscribe({ topics: [topic], fromBeginning: true }))
  record('run', await consumer.run({ eachMessage }))
  await waitFor(() => seen.includes('a'))
  record('stop', await within(END_MS, consumer.stop(), 'stop'))

  await send(context, 'b')
  record('run again', await consumer.run({ eachMessage }))
  await waitFor(() => seen.includes('b'))
  record('disconnect', await within(END_MS, consumer.disconnect(), 'disconnect'))
  record('seen', seen)
})

contract('stop and disconnect when there is nothing to stop', async context => {
  const { record } = context
  const consumer = makeConsumer(context)
  const { STOP, DISCONNECT, CONNECT } = consumer.events
  context.recordEvents(consumer, [STOP, DISCONNECT, CONNECT])

  record('stop before run', await consumer.stop())
  record('disconnect unconnected', await consumer.disconnect())
  record('connect', await consumer.connect())
  record('disconnect', await consumer.disconnect())
  record('disconnect again', await consumer.disconnect())
})

contract('after disconnect a consumer can be connected and run again', async context => {
  const { topic, record } = context
  const seen = []
  const consumer = makeConsumer(context)
  await send(context, 'a')
  for (const wanted of ['a', 'b']) {
    if (wanted === 'b') await send(context, 'b')
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => seen.push(String(message.value)) })
    await waitFor(() => seen.includes(wanted))
    await consumer.disconnect()
  }
  record('seen', seen)
})

contract('stop and disconnect wait for the handler', async context => {
  const { topic, record } = context
  await send(context, 'a', 'b', 'c')
  const consumer = makeConsumer(context)
  const order = []
  let release
  const held = new Promise(resolve => {
    release = resolve
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      order.push(`${message.value} began`)
      await held
      order.push(`${message.value} ended`)
    },
  })
  await waitFor(() => order.length > 0)

  const ended = consumer.disconnect().then(() => order.push('disconnected'))
  await new Promise(resolve => setImmediate(resolve))
  release()
  await within(END_MS, ended, 'disconnect')
  record('order', order)
  record('committed', await committedOffsets(context))
})

contract('two calls of stop end together', async context => {
  const { topic, record } = context
  const consumer = makeConsumer(context)
  context.recordEvents(consumer, [consumer.events.STOP])
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async () => {} })

  record('stop', await within(END_MS, Promise.all([consumer.stop(), consumer.stop()]), 'stop'))
})

contract('the events of a batch, in order, with their payloads', async context => {
  const { topic, record } = context
  await send(context, 'a', 'b')
  const consumer = makeConsumer(context)
  const { START_BATCH_PROCESS, END_BATCH_PROCESS, COMMIT_OFFSETS, GROUP_JOIN } = consumer.events
  let committed = false
  for (const name of [GROUP_JOIN, START_BATCH_PROCESS, END_BATCH_PROCESS]) {
    consumer.on(name, ({ id, type, timestamp, payload }) => {
      record('order', type)
      record('event', shapeOf({ id, type, timestamp }))
      record('keys', Object.keys(payload))
      const { duration, memberId, leaderId, ...rest } = payload
      record('payload', { ...rest, duration: typeof duration })
    })
  }
  consumer.on(COMMIT_OFFSETS, () => {
    committed = true
  })

  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => committed)
  await consumer.disconnect()
})

contract('a listener can be removed, and one that throws later does no harm', async context => {
  const { topic, record } = context
  await send(context, 'a')
  const consumer = makeConsumer(context)
  const seen = []
  const remove = consumer.on(consumer.events.GROUP_JOIN, () => seen.push('removed'))
  consumer.on(consumer.events.GROUP_JOIN, () => seen.push('kept'))
  consumer.on(consumer.events.GROUP_JOIN, async () => {
    throw new Error('a listener that rejects')
  })
  remove()

  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async () => seen.push('message') })
  await waitFor(() => seen.includes('message'))
  record('seen', seen)
})

contract('describeGroup', async context => {
  const { topic, record } = context
  const consumer = makeConsumer(context)
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ eachMessage: async () => {} })

  const { members, ...group } = await consumer.describeGroup()
  record('group', group)
  record('keys', members.map(Object.keys))
  record('members', members.map(shapeOf))
  record(
    'bytes',
    members.map(({ memberMetadata, memberAssignment }) => [memberMetadata, memberAssignment])
  )
})
