'use strict'

/**
 * Asks a port what it is, in the few bytes of the Kafka protocol that this takes: nothing of the client under test is
 * used, so a broken client cannot make a broker look dead.
 */

const net = require('node:net')

const API_VERSIONS = 18
const METADATA = 3
const FIND_COORDINATOR = 10
const CORRELATION_ID = 0x6b616661
const MAX_ANSWER_BYTES = 1 << 20

/**
 * A request with header v1 and no client id.
 *
 * @param {number} apiKey
 * @param {number} apiVersion
 * @param {Buffer} body
 * @returns {Buffer}
 */
function encodeRequest(apiKey, apiVersion, body) {
  const header = Buffer.alloc(14)
  header.writeInt32BE(10 + body.length, 0)
  header.writeInt16BE(apiKey, 4)
  header.writeInt16BE(apiVersion, 6)
  header.writeInt32BE(CORRELATION_ID, 8)
  header.writeInt16BE(-1, 12)
  return Buffer.concat([header, body])
}

/**
 * Sends one request on a connection of its own and gives the answer's body.
 *
 * @param {{ host?: string, port: number, timeout?: number }} address timeout in milliseconds, default 1000
 * @param {Buffer} request
 * @returns {Promise<{ connected: boolean, body?: Buffer }>} body is absent if no well-formed answer came in time
 */
function ask({ host = '127.0.0.1', port, timeout = 1000 }, request) {
  return new Promise(resolve => {
    const socket = net.connect({ host, port })
    let connected = false
    let received = Buffer.alloc(0)

    const timer = setTimeout(finish, timeout)
    function finish(body) {
      clearTimeout(timer)
      socket.destroy()
      resolve({ connected, body })
    }

    socket.on('connect', () => {
      connected = true
      socket.write(request)
    })
    socket.on('data', chunk => {
      received = Buffer.concat([received, chunk])
      if (received.length < 8) return
      const size = received.readInt32BE(0)
      if (size < 4 || size > MAX_ANSWER_BYTES) return finish()
      if (received.readInt32BE(4) !== CORRELATION_ID) return finish()
      if (received.length >= 4 + size) finish(received.subarray(8, 4 + size))
    })
    socket.on('error', () => finish())
    socket.on('close', () => finish())
  })
}

/**
 * What listens on a port: a Kafka that takes plaintext clients, something else, or nothing.
 *
 * @param {{ host?: string, port: number, timeout?: number }} address timeout in milliseconds, default 1000
 * @returns {Promise<'kafka' | 'other' | 'closed'>}
 */
async function probe(address) {
  const { connected, body } = await ask(address, encodeRequest(API_VERSIONS, 0, Buffer.alloc(0)))
  if (!connected) return 'closed'
  const isKafka =
    body !== undefined &&
    body.length >= 6 &&
    body.readInt16BE(0) === 0 &&
    body.readInt32BE(2) > 0 &&
    body.length === 6 + 6 * body.readInt32BE(2)
  return isKafka ? 'kafka' : 'other'
}

/**
 * How many brokers a node knows to be alive (Metadata v1 for no topic).
 *
 * @param {{ host?: string, port: number, timeout?: number }} address timeout in milliseconds, default 1000
 * @returns {Promise<number>} 0 if the node does not answer
 */
async function countBrokers(address) {
  const noTopic = Buffer.alloc(4)
  const { body } = await ask(address, encodeRequest(METADATA, 1, noTopic))
  return body !== undefined && body.length >= 4 ? body.readInt32BE(0) : 0
}

/**
 * Whether groups can be joined (FindCoordinator v0). The first to ask has the topic of their offsets made, which takes a
 * second.
 *
 * @param {{ host?: string, port: number, timeout?: number }} address timeout in milliseconds, default 1000
 * @returns {Promise<boolean>}
 */
async function isCoordinating(address) {
  const group = Buffer.from([0, 1, 'g'.charCodeAt(0)])
  const { body } = await ask(address, encodeRequest(FIND_COORDINATOR, 0, group))
  return body !== undefined && body.length >= 2 && body.readInt16BE(0) === 0
}

module.exports = { ask, countBrokers, encodeRequest, isCoordinating, probe }
