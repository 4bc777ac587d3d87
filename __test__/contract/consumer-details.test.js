'use strict'

/** What the other files about consumers leave out: assigners, subscriptions, log lines, pauses, timestamps. Sections 4.1 to 4.12. */

const { contract, createTopic, uniqueTopic, waitFor, within } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }

const makeConsumer = ({ kafka, group }, options = {}) =>
  kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })

const send = async ({ kafka, topic }, values, more = {}) => {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: values.map(value => ({ value })), ...more })
  await producer.disconnect()
}

/** The lines whose message begins with one of `texts`. */
const linesOf = ({ logs }, ...texts) =>
  logs
    .filter(({ log }) => texts.some(text => log.message.startsWith(text)))
    .map(({ namespace, label, log }) => [namespace, label, log.message])

contract('4.1: assigners are made once, when the consumer is made', NO_TOPIC, async context => {
  const { kafka, group, record } = context
  const made = []
  const assigner = argument => {
    made.push([Object.keys(argument).sort(), argument.groupId])
    return { name: 'a', version: 0, assign: async () => [], protocol: () => ({}) }
  }
  kafka().consumer({ groupId: group, partitionAssigners: [assigner, assigner] })
  record('made', made)
})

contract('4.2: a second run and every stop are logged', async context => {
  const { topic, record } = context
  const consumer = makeConsumer(context)
  record('stop before run', await consumer.stop())
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  await consumer.run({ eachMessage: async () => {} })
  await consumer.stop()
  record('lines', linesOf(context, 'consumer#run was called', 'Stopped', 'Starting'))
})

contract(
  '4.2: run resolves when no broker answers, and CRASH says why',
  NO_TOPIC,
  async context => {
    const { kafka, group, record } = context
    const consumer = kafka({
      brokers: ['127.0.0.1:1'],
      retry: { retries: 1, initialRetryTime: 10 },
    }).consumer({ groupId: group, retry: { retries: 0, restartOnFailure: async () => false } })
    const crashed = new Promise(resolve => consumer.on(consumer.events.CRASH, resolve))
    record('run', await consumer.run({ eachMessage: async () => {} }))
    const { payload } = await within(20_000, crashed, 'CRASH')
    record('crash', [payload.error.name, payload.groupId, payload.restart])
  }
)

contract('4.3: topics wins over topic, a pattern may match nothing', async context => {
  const { topic, record } = context
  const other = await createTopic(uniqueTopic('other'))
  const consumer = makeConsumer(context)
  let assignment
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    assignment = payload.memberAssignment
  })
  record('both', await consumer.subscribe({ topic: other, topics: [topic] }))
  record('no match', await consumer.subscribe({ topic: new RegExp(`^${uniqueTopic('no')}$`) }))
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => assignment)
  record('assignment', assignment)
})

contract('4.3: the last fromBeginning of a topic counts', async context => {
  const { topic, record } = context
  await send(context, ['early'])
  const consumer = makeConsumer(context)
  await consumer.subscribe({ topic, fromBeginning: false })
  await consumer.subscribe({ topic, fromBeginning: true })
  const seen = []
  await consumer.run({ eachMessage: async ({ message }) => seen.push(`${message.value}`) })
  await waitFor(() => seen.length === 1)
  record('seen', seen)
})

contract('4.5: with LogAppendTime the timestamp is the broker’s', NO_TOPIC, async context => {
  const { topic, record } = context
  await createTopic(topic, { config: { 'message.timestamp.type': 'LogAppendTime' } })
  const sentAt = Date.now()
  const producer = context.kafka().producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: [1, 2].map(value => ({ value: `${value}`, timestamp: '1000' })),
  })
  const consumer = makeConsumer(context)
  const messages = []
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => messages.push(message) })
  await waitFor(() => messages.length === 2)
  const [first, second] = messages
  record('the same for the batch', first.timestamp === second.timestamp)
  record('is the maximum of the batch', first.timestamp === first.batchContext.maxTimestamp)
  record('is of now', Number(first.timestamp) >= sentAt - 60_000)
  record('type', first.batchContext.timestampType)
})

contract('4.6: transactions: what handlers and batches show of them', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer({
    transactionalId: uniqueTopic('tx'),
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await producer.connect()
  const inTransaction = async (values, ending) => {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: values.map(value => ({ value })) })
    await transaction[ending]()
  }
  await inTransaction(['a', 'b'], 'commit')
  await inTransaction(['gone'], 'abort')
  await inTransaction(['c'], 'commit')

  const consumer = makeConsumer(context)
  const values = []
  const ends = []
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      values.push(...batch.messages.map(({ value, offset }) => `${offset} ${value}`))
      ends.push(batch.messages.every(({ isControlRecord }) => !isControlRecord))
    },
  })
  await waitFor(() => values.length === 3)
  record('values', values)
  record('no control record is shown', ends.every(Boolean))
})

contract(
  '4.10: pauses are logged, survive a rebalance and end with the run',
  {
    partitions: 4,
  },
  async context => {
    const { kafka, topic, group, record } = context
    const consumer = makeConsumer(context, { heartbeatInterval: 100 })
    let joins = 0
    consumer.on(consumer.events.GROUP_JOIN, () => joins++)
    await consumer.subscribe({ topic })
    await consumer.run({ eachMessage: async () => {} })
    consumer.pause([{ topic }])
    consumer.resume([{ topic, partitions: [1] }])
    record('paused', consumer.paused())
    record('lines', linesOf(context, 'Pausing', 'Resuming'))

    const other = kafka().consumer({ groupId: group, heartbeatInterval: 100, ...SHORT_POLL })
    await other.subscribe({ topic })
    await other.run({ eachMessage: async () => {} })
    await waitFor(() => joins >= 2)
    await other.disconnect()
    await waitFor(() => consumer.paused()[0]?.partitions.length === 3, { deadline: 30_000 })
    record('after two rebalances', consumer.paused())

    await consumer.stop()
    record('stopped', consumer.paused())
    record('pause when stopped', await errorOf(() => consumer.pause([{ topic }])))
    await consumer.run({ eachMessage: async () => {} })
    record('the next run', consumer.paused())
  }
)

contract('4.11: a leader without the assigner of the group', async context => {
  const { topic, record, kafkajs } = context
  // Announces another name than its own.
  const assigner = () => ({
    name: 'mine',
    version: 0,
    assign: async () => [],
    protocol: ({ topics }) => ({
      name: 'yours',
      metadata: kafkajs.AssignerProtocol.MemberMetadata.encode({
        version: 0,
        topics,
        userData: null,
      }),
    }),
  })
  const consumer = makeConsumer(context, { partitionAssigners: [assigner], retry: { retries: 0 } })
  const crashed = new Promise(resolve => consumer.on(consumer.events.CRASH, resolve))
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  const { payload } = await within(20_000, crashed, 'CRASH')
  record('crash', [payload.error.name, payload.error.message, payload.restart])
})

contract('4.12: a crash and a restart are logged', async context => {
  const { topic, record } = context
  await send(context, ['one'])
  const consumer = makeConsumer(context, {
    retry: {
      retries: 0,
      initialRetryTime: 50,
      restartOnFailure: () => Promise.reject(new Error('cannot say')),
    },
  })
  let failures = 1
  const done = new Promise(resolve => {
    consumer.subscribe({ topic, fromBeginning: true }).then(() =>
      consumer.run({
        eachMessage: async () => {
          if (failures-- > 0) throw new Error('a failure')
          resolve()
        },
      })
    )
  })
  await within(30_000, done, 'the second delivery')
  // Both draw the wait from 40 to 60 ms.
  const lines = linesOf(context, 'Crash:', 'Caught error when invoking', 'Restarting the consumer')
  record(
    'lines',
    lines.map(([namespace, label, message]) => [
      namespace,
      label,
      message.replace(/ (4\d|5\d|60)ms$/, ' <wait>ms'),
    ])
  )
})

contract(
  '4.3: a topic whose subscription failed is subscribed to all the same',
  NO_TOPIC,
  async context => {
    const { kafka, group, topic, record } = context
    const consumer = kafka({ allowAutoTopicCreation: false }).consumer({
      groupId: group,
      allowAutoTopicCreation: false,
      ...SHORT_POLL,
    })
    record(
      'subscribe',
      (await errorOf(() => consumer.subscribe({ topic, fromBeginning: true }))).type
    )
    await createTopic(topic)
    await send(context, ['it came'])
    const seen = []
    await consumer.run({ eachMessage: async ({ message }) => seen.push(`${message.value}`) })
    await waitFor(() => seen.length === 1)
    record('seen', seen)
  }
)

contract(
  '4.4: partitionsConsumedConcurrently handlers at once, never two of a partition',
  {
    partitions: 4,
  },
  async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer()
    await producer.connect()
    const messages = Array.from({ length: 40 }, (_, number) => ({
      value: `${number}`,
      partition: number % 4,
    }))
    await producer.send({ topic, messages })
    const consumer = makeConsumer(context)
    const busy = new Map()
    const order = [[], [], [], []]
    let most = 0
    let shared = 0
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      partitionsConsumedConcurrently: 3,
      eachMessage: async ({ partition, message }) => {
        if (busy.has(partition)) shared++
        busy.set(partition, true)
        most = Math.max(most, busy.size)
        await new Promise(resolve => {
          setTimeout(resolve, 20)
        })
        order[partition].push(message.offset)
        busy.delete(partition)
      },
    })
    await waitFor(() => order.flat().length === 40, { deadline: 30_000 })
    record('at once', most)
    record('two of one partition', shared)
    record('order', order)
  }
)

contract(
  '4.10: a pause within START_BATCH_PROCESS holds for that batch',
  {
    differences: {
      seen: {
        reason: 'kafkajs asks whether a partition is paused behind each message',
        kafkajs: [['0']],
        ours: [[]],
      },
    },
  },
  async context => {
    const { topic, record } = context
    await send(context, ['a', 'b', 'c'])
    const consumer = makeConsumer(context)
    const seen = []
    let hasEnded = false
    consumer.on(consumer.events.START_BATCH_PROCESS, () => {
      if (!hasEnded) consumer.pause([{ topic }])
    })
    consumer.on(consumer.events.END_BATCH_PROCESS, () => {
      hasEnded = true
    })
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async ({ message }) => seen.push(message.offset) })
    await waitFor(() => hasEnded)
    record('seen', seen)
    consumer.resume([{ topic }])
    await waitFor(() => seen.at(-1) === '2')
    record('after resume', seen.slice(-2))
  }
)
