'use strict'

/** Which offsets are committed when. Section 4.7; what is committed is read from the broker. */

const { describe } = require('node:test')
const { contract, waitFor, within } = require('../harness')
const { SHORT_POLL, committedOffsets, errorOf } = require('./observe')

/** Far more than a busy machine needs from a join to the second message. */
const INTERVAL_MS = 2000

function makeConsumer({ kafka, group }, options) {
  return kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })
}

async function send({ kafka, topic }, count) {
  const producer = kafka().producer()
  await producer.connect()
  const messages = Array.from({ length: count }, (_, index) => ({
    value: `v${index}`,
    partition: 0,
  }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}

async function run(context, config) {
  const consumer = makeConsumer(context)
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run(config)
  return consumer
}

/** Waits until the broker has `offset` as the committed one of partition 0. */
function committed(context, offset) {
  return waitFor(async () => (await committedOffsets(context))[0] === offset, {
    message: `committed offset ${offset}`,
  })
}

async function nowCommitted(context) {
  return (await committedOffsets(context))[0]
}

describe('what is committed when', { concurrency: 4 }, () => {
  contract(
    'autoCommit: at the end of each batch, whatever the interval and threshold',
    async context => {
      for (const [from, config] of [
        [0, {}],
        [4, { autoCommitInterval: 60000 }],
        [8, { autoCommitThreshold: 1000 }],
        [12, { autoCommitInterval: 60000, autoCommitThreshold: 1000, autoCommit: true }],
      ]) {
        await send(context, 4)
        const consumer = await run(context, { ...config, eachMessage: async () => {} })
        await committed(context, from + 4)
        await consumer.disconnect()
        context.record('committed', await nowCommitted(context))
      }
    }
  )

  contract('autoCommitThreshold: within a batch, after so many messages', async context => {
    const { record } = context
    await send(context, 25)
    let handled = 0
    let failure
    await run(context, {
      autoCommitThreshold: 10,
      eachMessage: async ({ message }) => {
        // While a message is handled nothing beyond it can be committed.
        try {
          if (message.offset === '9') record('before the threshold', await nowCommitted(context))
          if (message.offset === '10') await committed(context, 10)
          if (message.offset === '19') record('before the second', await nowCommitted(context))
          if (message.offset === '20') await committed(context, 20)
        } catch (error) {
          failure ??= error
        }
        handled++
      },
    })
    await waitFor(() => handled === 25)
    if (failure) throw failure
    await committed(context, 25)
  })

  contract('autoCommitThreshold: nothing is committed between its points', async context => {
    await send(context, 95)
    const consumer = makeConsumer(context)
    const offsets = []
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      offsets.push(Number(payload.topics[0].partitions[0].offset))
    })
    await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
    await consumer.run({
      autoCommitThreshold: 4,
      // Commits leave, and are answered, between two messages.
      eachMessage: () => new Promise(resolve => setTimeout(resolve, 1)),
    })
    await committed(context, 95)
    context.record(
      'between',
      offsets.filter(offset => offset % 4 !== 0 && offset !== 95)
    )
  })

  contract('autoCommitInterval: within a batch, after so much time', async context => {
    const { record } = context
    await send(context, 6)
    let handled = 0
    let failure
    await run(context, {
      autoCommitInterval: INTERVAL_MS,
      eachMessage: async ({ message }) => {
        try {
          if (message.offset === '1') record('at once', await nowCommitted(context))
          // A slow handler, and the interval has passed; timers may fire a little early by another clock.
          if (message.offset === '2')
            await new Promise(resolve => setTimeout(resolve, INTERVAL_MS + 50))
          if (message.offset === '3') await committed(context, 3)
        } catch (error) {
          failure ??= error
        }
        handled++
      },
    })
    await waitFor(() => handled === 6, { deadline: 30_000 })
    if (failure) throw failure
  })

  contract('autoCommit: stop and disconnect commit what was handled', async context => {
    const { record } = context
    await send(context, 10)
    const gate = {}
    gate.opened = new Promise(resolve => {
      gate.open = resolve
    })
    let handled = 0
    const consumer = await run(context, {
      autoCommitInterval: 60000,
      eachMessage: async ({ message }) => {
        if (message.offset === '3') await gate.opened
        handled++
      },
    })
    await waitFor(() => handled === 3)
    const stopped = consumer.stop()
    gate.open()
    await stopped

    record('handled', handled)
    record('committed', await nowCommitted(context))
  })

  contract('autoCommit false: nothing is committed', async context => {
    await send(context, 5)
    let handled = 0
    const consumer = await run(context, {
      autoCommit: false,
      autoCommitInterval: 10,
      eachMessage: async () => {
        handled++
      },
    })
    await waitFor(() => handled === 5)
    await consumer.disconnect()
    context.record('committed', await nowCommitted(context))
  })

  contract('a restarted group goes on after the last commit', async context => {
    const { record } = context
    await send(context, 5)
    for (const upTo of ['2', '4']) {
      const seen = []
      const consumer = await run(context, {
        autoCommit: false,
        eachMessage: async ({ topic, partition, message }) => {
          seen.push(message.offset)
          if (message.offset === upTo) {
            await consumer.commitOffsets([{ topic, partition, offset: String(Number(upTo) + 1) }])
          }
        },
      })
      await waitFor(() => seen.includes('4'))
      await committed(context, Number(upTo) + 1)
      await consumer.disconnect()
      record('seen', seen)
    }
  })

  contract(
    'commitOffsets: text, number and BigInt, with metadata, an empty list',
    async context => {
      const { topic, record } = context
      await send(context, 10)
      const consumer = await run(context, { autoCommit: false, eachMessage: async () => {} })
      context.recordEvents(consumer, [consumer.events.COMMIT_OFFSETS], ({ payload }) => {
        const { memberId, groupGenerationId, ...rest } = payload
        return JSON.parse(JSON.stringify(rest))
      })

      for (const [offset, metadata] of [['3'], [4], [5n], ['6', 'note'], ['2', null]]) {
        const result = await consumer.commitOffsets([{ topic, partition: 0, offset, metadata }])
        record('result', [result, await nowCommitted(context)])
      }
      record('nothing', await consumer.commitOffsets([]))
      record('nothing', await nowCommitted(context))
    }
  )

  contract('commitOffsets: bad arguments, in order', async context => {
    const { topic, record } = context
    const consumer = makeConsumer(context)
    const valid = { topic, partition: 0, offset: '1' }
    const bad = [
      {},
      { topic: '' },
      { topic },
      { topic, partition: 'a' },
      { topic, partition: 0 },
      { topic, partition: 0, offset: 'a' },
      { topic, partition: 0, offset: 1.5 },
      { topic, partition: 0, offset: '-1' },
      { topic, partition: 0, offset: '1', metadata: 1 },
      valid,
    ]

    for (const entry of bad) {
      record('before run', await errorOf(() => consumer.commitOffsets([entry])))
    }
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ eachMessage: async () => {} })
    for (const entry of bad.slice(0, -1)) {
      record('running', await errorOf(() => consumer.commitOffsets([valid, entry])))
    }
  })

  contract(
    'commitOffsetsIfNecessary without an argument, autoCommit false',
    {
      differences: {
        committed: {
          reason:
            'without an interval or threshold kafkajs does nothing; whoever calls it after resolveOffset, ' +
            'with autoCommit off, wants a commit',
          kafkajs: [-1],
          ours: [3],
        },
      },
    },
    async context => {
      await send(context, 5)
      let done = false
      const consumer = await run(context, {
        autoCommit: false,
        eachBatchAutoResolve: false,
        eachBatch: async ({ batch, resolveOffset, commitOffsetsIfNecessary }) => {
          if (done) return
          for (const { offset } of batch.messages.slice(0, 3)) resolveOffset(offset)
          context.record('result', await commitOffsetsIfNecessary())
          context.record('committed', await nowCommitted(context))
          done = true
        },
      })
      await waitFor(() => done)
      await consumer.disconnect()
    }
  )

  contract('commitOffsetsIfNecessary: by threshold, by {}, by offsets', async context => {
    const { topic, record } = context
    await send(context, 10)
    let done = false
    const consumer = await run(context, {
      autoCommit: false,
      autoCommitThreshold: 3,
      eachBatchAutoResolve: false,
      eachBatch: async ({ resolveOffset, commitOffsetsIfNecessary, uncommittedOffsets }) => {
        if (done) return
        resolveOffset('1')
        await commitOffsetsIfNecessary()
        record('2 resolved, threshold 3', await nowCommitted(context))
        resolveOffset('3')
        await commitOffsetsIfNecessary()
        record('4 resolved, threshold 3', await nowCommitted(context))
        resolveOffset('4')
        record('uncommitted', uncommittedOffsets())
        await commitOffsetsIfNecessary({})
        record('{}', await nowCommitted(context))
        record('uncommitted', uncommittedOffsets())
        await commitOffsetsIfNecessary({
          topics: [{ topic, partitions: [{ partition: 0, offset: '2' }] }],
        })
        record('offsets', await nowCommitted(context))
        done = true
      },
    })
    await waitFor(() => done)
    await consumer.disconnect()
  })

  contract('autoCommit: COMMIT_OFFSETS tells what was committed', async context => {
    await send(context, 3)
    const payloads = []
    const consumer = makeConsumer(context)
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => payloads.push(payload))
    await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
    await consumer.run({ eachMessage: async () => {} })
    await waitFor(() => payloads.length > 0)
    await within(15000, consumer.disconnect(), 'disconnect')

    const { memberId, groupGenerationId, ...rest } = payloads[0]
    context.record('payload', rest)
    context.record('keys', Object.keys(payloads[0]))
  })
})
