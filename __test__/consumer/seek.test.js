'use strict'

/** consumer.seek and consumer.pause / resume: sections 4.9 and 4.10. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { contract, waitFor } = require('../harness')
const { committedOffsets, errorOf } = require('../contract/observe')
const { consume, fill } = require('./scene')

const BAD_SEEKS = [
  {},
  { topic: 't', partition: 'x' },
  { topic: 't', partition: 0 },
  { topic: 't', partition: 0, offset: 'a' },
  { topic: 't', partition: 0, offset: 1.5 },
  { topic: 't', partition: 0, offset: '' },
  { topic: 't', partition: 0, offset: '-3' },
  { topic: 't', partition: 0, offset: '1' },
]

const BAD_PAUSES = [
  [undefined],
  [{}],
  ['t'],
  [{ topic: 't', partitions: 0 }],
  [{ topic: 't', partitions: ['a'] }],
  [{ topic: 't' }],
]

contract('seek, pause, resume: bad arguments, and before run', { partitions: 0 }, async context => {
  const { kafka, group, record } = context
  const consumer = kafka().consumer({ groupId: group })
  for (const target of BAD_SEEKS) record('seek', await errorOf(() => consumer.seek(target)))
  for (const list of BAD_PAUSES) {
    record('pause', await errorOf(() => consumer.pause(list)))
    record('resume', await errorOf(() => consumer.resume(list)))
  }
  record('paused', consumer.paused())
})

contract('seek right after an un-awaited run', async context => {
  const { topic, record } = context
  await fill(context, 10)
  const { consumer, messages, running } = await consume(context, { isAwaited: false })
  consumer.seek({ topic, partition: 0, offset: '7' })
  await running
  await waitFor(() => messages.length >= 3)
  record(
    'offsets',
    messages.map(({ message }) => message.offset)
  )
})

contract('seek within a handler: the rest of the batch is not delivered', async context => {
  const { topic, record } = context
  await fill(context, 10)
  let sought = false
  const { messages } = await consume(context, {
    onMessage: (consumer, { message }) => {
      if (message.offset !== '4' || sought) return
      sought = true
      consumer.seek({ topic, partition: 0, offset: '2' })
    },
  })
  await waitFor(() => messages.at(-1)?.message.offset === '9')
  record(
    'offsets',
    messages.map(({ message }) => message.offset)
  )
})

contract('seek: the last one wins, other partitions go on', { partitions: 2 }, async context => {
  const { topic, record } = context
  await fill(context, 4, 0)
  await fill(context, 4, 1)
  const { consumer, messages } = await consume(context)
  await waitFor(() => messages.length === 8)
  consumer.seek({ topic, partition: 1, offset: '0' })
  consumer.seek({ topic, partition: 1, offset: '3' })
  await waitFor(() => messages.length === 9)
  record('again', [messages[8].partition, messages[8].message.offset])
})

contract('seek with autoCommit stores the offset', async context => {
  const { topic, record, onEnd } = context
  await fill(context, 10)
  let hold = null
  let release
  const { consumer, messages } = await consume(context, { onMessage: () => hold })
  await waitFor(() => messages.length === 10)
  await waitFor(async () => (await committedOffsets(context))[0] === 10)
  hold = new Promise(resolve => {
    release = resolve
  })
  onEnd(() => release())
  consumer.seek({ topic, partition: 0, offset: '3' })
  await waitFor(async () => (await committedOffsets(context))[0] === 3)
  await waitFor(() => messages.length === 11)
  record('offset', messages[10].message.offset)
})

contract(
  'seek without autoCommit is local, and -1 and -2 are the end and the beginning',
  {
    differences: {
      'after -1': {
        reason: 'kafkajs takes both for offset 0 without autoCommit',
        kafkajs: [['0', '1', '2', '3', '4', '5']],
        ours: [['5']],
      },
    },
  },
  async context => {
    const { topic, record } = context
    await fill(context, 5)
    const { consumer, messages } = await consume(context, { autoCommit: false })
    const offsetsFrom = at => messages.slice(at).map(({ message }) => message.offset)
    await waitFor(() => messages.length === 5)
    consumer.seek({ topic, partition: 0, offset: '3' })
    await waitFor(() => messages.length === 7)
    record('after 3', offsetsFrom(5))
    consumer.seek({ topic, partition: 0, offset: '-2' })
    await waitFor(() => messages.length === 12)
    record('after -2', offsetsFrom(7))
    consumer.seek({ topic, partition: 0, offset: '-1' })
    await fill(context, 1)
    await waitFor(() => messages.at(-1).message.offset === '5')
    record('after -1', offsetsFrom(12))
    record('committed', await committedOffsets(context))
  }
)

contract(
  'seek waits for a partition that is not assigned, and ignores one that is no number',
  async context => {
    const { topic, record } = context
    await fill(context, 3)
    const { consumer, messages } = await consume(context)
    await waitFor(() => messages.length === 3)
    consumer.seek({ topic, partition: '0', offset: '0' })
    consumer.seek({ topic, partition: 7, offset: '0' })
    consumer.seek({ topic: 'another', partition: 0, offset: '0' })
    await fill(context, 1)
    await waitFor(() => messages.length === 4)
    record('offset', messages[3].message.offset)
  }
)

contract('pause and resume: partitions, topics, exceptions', { partitions: 3 }, async context => {
  const { topic, record } = context
  const { consumer } = await consume(context)
  const note = () => record('paused', consumer.paused())
  consumer.pause([{ topic, partitions: [0, 2] }])
  note()
  consumer.resume([{ topic, partitions: [2] }])
  note()
  consumer.pause([{ topic }])
  note()
  consumer.resume([{ topic, partitions: [1] }])
  note()
  consumer.pause([{ topic, partitions: [2] }])
  note()
  consumer.resume([{ topic }])
  note()
  consumer.pause([{ topic: 'another' }])
  note()
})

contract(
  'paused partitions of a topic with many are sorted by name',
  { partitions: 12 },
  async context => {
    const { topic, record } = context
    const { consumer } = await consume(context)
    consumer.pause([{ topic }])
    record('paused', consumer.paused())
  }
)

contract(
  'a paused partition gives nothing until it is resumed, others go on',
  { partitions: 2 },
  async context => {
    const { topic, record } = context
    const { consumer, messages } = await consume(context)
    consumer.pause([{ topic, partitions: [0] }])
    await fill(context, 3, 0)
    await fill(context, 3, 1)
    await waitFor(() => messages.length === 3)
    record(
      'meanwhile',
      messages.map(({ partition }) => partition)
    )
    consumer.resume([{ topic, partitions: [0] }])
    await waitFor(() => messages.length === 6)
    record(
      'then',
      messages.slice(3).map(({ partition, message }) => [partition, message.offset])
    )
  }
)

contract('pause() of the payload: the rest of the batch comes after resuming', async context => {
  const { record } = context
  await fill(context, 5)
  let resume
  const { messages } = await consume(context, {
    onMessage: (_consumer, { message, pause }) => {
      if (message.offset === '1' && !resume) resume = pause()
    },
  })
  await waitFor(() => resume)
  record(
    'before',
    messages.map(({ message }) => message.offset)
  )
  resume()
  await waitFor(() => messages.length === 5)
  record(
    'offsets',
    messages.map(({ message }) => message.offset)
  )
})

test('resume and seek take effect at once, whatever the long poll', async t => {
  const { ours } = require('./scene')
  const context = await ours(t, { partitions: 2 })
  const { topic } = context
  await fill(context, 3, 0)
  const { consumer, messages } = await consume(context, { maxWaitTimeInMs: 30_000 })
  await waitFor(() => messages.length === 3)
  consumer.pause([{ topic, partitions: [0] }])
  await fill(context, 1, 0)
  // Another partition keeps the connection in a long poll.
  await fill(context, 1, 1)
  await waitFor(() => messages.length === 4)
  const resumedAt = Date.now()
  consumer.resume([{ topic, partitions: [0] }])
  await waitFor(() => messages.length === 5, { deadline: 15_000 })
  consumer.seek({ topic, partition: 0, offset: '0' })
  await waitFor(() => messages.length === 9, { deadline: 15_000 })
  assert.ok(Date.now() - resumedAt < 15_000, `took ${Date.now() - resumedAt} ms`)
})
