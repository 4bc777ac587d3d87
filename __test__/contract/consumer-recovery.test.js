'use strict'

/** Contract 4.5, 4.7, 4.12: answers that brokers seldom give, and how a consumer goes on; a scripted broker. */

const assert = require('node:assert/strict')
const { describe } = require('node:test')
const { contract, waitFor, within } = require('../harness')
const { API, write } = require('../consumer/scriptedBroker')
const { linesOf } = require('./observe')
const { TOPIC, consumeScripted, entry, serve } = require('./scriptedConsumer')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }
const OFFSET_METADATA_TOO_LARGE = 12
const UNKNOWN_MEMBER_ID = 25
const NOT_COORDINATOR_FOR_GROUP = 16
/** What tells a member to join again. */
const REBALANCING_CODES = {
  ILLEGAL_GENERATION: 22,
  REBALANCE_IN_PROGRESS: 27,
}

const offsetsOf = messages => messages.map(({ offset }) => offset)

const code = errorCode => write(encoder => encoder.writeInt16(errorCode))

describe('answers that brokers seldom give', { concurrency: 6 }, () => {
  for (const version of [0, 1]) {
    contract(`4.5 messages of format ${version}`, NO_TOPIC, async context => {
      const records = Buffer.concat([
        entry(0, version, { timestamp: 1000, key: 'a', value: 'one' }),
        entry(1, version, { timestamp: 1001, key: null, value: 'two' }),
        entry(4, version, { timestamp: 1002, key: 'c', value: null }),
      ])
      const fetch = ({ offset }) => (offset < 5 ? { records, end: 5 } : { end: 5 })
      const { seen } = await consumeScripted(context, { fetch })
      await waitFor(() => seen.messages.length === 3, DEADLINE)
      context.record('keys', seen.messages.map(Object.keys))
      context.record('messages', seen.messages)
    })
  }

  for (const fromBeginning of [true, false]) {
    for (const autoCommit of [true, false]) {
      const name = `fromBeginning ${fromBeginning}, autoCommit ${autoCommit}`
      contract(`4.12 OFFSET_OUT_OF_RANGE, ${name}`, NO_TOPIC, async context => {
        const { record } = context
        const { broker, consumer, seen } = await consumeScripted(
          context,
          { fetch: serve(52, 40), offsetAt: timestamp => (timestamp === -2 ? 40 : 50) },
          { fromBeginning, run: { autoCommit } }
        )
        await waitFor(() => seen.messages.length > 0, DEADLINE)
        record('begins', seen.messages[0].offset)
        await waitFor(() => seen.messages.at(-1).offset === '51', DEADLINE)
        seen.messages.length = 0
        consumer.seek({ topic: TOPIC, partition: 0, offset: '3' })
        await waitFor(() => seen.messages.length > 0, DEADLINE)
        record('goes on', seen.messages[0].offset)
        const reset = fromBeginning ? '-2' : '-1'
        await waitFor(() => broker.commits.some(({ offset }) => offset === reset), DEADLINE)
        record('lines', linesOf(context, 'Offset out of range'))
        record('joins', seen.joins)
      })
    }
  }

  contract('4.12 UNKNOWN_MEMBER_ID: joins again as a new member', NO_TOPIC, async context => {
    const { record } = context
    const members = []
    let refusals = 1
    const { broker, seen } = await consumeScripted(context, {
      fetch: serve(3),
      answers: {
        [API.JOIN_GROUP]: decoder => {
          decoder.readString()
          decoder.readInt32()
          decoder.readInt32()
          members.push(decoder.readString())
        },
        [API.HEARTBEAT]: () => (refusals-- > 0 ? code(UNKNOWN_MEMBER_ID) : undefined),
      },
    })
    await waitFor(() => seen.joins === 2, DEADLINE)
    await waitFor(() => broker.stored.get(0) === '3', DEADLINE)
    record('members', members)
    record('REBALANCING', seen.rebalancing)
    record('lines', linesOf(context, 'The coordinator is not aware'))
  })

  for (const [name, number] of Object.entries(REBALANCING_CODES)) {
    contract(`4.12 ${name}: is told, commits, and joins again`, NO_TOPIC, async context => {
      const { record } = context
      const members = []
      let refusals = 1
      const handled = () => seen?.messages.length === 3
      let seen
      const scene = await consumeScripted(context, {
        fetch: serve(3),
        answers: {
          [API.JOIN_GROUP]: decoder => {
            decoder.readString()
            decoder.readInt32()
            decoder.readInt32()
            members.push(decoder.readString())
          },
          [API.HEARTBEAT]: () => (handled() && refusals-- > 0 ? code(number) : undefined),
        },
      })
      seen = scene.seen
      await waitFor(() => seen.joins === 2, DEADLINE)
      record('members', members)
      record('REBALANCING', seen.rebalancing)
      record('lines', linesOf(context, 'The group is rebalancing'))
      record('committed', scene.broker.stored.get(0))
      record('offsets', offsetsOf(seen.messages))
    })
  }

  contract(
    '4.12 NOT_COORDINATOR_FOR_GROUP: the coordinator is looked for again',
    {
      ...NO_TOPIC,
      differences: {
        joins: {
          reason: 'a coordinator that moved knows the members: nobody has to wait for a rebalance',
          kafkajs: [2],
          ours: [1],
        },
        REBALANCING: { reason: 'there is none', kafkajs: [1], ours: [0] },
      },
    },
    async context => {
      const { record } = context
      let heartbeats = 0
      let asked = 0
      let askedBefore
      const { seen } = await consumeScripted(context, {
        fetch: serve(3),
        answers: {
          [API.FIND_COORDINATOR]: () => {
            asked++
          },
          [API.HEARTBEAT]: () => {
            heartbeats++
            if (heartbeats > 1) return undefined
            askedBefore = asked
            return code(NOT_COORDINATOR_FOR_GROUP)
          },
        },
      })
      await waitFor(() => heartbeats >= 4 && seen.messages.length === 3, DEADLINE)
      record('asked again', asked > askedBefore)
      record('offsets', offsetsOf(seen.messages))
      record('joins', seen.joins)
      record('REBALANCING', seen.rebalancing)
    }
  )

  contract('4.12 a connection that closes on fetch: it goes on', NO_TOPIC, async context => {
    const { library, record } = context
    let breaks = 1
    let crashes = 0
    const goes = serve(3)
    const { consumer, seen } = await consumeScripted(context, {
      fetch: ask => (breaks-- > 0 ? 'hang up' : goes(ask)),
    })
    consumer.on(consumer.events.CRASH, () => crashes++)
    await waitFor(() => seen.messages.length === 3, DEADLINE)
    record('offsets', offsetsOf(seen.messages))
    // Now and then kafkajs has no broker left by then, and begins anew.
    if (library === 'kafkajs-rs') assert.equal(crashes, 0)
  })

  contract('4.12 a codec that is not implemented: a crash, no restart', NO_TOPIC, async context => {
    const { kafkajs, record, onEnd } = context
    const { CompressionCodecs, CompressionTypes, KafkaJSNotImplemented } = kafkajs
    const builtin = CompressionCodecs[CompressionTypes.GZIP]
    onEnd(() => {
      CompressionCodecs[CompressionTypes.GZIP] = builtin
    })
    const records = entry(0, 1, { compression: 1, timestamp: 1, key: null, value: 'packed' })
    CompressionCodecs[CompressionTypes.GZIP] = () => {
      throw new KafkaJSNotImplemented('GZIP compression not implemented')
    }
    const { seen } = await consumeScripted(context, {
      fetch: ({ offset }) => (offset < 1 ? { records, end: 1 } : { end: 1 }),
    })
    const { error, restart } = await within(30_000, seen.crashed, 'CRASH')
    record('crash', [error.name, error.message, restart])
  })

  contract(
    '4.7 a commit that fails after a handler has failed',
    {
      ...NO_TOPIC,
      differences: {
        crash: {
          reason: 'the handler’s error is what is to be mended; kafkajs tells of the commit alone',
          kafkajs: [
            ['KafkaJSNonRetriableError', 'The metadata field of the offset request was too large'],
          ],
          ours: [['KafkaJSNumberOfRetriesExceeded', 'of the handler']],
        },
      },
    },
    async context => {
      const { record } = context
      const { seen } = await consumeScripted(
        context,
        {
          fetch: serve(3),
          answers: {
            [API.OFFSET_COMMIT]: () =>
              write(encoder => {
                encoder.writeInt32(1).writeString(TOPIC).writeInt32(1)
                encoder.writeInt32(0).writeInt16(OFFSET_METADATA_TOO_LARGE)
              }),
          },
        },
        {
          retry: { retries: 0, initialRetryTime: 20, restartOnFailure: async () => false },
          run: {
            eachMessage: async ({ message }) => {
              if (message.offset === '1') throw new Error('of the handler')
            },
          },
        }
      )
      const { error } = await within(30_000, seen.crashed, 'CRASH')
      record('crash', [error.name, error.cause?.message ?? error.message])
    }
  )

  contract('4.1 rackId is told, and the replica that is near is read', NO_TOPIC, async context => {
    const { record } = context
    const goes = serve(2)
    const { broker, seen } = await consumeScripted(
      context,
      { nodes: 2, fetch: ask => (ask.node === 1 ? { end: 2, replica: 2 } : goes(ask)) },
      { rackId: 'rack-b' }
    )
    await waitFor(() => seen.messages.length === 2, DEADLINE)
    record('offsets', offsetsOf(seen.messages))
    record('racks', [...new Set(broker.asks.map(({ rack }) => rack))])
    const told = broker.asks.filter(({ offset }) => offset === 0)
    record('nodes', [...new Set(told.map(({ node }) => node))].sort())
  })
})
