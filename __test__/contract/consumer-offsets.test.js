'use strict'

/** Contract 4.4, 4.6, 4.7, 4.9: what is committed, resolved and sought, beyond commits.test.js and seek.test.js. */

const { describe } = require('node:test')
const { contract, uniqueTopic, waitFor, within } = require('../harness')
const { SHORT_POLL, committedOffsets } = require('./observe')

const DEADLINE = { deadline: 30_000 }

async function send({ kafka, topic }, count, partition = 0) {
  const producer = kafka().producer()
  await producer.connect()
  const messages = Array.from({ length: count }, (_, index) => ({ value: `v${index}`, partition }))
  await producer.send({ topic, messages })
  await producer.disconnect()
}

function makeConsumer({ kafka, group }, options) {
  return kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })
}

async function run(context, config, options) {
  const consumer = makeConsumer(context, options)
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run(config)
  return consumer
}

/** A door that handlers wait at. */
function makeGate() {
  const gate = {}
  gate.opened = new Promise(resolve => {
    gate.open = resolve
  })
  return gate
}

/** Clean-ups run last one first: clients wait for handlers, so their doors have to be opened before. */
const openAtEnd = ({ onEnd }, ...gates) => onEnd(() => gates.map(gate => gate.open()))

const committedIs = (context, ...offsets) =>
  waitFor(
    async () => {
      const committed = await committedOffsets(context)
      return offsets.every((offset, partition) => committed[partition] === offset)
    },
    { ...DEADLINE, message: `committed offsets ${offsets}` }
  )

describe('what consumers commit, resolve and seek', { concurrency: 6 }, () => {
  contract(
    '4.4 autoCommitThreshold is of all partitions together',
    { partitions: 2 },
    async context => {
      const { record } = context
      await send(context, 3, 0)
      await send(context, 2, 1)
      const gates = [makeGate(), makeGate()]
      const second = makeGate()
      const began = [0, 0]
      await run(context, {
        partitionsConsumedConcurrently: 2,
        autoCommitThreshold: 3,
        eachMessage: async ({ partition, message }) => {
          began[partition]++
          if (partition === 1 && message.offset === '0') await second.opened
          // Nothing of a batch that has not ended is committed but by the threshold.
          if (Number(message.offset) === 2 - partition) await gates[partition].opened
        },
      })
      openAtEnd(context, ...gates, second)
      await waitFor(() => began[0] === 3 && began[1] === 1, DEADLINE)
      record('two messages', await committedOffsets(context))
      second.open()
      await committedIs(context, 2, 1)
      record('three messages', began)
    }
  )

  contract('4.7 autoCommitInterval is no timer', async context => {
    const { record } = context
    await send(context, 3)
    const gate = makeGate()
    let resolvedAt
    await run(context, {
      autoCommitInterval: 200,
      eachBatch: async ({ resolveOffset }) => {
        resolveOffset('1')
        resolvedAt ??= Date.now()
        await gate.opened
      },
    })
    openAtEnd(context, gate)
    await waitFor(() => resolvedAt, DEADLINE)
    const committed = new Set()
    await waitFor(async () => {
      const isLate = Date.now() - resolvedAt > 1000
      committed.add((await committedOffsets(context))[0])
      return isLate
    }, DEADLINE)
    record('while a handler is busy', [...committed])
    gate.open()
    await committedIs(context, 3)
  })

  contract('4.7 what is committed is not committed again', async context => {
    const { record } = context
    await send(context, 3)
    const commits = []
    let fetches = 0
    const consumer = makeConsumer(context, { heartbeatInterval: 50 })
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      commits.push(payload.topics[0].partitions[0].offset)
    })
    await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
    await consumer.run({ eachMessage: async () => {} })
    await waitFor(() => commits.length > 0, DEADLINE)
    consumer.on(consumer.events.FETCH, () => fetches++)
    await waitFor(() => fetches >= 5, DEADLINE)
    await consumer.disconnect()
    record('commits', commits)
  })

  contract('4.7 after a rebalance what was not committed comes again', async context => {
    const { record } = context
    await send(context, 3)
    const seen = []
    const eachMessage = async ({ message }) => seen.push(message.offset)
    await run(context, { autoCommit: false, eachMessage }, { heartbeatInterval: 100 })
    await waitFor(() => seen.length === 3, DEADLINE)
    const other = await run(
      context,
      { autoCommit: false, eachMessage: async () => {} },
      { heartbeatInterval: 100 }
    )
    await other.disconnect()
    // A rebalance may interrupt that, too.
    const twice = offset => seen.indexOf(offset) !== seen.lastIndexOf(offset)
    await waitFor(() => ['0', '1', '2'].every(twice), DEADLINE)
    record('at first', seen.slice(0, 3))
    record('committed', await committedOffsets(context))
  })

  contract('4.7 commitOffsets does not move the position', async context => {
    const { topic, record } = context
    await send(context, 3)
    const seen = []
    const consumer = await run(context, {
      autoCommit: false,
      eachMessage: async ({ message }) => seen.push(message.offset),
    })
    await waitFor(() => seen.length === 3, DEADLINE)
    await consumer.commitOffsets([{ topic, partition: 0, offset: '1' }])
    await send(context, 1)
    await waitFor(() => seen.length === 4, DEADLINE)
    record('seen', seen)
    record('committed', await committedOffsets(context))
  })

  for (const ending of ['stop', 'disconnect']) {
    contract(`4.7 ${ending} leaves what the program has committed itself`, async context => {
      const { topic, record } = context
      await send(context, 3)
      const consumer = await run(context, { eachMessage: async () => {} })
      await committedIs(context, 3)
      await consumer.commitOffsets([{ topic, partition: 0, offset: '1' }])
      await consumer[ending]()
      record('committed', await committedOffsets(context))
    })
  }

  const NOTHING_RESOLVED = {
    uncommitted: {
      reason:
        'nothing was handled: there is nothing to be committed but what the program asked for',
      kafkajs: [['0']],
      ours: [[]],
    },
    committed: { reason: 'kafkajs takes that commit back', kafkajs: [0], ours: [2] },
  }
  contract(
    '4.7 a commit of the program before anything is resolved',
    { differences: NOTHING_RESOLVED },
    async context => {
      const { topic, record } = context
      await send(context, 3)
      let commits = 0
      const consumer = await run(context, {
        eachBatchAutoResolve: false,
        eachBatch: async ({ uncommittedOffsets }) => {
          if (commits++ > 0) return
          await consumer.commitOffsets([{ topic, partition: 0, offset: '2' }])
          const { topics } = uncommittedOffsets()
          record(
            'uncommitted',
            topics.flatMap(({ partitions }) => partitions.map(({ offset }) => offset))
          )
        },
      })
      await waitFor(() => commits > 1, DEADLINE)
      await consumer.disconnect()
      const [committed] = await committedOffsets(context)
      record('committed', committed)
    }
  )

  contract('4.7 commitOffsets while the consumer stops', async context => {
    const { topic, record } = context
    await send(context, 2)
    const gate = makeGate()
    let began = false
    const consumer = await run(context, {
      autoCommit: false,
      eachMessage: async () => {
        began = true
        await gate.opened
      },
    })
    openAtEnd(context, gate)
    await waitFor(() => began, DEADLINE)
    const stopped = consumer.stop()
    record('result', await consumer.commitOffsets([{ topic, partition: 0, offset: '1' }]))
    gate.open()
    record('stop', await within(15_000, stopped, 'stop'))
    record('committed', await committedOffsets(context))
  })

  contract('4.6 a rebalance within eachBatch: heartbeat() commits, then throws', async context => {
    const { record } = context
    await send(context, 3)
    const options = { heartbeatInterval: 100 }
    let second
    let thrown
    const committed = []
    const config = {
      eachBatchAutoResolve: false,
      eachBatch: async ({ resolveOffset, heartbeat }) => {
        if (thrown) return
        resolveOffset('1')
        second ??= run(context, { eachMessage: async () => {} }, options)
        const settled = () =>
          heartbeat().then(
            () => null,
            error => error
          )
        thrown = await waitFor(settled, { ...DEADLINE, message: 'a heartbeat that throws' })
        committed.push(await committedOffsets(context))
        throw thrown
      },
    }
    await run(context, config, options)
    await waitFor(() => committed.length > 0, DEADLINE)
    await within(60_000, second, 'the second member')
    record('type', thrown.type)
    record('committed', committed)
  })

  contract('4.6 the marker of a transaction is resolved with its last message', async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer({
      transactionalId: uniqueTopic('tx'),
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    await transaction.commit()
    let done = false
    await run(context, {
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, uncommittedOffsets }) => {
        if (done) return
        record('offsets', [batch.firstOffset(), batch.lastOffset()])
        record(
          'messages',
          batch.messages.map(({ offset }) => offset)
        )
        resolveOffset('0')
        record('the first', uncommittedOffsets())
        resolveOffset('1')
        record('the last', uncommittedOffsets())
        done = true
      },
    })
    await waitFor(() => done, DEADLINE)
    await committedIs(context, 3)
  })

  contract('4.6 a batch with nothing to see never reaches the handler', async context => {
    const { kafka, topic, record } = context
    const producer = kafka().producer({
      transactionalId: uniqueTopic('tx'),
      idempotent: true,
      maxInFlightRequests: 1,
    })
    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
    await transaction.abort()
    let calls = 0
    const batches = []
    const consumer = makeConsumer(context)
    const { START_BATCH_PROCESS, END_BATCH_PROCESS } = consumer.events
    for (const name of [START_BATCH_PROCESS, END_BATCH_PROCESS]) {
      consumer.on(name, ({ type, payload: { duration: _, ...payload } }) => {
        if (payload.lastOffset === '2') batches.push([type, payload])
      })
    }
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachBatch: async () => calls++ })
    await waitFor(() => batches.length >= 2, DEADLINE)
    record('batches', batches.slice(0, 2))
    record('calls', calls)
  })

  contract('4.6 pause() of eachBatch: what is not resolved comes after resuming', async context => {
    const { topic, record } = context
    await send(context, 4)
    const batches = []
    let resume
    const consumer = await run(context, {
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, pause, resolveOffset }) => {
        batches.push(batch.messages.map(({ offset }) => offset))
        resolveOffset(batch.messages[1].offset)
        resume ??= pause()
      },
    })
    await waitFor(() => resume, DEADLINE)
    await committedIs(context, 2)
    record('paused', consumer.paused())
    record('before', batches)
    record('resume', resume())
    await committedIs(context, 4)
    record('after', batches)
    record('topic', topic)
  })

  contract('4.6 what eachBatch leaves is resolved and committed', async context => {
    const { record } = context
    await send(context, 4)
    let calls = 0
    const consumer = await run(context, { eachBatch: async () => calls++ })
    await waitFor(() => calls > 0, DEADLINE)
    await committedIs(context, 4)
    await consumer.disconnect()
    record('committed', await committedOffsets(context))
  })

  for (const offset of ['-1', '-2']) {
    contract(
      `4.9 seek to ${offset} with autoCommit, fromBeginning`,
      {
        differences:
          offset === '-1'
            ? {
                again: {
                  reason: 'kafkajs goes by fromBeginning, whichever end was asked for',
                  kafkajs: [['0', '1', '2', '3']],
                  ours: [['3']],
                },
              }
            : {},
      },
      async context => {
        const { topic, record } = context
        await send(context, 3)
        const seen = []
        const consumer = await run(context, {
          eachMessage: async ({ message }) => seen.push(message.offset),
        })
        await waitFor(() => seen.length === 3, DEADLINE)
        await committedIs(context, 3)
        consumer.seek({ topic, partition: 0, offset })
        if (context.library === 'kafkajs' || offset === '-2') {
          await waitFor(() => seen.length === 6, DEADLINE)
        }
        await send(context, 1)
        await waitFor(() => seen.at(-1) === '3', DEADLINE)
        record('again', seen.slice(3))
      }
    )
  }

  contract('4.9 seek with autoCommit: no COMMIT_OFFSETS for it', async context => {
    const { topic, record } = context
    await send(context, 5)
    const commits = []
    const gate = makeGate()
    let calls = 0
    const consumer = await run(context, {
      eachMessage: async () => {
        calls++
        if (calls > 5) await gate.opened
      },
    })
    openAtEnd(context, gate)
    await waitFor(() => calls === 5, DEADLINE)
    await committedIs(context, 5)
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
      commits.push(String(payload.topics[0].partitions[0].offset))
    })
    consumer.seek({ topic, partition: 0, offset: '2' })
    await waitFor(() => calls === 6, DEADLINE)
    await committedIs(context, 2)
    gate.open()
    await waitFor(() => commits.includes('5'), DEADLINE)
    record('told of the sought offset', commits.includes('2'))
  })

  contract(
    '4.9 a seek of a partition that comes later is applied then',
    { partitions: 2 },
    async context => {
      const { topic, record } = context
      await send(context, 3, 0)
      await send(context, 3, 1)
      const options = { heartbeatInterval: 100 }
      const seen = []
      const owned = { first: null, second: null }
      const member = async (name, eachMessage) => {
        const consumer = makeConsumer(context, options)
        consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
          owned[name] = payload.memberAssignment[topic] ?? []
        })
        await consumer.subscribe({ topic, fromBeginning: true })
        await consumer.run({ autoCommit: false, eachMessage })
        return consumer
      }
      const first = await member('first', async ({ partition, message }) => {
        seen.push([partition, message.offset])
      })
      const second = await member('second', async () => {})
      await waitFor(() => owned.first.length === 1 && owned.second.length === 1, DEADLINE)
      const [partition] = owned.second
      // The first one has let go of it.
      await waitFor(() => {
        first.pause([{ topic }])
        return first.paused()[0].partitions.length === 1
      }, DEADLINE)
      first.resume([{ topic }])
      seen.length = 0
      first.seek({ topic, partition, offset: '2' })
      await second.disconnect()
      await waitFor(() => seen.some(([of]) => of === partition), DEADLINE)
      record('begins at', seen.find(([of]) => of === partition)[1])
    }
  )
})
