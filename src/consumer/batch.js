'use strict'

/** Decimal strings up to this length are exact as numbers, and so are the sums of a few of them. */
const SAFE_DIGITS = 15

const isSmall = offset =>
  typeof offset === 'string' && offset !== '' && offset.length <= SAFE_DIGITS

/** @returns {string} the offset before the end, minus `offset` */
const distanceToEnd = (highWatermark, offset) =>
  isSmall(highWatermark) && isSmall(offset)
    ? String(Number(highWatermark) - 1 - Number(offset))
    : String(BigInt(highWatermark) - 1n - BigInt(offset))

/**
 * Messages of one partition out of one fetch; they may come from several record batches.
 *
 * Programs spread it and assign to its properties, so they are plain ones and every method goes by what they
 * hold when it is called.
 */
module.exports = class Batch {
  /**
   * @param {object} fetched
   * @param {string} fetched.topic
   * @param {number} fetched.partition
   * @param {string} fetched.highWatermark offset after the last message of the partition
   * @param {string} fetched.fetchedOffset offset that the fetch asked for
   * @param {object[]} fetched.rawMessages all that came, including what lies before `fetchedOffset`
   * @param {object[]} fetched.messagesWithinOffset those from `fetchedOffset` on, control records included
   * @param {object[]} fetched.messages those that a program is to see. All three may be the same array.
   */
  constructor(fetched) {
    this.fetchedOffset = fetched.fetchedOffset
    this.topic = fetched.topic
    this.partition = fetched.partition
    this.highWatermark = fetched.highWatermark
    this.rawMessages = fetched.rawMessages
    this.messagesWithinOffset = fetched.messagesWithinOffset
    this.messages = fetched.messages
  }

  /** @returns {boolean} whether there is nothing for a program to see */
  isEmpty() {
    return this.messages.length === 0
  }

  /** @returns {boolean} whether nothing came from `fetchedOffset` on, control records included */
  isEmptyIncludingFiltered() {
    return this.messagesWithinOffset.length === 0
  }

  /** @returns {boolean} whether something came, but nothing that a program is to see */
  isEmptyDueToFiltering() {
    return this.isEmpty() && this.rawMessages.length > 0
  }

  /** @returns {boolean} whether it has a control record and nothing that a program is to see */
  isEmptyControlRecord() {
    return this.isEmpty() && this.messagesWithinOffset.some(message => message.isControlRecord)
  }

  /** @returns {boolean} whether all that came lies before `fetchedOffset`, the rest having been compacted away */
  isEmptyDueToLogCompactedMessages() {
    return this.rawMessages.length > 0 && this.isEmptyIncludingFiltered()
  }

  /** @returns {string | null} offset of the first message or control record; `null` if there is none */
  firstOffset() {
    return this.isEmptyIncludingFiltered() ? null : this.messagesWithinOffset[0].offset
  }

  /**
   * @returns {string} offset of the last message or control record; with nothing but older messages the fetched
   *   offset, with nothing at all the last offset of the partition
   */
  lastOffset() {
    if (!this.isEmptyIncludingFiltered()) return this.messagesWithinOffset.at(-1).offset
    if (this.isEmptyDueToLogCompactedMessages()) return this.fetchedOffset
    return distanceToEnd(this.highWatermark, '0')
  }

  /** @returns {string} how many offsets follow the last one of this batch */
  offsetLag() {
    return distanceToEnd(this.highWatermark, this.lastOffset())
  }

  /** @returns {string} how many offsets follow the first one of this batch; `'0'` if it is empty */
  offsetLagLow() {
    return this.isEmptyIncludingFiltered()
      ? '0'
      : distanceToEnd(this.highWatermark, this.firstOffset())
  }
}
