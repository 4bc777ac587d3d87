'use strict'

/**
 * Kafka's ConsumerProtocol, version 0 on the wire whatever `version` says: what members tell the leader when they
 * join (subscription), and what the leader tells them (assignment). Newer versions only append fields, so a
 * Java member's bytes decode too.
 *
 * @see https://kafka.apache.org/protocol (ConsumerProtocolSubscription, ConsumerProtocolAssignment)
 */

const NO_BYTES = Buffer.alloc(0)

const int16 = value => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}

const int32 = value => {
  const bytes = Buffer.alloc(4)
  bytes.writeInt32BE(value)
  return bytes
}

const string = value => {
  const bytes = Buffer.from(value)
  return Buffer.concat([int16(bytes.length), bytes])
}

const bytes = value => {
  if (value == null) return int32(-1)
  const content = value instanceof Uint8Array ? value : Buffer.from(String(value))
  return Buffer.concat([int32(content.length), content])
}

const array = (items, encode) => Buffer.concat([int32(items.length), ...items.map(encode)])

/** Reads from the start of a Buffer on; what runs past its end throws Node's RangeError, or is cut off. */
class Reader {
  constructor(buffer) {
    this.buffer = buffer
    this.at = 0
  }

  int16() {
    const value = this.buffer.readInt16BE(this.at)
    this.at += 2
    return value
  }

  int32() {
    const value = this.buffer.readInt32BE(this.at)
    this.at += 4
    return value
  }

  /** @returns {Buffer | null} a view, not a copy */
  bytes(length = this.int32()) {
    if (length < 0) return null
    const value = this.buffer.subarray(this.at, this.at + length)
    this.at += length
    return value
  }

  string() {
    return this.bytes(this.int16())?.toString('utf8') ?? null
  }

  array(read) {
    const items = []
    for (let left = this.int32(); left > 0; left--) items.push(read(this))
    return items
  }
}

/** Subscription of a member: what `assigner.protocol()` gives and `assigner.assign()` gets. */
const MemberMetadata = {
  /**
   * @param {object} metadata
   * @param {number} metadata.version of the assigner; int16
   * @param {string[]} metadata.topics
   * @param {Buffer | string | null} [metadata.userData] anything of the assigner's own; no bytes by default
   * @returns {Buffer}
   */
  encode({ version, topics, userData = NO_BYTES }) {
    return Buffer.concat([int16(version), array(topics, string), bytes(userData)])
  },

  /**
   * @param {Buffer} buffer
   * @returns {{ version: number, topics: string[], userData: Buffer | null }}
   * @throws {RangeError} if it is too short
   */
  decode(buffer) {
    const reader = new Reader(buffer)
    return {
      version: reader.int16(),
      topics: reader.array(each => each.string()),
      userData: reader.bytes(),
    }
  },
}

/** Partitions of a member: what `assigner.assign()` gives for each. */
const MemberAssignment = {
  /**
   * @param {object} options
   * @param {number} options.version of the assigner; int16
   * @param {Record<string, number[]>} options.assignment partitions by topic
   * @param {Buffer | string | null} [options.userData] anything of the assigner's own; no bytes by default
   * @returns {Buffer}
   */
  encode({ version, assignment, userData = NO_BYTES }) {
    const topic = name => Buffer.concat([string(name), array(assignment[name], int32)])
    return Buffer.concat([int16(version), array(Object.keys(assignment), topic), bytes(userData)])
  },

  /**
   * @param {Buffer} buffer
   * @returns {{ version: number, assignment: Record<string, number[]>, userData: Buffer | null } | null} `null`
   *   for the empty assignment that a member without partitions gets
   * @throws {RangeError} if it is too short
   */
  decode(buffer) {
    if (buffer.length < 2) return null
    const reader = new Reader(buffer)
    const version = reader.int16()
    const topics = reader.array(each => [each.string(), each.array(one => one.int32())])
    return { version, assignment: Object.fromEntries(topics), userData: reader.bytes() }
  },
}

module.exports = { MemberMetadata, MemberAssignment }
