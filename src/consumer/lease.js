'use strict'

const Batch = require('./batch')
const FetchedRecords = require('./unpack')
const { offsetAfter } = require('./unpack')

/** Messages that are made at a time. */
const CHUNK = 512

/**
 * A batch that a handler works on: its records, and how far they are resolved.
 */
module.exports = class Lease {
  #run = 0
  #next

  /**
   * @param {object} params
   * @param {number} params.id number to give it back by
   * @param {import('./consumerGroup').Slot} params.slot its partition
   * @param {object} params.fetched what the core hands out, decompressed
   */
  constructor({ id, slot, fetched }) {
    this.id = id
    this.slot = slot
    this.records = new FetchedRecords(fetched)
    /** @type {string | null} last offset that was resolved, as the program gave it */
    this.resolved = null
    /** When the core was last told that the handler gets on, ms. */
    this.toldAt = 0
    this.#next = this.records.runs[0]?.[0] ?? 0
  }

  /** kafkajs' payload of START_BATCH_PROCESS. */
  describe() {
    const { records, slot } = this
    // A batch without any message knows its offsets as kafkajs' class `Batch` does.
    const bare = new Batch({
      topic: slot.topic,
      partition: slot.partition,
      highWatermark: records.highWatermark,
      fetchedOffset: records.fetchedOffset,
      rawMessages: [],
      messagesWithinOffset: ends(records),
      messages: [],
    })
    return {
      topic: slot.topic,
      partition: slot.partition,
      highWatermark: records.highWatermark,
      offsetLag: bare.offsetLag(),
      offsetLagLow: bare.offsetLagLow(),
      batchSize: records.count,
      firstOffset: bare.firstOffset(),
      lastOffset: bare.lastOffset(),
    }
  }

  /** @returns {object[]} the next messages; empty once all have been given */
  nextMessages() {
    const { records } = this
    const run = records.runs[this.#run]
    if (!run) return []
    const from = this.#next
    const to = Math.min(from + CHUNK, run[1])
    const messages = new Array(to - from)
    records.unpack(from, to, messages, 0)
    this.#next = to
    if (to === run[1]) {
      this.#run++
      this.#next = records.runs[this.#run]?.[0] ?? 0
    }
    return messages
  }

  /**
   * All messages at once.
   *
   * @param {() => Promise<void> | null} breathe called between chunks; gives a promise when it is time to let others run
   * @returns {Promise<Batch>}
   */
  async toBatch(breathe) {
    const { records, slot } = this
    const unpackAll = async (from, to) => {
      const messages = new Array(to - from)
      for (let at = from; at < to; at += CHUNK) {
        records.unpack(at, Math.min(at + CHUNK, to), messages, at - from)
        const pause = breathe()
        if (pause) await pause
      }
      return messages
    }

    const all = await unpackAll(0, records.total)
    const within = records.skipped === 0 ? all : all.slice(records.skipped)
    const isWhole = records.isWhole
    return new Batch({
      topic: slot.topic,
      partition: slot.partition,
      highWatermark: records.highWatermark,
      fetchedOffset: records.fetchedOffset,
      rawMessages: isWhole ? all : records.withControl(all, 0),
      messagesWithinOffset: isWhole ? within : records.withControl(within, records.skipped),
      messages: isWhole ? within : records.runs.flatMap(([from, to]) => all.slice(from, to)),
    })
  }

  /** @returns {string} the last offset it stands for, control records and gaps of compaction included */
  endOffset() {
    return offsetAfter(this.records.nextOffset, -1)
  }

  /**
   * Where reading has to go on.
   *
   * @returns {string | null} `null`: behind the batch
   */
  resumeAt() {
    const { records, resolved } = this
    if (resolved === null) return records.fetchedOffset
    const next = offsetAfter(resolved)
    const last = records.lastVisibleOffset()
    const isDone = last === null || BigInt(resolved) >= BigInt(last)
    return isDone && BigInt(next) <= BigInt(records.nextOffset) ? null : next
  }
}

/** Stand-ins for the messages that `Batch` looks at for its first and last offset. */
const ends = records => {
  const first = records.firstOffset()
  return first === null ? [] : [{ offset: first }, { offset: records.lastOffset() }]
}
