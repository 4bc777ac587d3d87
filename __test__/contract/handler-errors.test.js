'use strict'

/** Handlers that throw: the message comes again, then the consumer crashes. Section 4.12. */

const { contract, waitFor } = require('../harness')
const { SHORT_POLL, committedOffsets } = require('./observe')

const RETRY = { retries: 2, initialRetryTime: 20, maxRetryTime: 100 }

async function send({ kafka, topic }, count) {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({
    topic,
    messages: Array.from({ length: count }, (_, index) => ({ value: `v${index}` })),
  })
  await producer.disconnect()
}

function makeConsumer({ kafka, group }, retry = RETRY) {
  return kafka().consumer({ groupId: group, ...SHORT_POLL, retry })
}

/** A consumer whose life is recorded: the events that say how it ends, with the crash's payload. */
function makeRecordedConsumer(context, retry = RETRY) {
  const consumer = makeConsumer(context, retry)
  const { CONNECT, GROUP_JOIN, STOP, DISCONNECT, CRASH } = consumer.events
  context.recordEvents(consumer, [CONNECT, GROUP_JOIN, STOP, DISCONNECT, CRASH])
  const crashed = new Promise(resolve => consumer.on(CRASH, ({ payload }) => resolve(payload)))
  return { consumer, crashed }
}

async function run(context, consumer, config) {
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run(config)
}

function recordCrash({ record }, { error, groupId, restart }) {
  const { retryTime, ...properties } = error
  record('crash', { groupId, restart, class: error.constructor.name, message: error.message })
  record('crash error', { ...properties })
  record('crash cause', error.cause)
}

contract('eachMessage throws: the same message comes again, then all goes on', async context => {
  const { record } = context
  await send(context, 4)
  const seen = []
  const { consumer } = makeRecordedConsumer(context)
  await run(context, consumer, {
    eachMessage: async ({ message }) => {
      seen.push(message.offset)
      if (message.offset === '2' && seen.length < 5) throw new Error('not yet')
    },
  })
  await waitFor(() => seen.includes('3'))
  await consumer.disconnect()

  record('seen', seen)
  record('committed', await committedOffsets(context))
})

contract('eachMessage throws: what was handled before is committed', async context => {
  const { record } = context
  await send(context, 4)
  let failures = 0
  const { consumer, crashed } = makeRecordedConsumer(context, {
    ...RETRY,
    restartOnFailure: async () => false,
  })
  await run(context, consumer, {
    autoCommitInterval: 60000,
    eachMessage: async ({ message }) => {
      if (message.offset === '2') {
        failures++
        throw new Error('never')
      }
    },
  })
  await crashed

  record('failures', failures)
  record('committed', await committedOffsets(context))
})

contract('eachMessage throws to the end: CRASH, and a restart', async context => {
  await send(context, 2)
  const { consumer, crashed } = makeRecordedConsumer(context)
  let failures = 0
  await run(context, consumer, {
    eachMessage: async () => {
      failures++
      if (failures <= RETRY.retries + 1) throw new Error('no luck')
    },
  })
  recordCrash(context, await crashed)
  await waitFor(() => failures > RETRY.retries + 2)
  await consumer.disconnect()
  context.record('calls', failures)
})

contract('restartOnFailure is asked, and can keep the consumer down', async context => {
  const { record } = context
  await send(context, 1)
  const asked = []
  const restartOnFailure = async error => {
    asked.push([error.name, error.message])
    return false
  }
  const { consumer, crashed } = makeRecordedConsumer(context, { ...RETRY, restartOnFailure })
  await run(context, consumer, {
    eachMessage: async () => {
      throw new Error('no luck')
    },
  })
  recordCrash(context, await crashed)
  record('asked', asked)
})

for (const [kind, makeError] of [
  ['TypeError', () => new TypeError('a bug')],
  ['RangeError', () => new RangeError('a bug')],
  [
    'KafkaJSNonRetriableError',
    ({ KafkaJSNonRetriableError }) => new KafkaJSNonRetriableError('stop here'),
  ],
  [
    'an own subclass of it',
    ({ KafkaJSNonRetriableError }) => {
      class Fatal extends KafkaJSNonRetriableError {}
      return Object.setPrototypeOf(new Fatal('mine'), Fatal.prototype)
    },
  ],
]) {
  contract(`eachMessage throws ${kind}: no retry, no restart`, async context => {
    const { kafkajs, record } = context
    await send(context, 3)
    const seen = []
    const { consumer, crashed } = makeRecordedConsumer(context)
    await run(context, consumer, {
      eachMessage: async ({ message }) => {
        seen.push(message.offset)
        if (message.offset === '1') throw makeError(kafkajs)
      },
    })
    recordCrash(context, await crashed)
    record('seen', seen)
    record('committed', await committedOffsets(context))
  })
}

contract('eachMessage rejects with no Error: the same redelivery', async context => {
  await send(context, 2)
  const seen = []
  const { consumer } = makeRecordedConsumer(context)
  await run(context, consumer, {
    eachMessage: ({ message }) => {
      seen.push(message.offset)
      return seen.length === 1 ? Promise.reject({ reason: 'a plain object' }) : undefined
    },
  })
  await waitFor(() => seen.includes('1'))
  await consumer.disconnect()
  context.record('seen', seen)
})

contract('eachBatch throws: what was resolved is not delivered again', async context => {
  await send(context, 5)
  const batches = []
  const { consumer } = makeRecordedConsumer(context)
  await run(context, consumer, {
    eachBatch: async ({ batch, resolveOffset }) => {
      batches.push(batch.messages.map(({ offset }) => offset))
      if (batches.length > 1) return
      resolveOffset('1')
      throw new Error('in the middle')
    },
  })
  await waitFor(() => batches.length > 1)
  await consumer.disconnect()
  context.record('batches', batches)
  context.record('committed', await committedOffsets(context))
})

contract('a failing handler is logged with topic, partition and offset', async context => {
  await send(context, 1)
  let calls = 0
  const { consumer } = makeRecordedConsumer(context)
  await run(context, consumer, {
    eachMessage: async () => {
      calls++
      if (calls === 1) throw new Error('look at me')
    },
  })
  await waitFor(() => calls > 1)
  await consumer.disconnect()

  const entries = context.logs.filter(({ log }) => log.message === 'Error when calling eachMessage')
  for (const { namespace, level, label, log } of entries) {
    const { stack, ...rest } = log
    context.record('log', { namespace, level, label, log: rest, stack: typeof stack })
  }
})

contract(
  'failures at different messages, each recovered',
  {
    differences: {
      crashes: {
        reason:
          'the retry budget counts failures at one position; in kafkajs it spans the whole session',
        kafkajs: [1],
        ours: [0],
      },
    },
  },
  async context => {
    const { record } = context
    await send(context, 8)
    const failed = new Set()
    const seen = []
    let crashes = 0
    const consumer = makeConsumer(context)
    consumer.on(consumer.events.CRASH, () => crashes++)
    await run(context, consumer, {
      eachMessage: async ({ message: { offset } }) => {
        if (Number(offset) % 2 === 1 && !failed.has(offset)) {
          failed.add(offset)
          throw new Error(`once at ${offset}`)
        }
        seen.push(offset)
      },
    })
    await waitFor(() => seen.includes('7'), { message: 'the last message' })
    await consumer.disconnect()

    record('seen', seen)
    record('crashes', crashes)
  }
)
