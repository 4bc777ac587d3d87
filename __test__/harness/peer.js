'use strict'

/** A server that is no Kafka, or a bad one: it answers each request with the bytes a test gives it. */

const net = require('node:net')
const { once } = require('node:events')
const { closeServer } = require('./server')

/**
 * @typedef {object} Request
 * @property {number} apiKey
 * @property {number} apiVersion
 * @property {number} correlationId
 * @property {Buffer} bytes  the whole request, without its size
 *
 * @typedef {Buffer | Buffer[] | 'hang up' | undefined} Answer
 *   bytes to write as they are (a list: one write after the other), an end of the connection, or silence
 *
 * @typedef {object} Peer
 * @property {number} port
 * @property {string} address      host:port
 * @property {Request[]} requests  all that came, on all connections
 * @property {number} connections  how many clients have connected
 * @property {() => Promise<void>} close
 */

/**
 * @param {object} script
 * @param {(request: Request, index: number, connection: number) => Answer | Promise<Answer>} [script.answer]  index:
 *   number of the request on its connection, from 0; connection: its number, from 1; default: silence
 * @param {(socket: net.Socket) => void} [script.connected]  called for each client, before any request
 * @param {boolean} [script.concurrent]  true: answers are asked for as requests come, and given in their order; default
 *   false: a request is read when the one before is answered, as Kafka does
 * @returns {Promise<Peer>}
 */
async function startPeer({
  answer = () => undefined,
  connected = () => {},
  concurrent = false,
} = {}) {
  const requests = []
  const sockets = new Set()
  const server = net.createServer(socket => {
    peer.connections += 1
    const connection = peer.connections
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    connected(socket)
    const answered = async (request, index) => {
      requests.push(request)
      return answer(request, index, connection)
    }
    serve(socket, answered, concurrent)
  })
  server.listen({ host: '127.0.0.1', port: 0 })
  await once(server, 'listening')
  const { port } = server.address()
  const peer = {
    port,
    address: `127.0.0.1:${port}`,
    requests,
    connections: 0,
    close: () => closeServer(server, sockets),
  }
  return peer
}

async function serve(socket, answer, concurrent) {
  let index = 0
  let open = Promise.resolve(true)
  for await (const bytes of frames(socket)) {
    const reply = answer(parse(bytes), index)
    index += 1
    open = open.then(async isOpen => isOpen && write(socket, await reply))
    if (!concurrent && !(await open)) return
  }
}

/** @returns {boolean} whether the connection goes on */
function write(socket, reply) {
  if (reply === 'hang up') {
    socket.end()
    return false
  }
  for (const part of reply === undefined ? [] : [reply].flat()) socket.write(part)
  return true
}

async function* frames(socket) {
  let received = Buffer.alloc(0)
  try {
    for await (const chunk of socket) {
      received = Buffer.concat([received, chunk])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const size = received.readInt32BE(0)
        yield received.subarray(4, 4 + size)
        received = received.subarray(4 + size)
      }
    }
  } catch (error) {
    // The client reset the connection: that is its right, and the test's matter.
    if (error.code !== 'ECONNRESET' && error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error
  }
}

function parse(bytes) {
  return {
    apiKey: bytes.readInt16BE(0),
    apiVersion: bytes.readInt16BE(2),
    correlationId: bytes.readInt32BE(4),
    bytes,
  }
}

/**
 * A well-formed answer.
 *
 * @param {Request} request  whose correlation id it carries
 * @param {Buffer} body  after the header v0
 * @returns {Buffer} size, correlation id, body
 */
function response({ correlationId }, body) {
  const head = Buffer.alloc(8)
  head.writeInt32BE(4 + body.length, 0)
  head.writeInt32BE(correlationId, 4)
  return Buffer.concat([head, body])
}

/**
 * The body of an ApiVersions v0 answer.
 *
 * @param {Record<number, [number, number]>} ranges  API key -> lowest and highest version
 * @param {number} [errorCode] default 0
 * @returns {Buffer}
 */
function apiVersionsBody(ranges, errorCode = 0) {
  const keys = Object.entries(ranges)
  const body = Buffer.alloc(6 + 6 * keys.length)
  body.writeInt16BE(errorCode, 0)
  body.writeInt32BE(keys.length, 2)
  for (const [i, [key, [lowest, highest]]] of keys.entries()) {
    body.writeInt16BE(Number(key), 6 + 6 * i)
    body.writeInt16BE(lowest, 8 + 6 * i)
    body.writeInt16BE(highest, 10 + 6 * i)
  }
  return body
}

module.exports = { apiVersionsBody, response, startPeer }
