'use strict'

/** Contract 4.4 to 4.6: what one answer of a broker becomes; a scripted broker gives it. */

const { describe } = require('node:test')
const createRecord = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
const { contract, waitFor } = require('../harness')
const { batch, consumeScripted } = require('./scriptedConsumer')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }

/** @returns {Promise<Buffer>} a record batch that compaction has left `offsets` of */
const compacted = async (firstOffset, lastOffset, offsets) => {
  const { buffer } = await RecordBatch({
    firstOffset,
    lastOffsetDelta: lastOffset - firstOffset,
    records: offsets.map(offset =>
      createRecord({ offsetDelta: offset - firstOffset, key: null, value: `v${offset}` })
    ),
    firstTimestamp: 1000,
    maxTimestamp: 1000,
  })
  return buffer
}

/** What a batch says of itself. */
const describeBatch = given => ({
  offsets: given.messages.map(({ offset }) => offset),
  fetchedOffset: given.fetchedOffset,
  highWatermark: given.highWatermark,
  raw: given.rawMessages.length,
  within: given.messagesWithinOffset.length,
  first: given.firstOffset(),
  last: given.lastOffset(),
  lag: given.offsetLag(),
  lagLow: given.offsetLagLow(),
})

/**
 * Consumes by eachBatch what `pieces` (`{ to, bytes }`: record batches) hold, until `calls` calls have ended and `end` was
 * asked for. An answer begins with the record batch that holds what is asked for.
 */
async function consumePieces(context, pieces, { calls = 1, end, handle = () => {}, ...run }) {
  const fetch = ({ offset }) => {
    const rest = pieces.filter(({ to }) => to >= offset)
    return rest.length > 0
      ? { records: Buffer.concat(rest.map(({ bytes }) => bytes)), end }
      : { end }
  }
  const batches = []
  const eachBatch = async payload => {
    batches.push(describeBatch(payload.batch))
    handle(payload, batches.length)
  }
  const { broker, consumer } = await consumeScripted(
    context,
    { fetch },
    { run: { eachMessage: undefined, eachBatch, ...run } }
  )
  const isAskedFor = () => broker.asks.some(({ offset }) => offset === end)
  await waitFor(() => batches.length === calls && isAskedFor(), DEADLINE)
  await consumer.disconnect()
  context.record('committed', broker.stored.get(0))
  return batches
}

describe('what an answer of a broker becomes', { concurrency: 6 }, () => {
  contract('4.4 several record batches of an answer', NO_TOPIC, async context => {
    const pieces = [
      { to: 1, bytes: await batch(0, ['a', 'b']) },
      { to: 2, bytes: await batch(2, ['c']) },
      { to: 4, bytes: await batch(3, ['d', 'e']) },
    ]
    const batches = await consumePieces(context, pieces, { end: 5 })
    context.record('batches', batches)
  })

  contract('4.6 an answer that begins before what was asked for', NO_TOPIC, async context => {
    const pieces = [{ to: 5, bytes: await batch(0, ['a', 'b', 'c', 'd', 'e', 'f']) }]
    const batches = await consumePieces(context, pieces, {
      calls: 2,
      end: 6,
      eachBatchAutoResolve: false,
      handle: ({ batch: given, resolveOffset }, call) =>
        resolveOffset(call === 1 ? '2' : given.lastOffset()),
    })
    context.record('batches', batches)
  })

  contract('4.6 what compaction took from the end of a batch', NO_TOPIC, async context => {
    const pieces = [
      { to: 4, bytes: await compacted(0, 4, [0, 2]) },
      { to: 6, bytes: await batch(5, ['f', 'g']) },
    ]
    const batches = await consumePieces(context, pieces, { end: 7 })
    context.record('batches', batches)
  })

  const PASSED_OVER = {
    reason: 'a group that begins anew need not ask again for what is not there',
    kafkajs: ['3'],
    ours: ['5'],
  }
  const passedOver = { ...NO_TOPIC, differences: { committed: PASSED_OVER } }
  contract('4.6 what compaction took from the end of an answer', passedOver, async context => {
    const pieces = [{ to: 4, bytes: await compacted(0, 4, [0, 2]) }]
    const batches = await consumePieces(context, pieces, { end: 5 })
    context.record('batches', batches)
  })
})
