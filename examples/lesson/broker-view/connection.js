'use strict'

/**
 * One request to one broker over a socket of its own, without any Kafka client: what is printed from here is
 * what the broker itself says. Frames as in https://kafka.apache.org/protocol#protocol_common.
 */

const net = require('node:net')

const CLIENT_ID = 'lesson-broker-view'
const DEADLINE_MS = 10000

/** Builds a request body of the non-flexible protocol versions. */
class Writer {
  #parts = []

  int8(value) {
    return this.#number(1, buffer => buffer.writeInt8(value))
  }

  int16(value) {
    return this.#number(2, buffer => buffer.writeInt16BE(value))
  }

  int32(value) {
    return this.#number(4, buffer => buffer.writeInt32BE(value))
  }

  int64(value) {
    return this.#number(8, buffer => buffer.writeBigInt64BE(BigInt(value)))
  }

  string(value) {
    const bytes = Buffer.from(value)
    this.int16(bytes.length)
    this.#parts.push(bytes)
    return this
  }

  #number(length, write) {
    const buffer = Buffer.alloc(length)
    write(buffer)
    this.#parts.push(buffer)
    return this
  }

  toBuffer() {
    return Buffer.concat(this.#parts)
  }
}

/** Reads a response body of the non-flexible protocol versions. */
class Reader {
  #buffer
  #at = 0

  constructor(buffer) {
    this.#buffer = buffer
  }

  int16() {
    this.#at += 2
    return this.#buffer.readInt16BE(this.#at - 2)
  }

  int32() {
    this.#at += 4
    return this.#buffer.readInt32BE(this.#at - 4)
  }

  int64() {
    this.#at += 8
    return this.#buffer.readBigInt64BE(this.#at - 8)
  }

  boolean() {
    this.#at += 1
    return this.#buffer[this.#at - 1] !== 0
  }

  string() {
    return this.#slice(this.int16())?.toString() ?? null
  }

  bytes() {
    return this.#slice(this.int32())
  }

  /** `read` is called once per element; a null array reads as an empty one. */
  array(read) {
    return Array.from({ length: Math.max(this.int32(), 0) }, () => read(this))
  }

  #slice(length) {
    if (length < 0) return null
    this.#at += length
    return this.#buffer.subarray(this.#at - length, this.#at)
  }
}

/**
 * @param {string} broker - `host:port`
 * @param {object} request
 * @param {number} request.apiKey
 * @param {number} request.apiVersion - a version with request header v1, that is, not a flexible one
 * @param {Writer} request.body
 * @returns {Promise<Reader>} the body of the answer
 */
function ask(broker, { apiKey, apiVersion, body }) {
  const header = new Writer().int16(apiKey).int16(apiVersion).int32(1).string(CLIENT_ID).toBuffer()
  const payload = Buffer.concat([header, body.toBuffer()])
  const [host, port] = broker.split(':')

  return new Promise((resolve, reject) => {
    const socket = net.connect({ host, port: Number(port) })
    const chunks = []
    const fail = reason => {
      socket.destroy()
      reject(new Error(`${broker} did not answer API key ${apiKey}: ${reason}`))
    }
    socket.setTimeout(DEADLINE_MS, () => fail(`silent for ${DEADLINE_MS} ms`))
    socket.on('error', error => fail(error.message))
    socket.on('close', () => fail('connection closed'))
    socket.on('connect', () => socket.write(Buffer.concat([int32(payload.length), payload])))
    socket.on('data', chunk => {
      chunks.push(chunk)
      const received = Buffer.concat(chunks)
      if (received.length < 4 || received.length < 4 + received.readInt32BE(0)) return
      socket.removeAllListeners('close').destroy()
      resolve(new Reader(received.subarray(8)))
    })
  })
}

function int32(value) {
  const buffer = Buffer.alloc(4)
  buffer.writeInt32BE(value)
  return buffer
}

module.exports = { Writer, ask }
