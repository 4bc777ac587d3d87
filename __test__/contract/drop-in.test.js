'use strict'

/** Contract 11: what programs depend on without saying so. The numbers are those of its rows. */

const { contract, waitFor } = require('../harness')
const { SHORT_POLL, committedOffsets } = require('./observe')

const DEADLINE = { deadline: 30_000 }
const HOUR_MS = 3_600_000

const makeConsumer = ({ kafka, group }, options = {}) =>
  kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })

/** Each value is a record batch of its own. */
async function sendEach({ kafka, topic }, values) {
  const producer = kafka().producer()
  await producer.connect()
  for (const value of values) await producer.send({ topic, messages: [{ value }] })
  await producer.disconnect()
}

for (const schedule of [{ autoCommitInterval: HOUR_MS }, { autoCommitThreshold: 1000 }]) {
  const [name] = Object.keys(schedule)
  contract(`11 (6) ${name}: the end of a batch commits all the same`, async context => {
    const { record, topic } = context
    await sendEach(context, ['a', 'b', 'c'])
    const consumer = makeConsumer(context)
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ ...schedule, eachMessage: async () => {} })
    await waitFor(async () => (await committedOffsets(context))[0] === 3, DEADLINE)
    record('committed while it runs', await committedOffsets(context))
  })
}

contract('11 (11) the order of a crash', async context => {
  const { record, topic } = context
  await sendEach(context, ['a'])
  const order = []
  let restarted = false
  const consumer = makeConsumer(context, {
    retry: {
      retries: 0,
      initialRetryTime: 50,
      restartOnFailure: async () => {
        order.push('restartOnFailure')
        return true
      },
    },
  })
  await consumer.subscribe({ topic, fromBeginning: true })
  let failures = 1
  const { CONNECT, GROUP_JOIN, STOP, DISCONNECT, CRASH } = consumer.events
  for (const name of [CONNECT, GROUP_JOIN, STOP, DISCONNECT, CRASH]) {
    consumer.on(name, ({ type }) => order.push(type))
  }
  await consumer.run({
    eachMessage: async () => {
      if (failures-- > 0) throw new Error('a failure')
      restarted = true
    },
  })
  await waitFor(() => restarted, DEADLINE)
  record('order', order)
})

contract('11 (10) run resolves although the group cannot be joined', async context => {
  const { record, topic } = context
  const assigner = () => ({
    name: 'Failing',
    version: 0,
    assign: async () => {
      throw new TypeError('no assignment today')
    },
    protocol: () => ({ name: 'Failing', metadata: Buffer.alloc(6) }),
  })
  const consumer = makeConsumer(context, {
    partitionAssigners: [assigner],
    retry: { retries: 0 },
  })
  const crashes = []
  consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload))
  await consumer.subscribe({ topic })
  record('run', await consumer.run({ eachMessage: async () => {} }))
  const [{ error, restart }] = await waitFor(() => crashes.length > 0 && crashes, DEADLINE)
  record('crash', [error.message, restart])
})

contract('11 (18) a batch is all record batches of a partition in one fetch', async context => {
  const { record, topic } = context
  await sendEach(context, ['a', 'b', 'c', 'd'])
  const consumer = makeConsumer(context)
  const batches = []
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatch: async ({ batch }) => {
      batches.push(batch.messages.map(({ value, offset }) => `${offset} ${value}`))
    },
  })
  await waitFor(() => batches.flat().length === 4, DEADLINE)
  record('batches', batches)
})

contract('11 (22) pause and paused right after an un-awaited run', async context => {
  const { record, topic } = context
  await sendEach(context, ['a'])
  const consumer = makeConsumer(context)
  const seen = []
  let joined = false
  consumer.on(consumer.events.GROUP_JOIN, () => {
    joined = true
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const running = consumer.run({ eachMessage: async ({ message }) => seen.push(message.offset) })
  record('pause', consumer.pause([{ topic }]))
  record('at once', consumer.paused())
  await running
  await waitFor(() => joined && consumer.paused().length > 0, DEADLINE)
  record('joined', consumer.paused())
  record('seen while paused', seen.length)
  consumer.resume([{ topic }])
  await waitFor(() => seen.length > 0, DEADLINE)
  record('seen', seen)
})

contract('8.5 an eachBatch that fails is logged', async context => {
  const { logs, record, topic } = context
  await sendEach(context, ['a', 'b'])
  const consumer = makeConsumer(context, { retry: { initialRetryTime: 20, retries: 5 } })
  let calls = 0
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatch: async () => {
      calls++
      if (calls === 1) throw new Error('look at me')
    },
  })
  await waitFor(() => calls > 1, DEADLINE)
  const isLine = ({ log }) => log.message === 'Error when calling eachBatch'
  const { namespace, label, log } = logs.find(isLine)
  const { stack, ...rest } = log
  record('line', [namespace, label, rest, stack.split('\n')[0]])
})

for (const [name, own, attempts] of [
  ['without a retry of its own: not those of the client', {}, 5],
  ['with one that does not say: those of the client', { retry: {} }, 2],
]) {
  contract(`11 (37) retries of a consumer ${name}`, async context => {
    const { group, kafka, record, topic } = context
    await sendEach(context, ['a'])
    const client = kafka({ retry: { retries: 2, initialRetryTime: 20 } })
    const consumer = client.consumer({ groupId: group, ...SHORT_POLL, ...own })
    const crashes = []
    consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error))
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        throw new Error('a failure')
      },
    })
    const [error] = await waitFor(() => crashes.length > 0 && crashes, DEADLINE)
    record('crash', [error.name, error.retryCount])
    record('is what is told', error.retryCount === attempts)
  })
}
