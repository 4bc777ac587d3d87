'use strict'

const { once } = require('node:events')
const net = require('node:net')
const createRequest = require('kafkajs/src/protocol/request')

const LENGTH_BYTES = 4
const CORRELATION_BYTES = 4
const ANSWER_DEADLINE_MS = 30000

/**
 * One socket to one broker, on which requests are bytes and answers are bytes. A broker answers in the order of the
 * requests.
 *
 * @param {string} broker - host:port
 */
async function connectRaw(broker) {
  const colon = broker.lastIndexOf(':')
  const socket = net.connect({
    host: broker.slice(0, colon),
    port: Number(broker.slice(colon + 1)),
  })
  socket.setNoDelay()
  await once(socket, 'connect')

  const waiting = []
  let chunks = []
  let received = 0
  let wanted = LENGTH_BYTES
  let failure = null

  socket.on('data', chunk => {
    chunks.push(chunk)
    received += chunk.length
    while (received >= wanted) {
      const bytes = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)
      const frame = LENGTH_BYTES + bytes.readInt32BE(0)
      chunks = [bytes]
      wanted = frame
      if (received < frame) break
      chunks = [bytes.subarray(frame)]
      received -= frame
      wanted = LENGTH_BYTES
      waiting.shift().resolve(bytes.subarray(LENGTH_BYTES + CORRELATION_BYTES, frame))
    }
  })
  const fail = error => {
    failure ??= error
    for (const { reject } of waiting.splice(0)) reject(failure)
  }
  socket.setTimeout(ANSWER_DEADLINE_MS, () => {
    if (waiting.length > 0) fail(new Error(`${broker} does not answer`))
  })
  socket.on('error', fail)
  socket.on('close', () => fail(new Error(`${broker} closed the connection`)))

  return {
    /** @param {Buffer} bytes - a whole request @returns {Promise<Buffer>} the answer's body */
    ask(bytes) {
      if (failure) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject })
        socket.write(bytes)
      })
    },

    /** For a request that has no answer: resolves when the socket has taken it. */
    tell(bytes) {
      if (failure) return Promise.reject(failure)
      return new Promise((resolve, reject) => {
        socket.write(bytes, error => (error ? reject(error) : resolve()))
      })
    },

    async close() {
      const closed = once(socket, 'close')
      socket.end()
      await closed
    },
  }
}

/**
 * @param {{ request: object }} protocol - as kafkajs' protocol/requests make them
 * @returns {Promise<Buffer>}
 */
async function encodeRequest({ request }) {
  const { buffer } = await createRequest({ correlationId: 0, clientId: 'raw', request })
  return buffer
}

module.exports = { connectRaw, encodeRequest }
