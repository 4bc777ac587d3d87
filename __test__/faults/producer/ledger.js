'use strict'

/** Every message that a test has sent, and what became of it: the whole topic is read back and compared. */

const assert = require('node:assert/strict')
const { readTopic } = require('../../producer/readTopic')

class Ledger {
  /**
   * @param {object} options
   * @param {string} options.topic
   * @param {number} options.partitions
   * @param {{ send: Function }} [options.producer]  may be set later
   */
  constructor({ topic, partitions, producer }) {
    this.topic = topic
    this.partitions = partitions
    this.producer = producer
    this.next = new Array(partitions).fill(0)
    /** Values whose send has resolved. */
    this.acknowledged = new Set()
    /** What the others were told. */
    this.errors = []
    this.outstanding = new Set()
  }

  /** @returns {{ value: string, partition: number }} a message that there was not before */
  message(partition) {
    const number = this.next[partition]
    this.next[partition] += 1
    return { value: `${partition}/${number}`, partition }
  }

  /**
   * One call with `count` messages for each of `partitions`; resolves when it has settled, one way or the other.
   *
   * @param {number[]} partitions
   * @param {number} [count]
   * @param {object} [call]  further members of the call
   */
  async send(partitions, count = 1, call = {}) {
    const messages = partitions.flatMap(partition =>
      Array.from({ length: count }, () => this.message(partition))
    )
    const sent = this.producer.send({ topic: this.topic, messages, ...call }).then(
      () => {
        for (const { value } of messages) this.acknowledged.add(value)
      },
      error => this.errors.push(error)
    )
    this.outstanding.add(sent)
    await sent
    this.outstanding.delete(sent)
  }

  /** Waits for everything that was sent. */
  async settled() {
    await Promise.all(this.outstanding)
  }

  get sent() {
    return this.next.reduce((sum, count) => sum + count, 0)
  }

  /**
   * @param {string[]} brokers
   * @param {object} [options]  of readTopic
   * @returns {Promise<{ lost: string[], doubled: string[], disordered: string[], stored: number }>}
   *   lost: acknowledged but not in the log; doubled: more than once; disordered: behind one that was sent later
   */
  async audit(brokers, options) {
    const read = await readTopic(brokers, this.topic, options)
    const seen = new Map()
    const highest = new Array(this.partitions).fill(-1)
    const disordered = []
    for (const { partition, value } of read) {
      const text = `${value}`
      const number = Number(text.split('/')[1])
      if (!seen.has(text) && number < highest[partition]) disordered.push(text)
      highest[partition] = Math.max(highest[partition], number)
      seen.set(text, (seen.get(text) ?? 0) + 1)
    }
    return {
      lost: [...this.acknowledged].filter(value => !seen.has(value)),
      doubled: [...seen].filter(([, count]) => count > 1).map(([value]) => value),
      disordered,
      stored: read.length,
    }
  }

  /**
   * Asserts that every send was acknowledged and every message is in the log: once and in order if `exactly`, at least
   * once if not.
   */
  async assertComplete(brokers, { exactly, ...options } = {}) {
    await this.settled()
    assert.deepEqual(this.errors.map(String).slice(0, 3), [], `${this.errors.length} sends failed`)
    assert.equal(this.acknowledged.size, this.sent)
    const { lost, doubled, disordered } = await this.audit(brokers, options)
    assert.deepEqual(lost.slice(0, 10), [], `${lost.length} of ${this.sent} lost`)
    if (!exactly) return
    assert.deepEqual(doubled.slice(0, 10), [], `${doubled.length} of ${this.sent} doubled`)
    assert.deepEqual(disordered.slice(0, 10), [], `${disordered.length} of ${this.sent} disordered`)
  }
}

module.exports = { Ledger }
