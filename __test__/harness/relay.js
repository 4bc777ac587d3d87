'use strict'

/**
 * A relay between client and broker that understands frames: it knows of each answer which request it belongs to, and may
 * give the client another one.
 */

const fs = require('node:fs')
const net = require('node:net')
const path = require('node:path')
const { once } = require('node:events')
const { closeServer } = require('./server')

const VERSION_TABLE = path.join(__dirname, '..', '..', 'src', 'protocol', 'versions.rs')
const API_VERSIONS = 18

/**
 * @typedef {object} Answer
 * @property {number} apiKey
 * @property {number} apiVersion
 * @property {Buffer} header  correlation id, and in flexible versions a zero byte
 * @property {Buffer} body
 *
 * @typedef {object} Relay
 * @property {number} port
 * @property {(options: { host: string, port: number, ssl: object, onConnect: () => void }) => net.Socket} socketFactory
 *   for the client: every connection goes through the relay, whatever address a broker names
 * @property {Answer[]} answers  all that passed, as they came from the broker
 * @property {() => Promise<void>} close
 */

/** @returns {Map<number, number>} API key to its first flexible version, from the version table of the client */
function firstFlexible() {
  const table = fs.readFileSync(VERSION_TABLE, 'utf8')
  const rows = table.matchAll(/^ {4}(\d+) "\w+" .* flexible (\w+),/gm)
  const since = version => (/^\d+$/.test(version) ? Number(version) : Infinity)
  return new Map([...rows].map(([, key, version]) => [Number(key), since(version)]))
}

/** @returns {(chunk: Buffer) => void} calls back with every whole frame of a stream, its length left out */
function frames(onFrame) {
  let rest = Buffer.alloc(0)
  return chunk => {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 4 && rest.length >= 4 + rest.readInt32BE(0)) {
      const end = 4 + rest.readInt32BE(0)
      onFrame(rest.subarray(4, end))
      rest = rest.subarray(end)
    }
  }
}

/** @returns {Buffer} the bytes with their length before them */
function framed(...parts) {
  const bytes = Buffer.concat(parts)
  const size = Buffer.alloc(4)
  size.writeInt32BE(bytes.length)
  return Buffer.concat([size, bytes])
}

/**
 * @param {string} broker  host:port
 * @param {(answer: Answer) => Buffer | undefined} [change]  bytes for the client in place of the whole frame;
 *   `undefined` leaves it as it is
 * @param {(apiKey: number, request: Buffer) => void} [ask]  may change a request, header and all, in its place
 * @returns {Promise<Relay>}
 */
async function startRelay(broker, change = () => undefined, ask = () => {}) {
  const [host, port] = broker.split(':')
  const flexible = firstFlexible()
  const sockets = new Set()
  const answers = []
  const server = net.createServer(client => {
    const upstream = net.connect(Number(port), host)
    const asked = new Map()
    const onRequest = frames(frame => {
      const [apiKey, apiVersion] = [frame.readInt16BE(0), frame.readInt16BE(2)]
      asked.set(frame.readInt32BE(4), [apiKey, apiVersion])
      ask(apiKey, frame)
      upstream.write(framed(frame))
    })
    const onAnswer = frames(frame => {
      const [apiKey, apiVersion] = asked.get(frame.readInt32BE(0))
      // No broker of today puts a tagged field into a header: it is one zero byte.
      const end = apiKey !== API_VERSIONS && apiVersion >= flexible.get(apiKey) ? 5 : 4
      const answer = {
        apiKey,
        apiVersion,
        header: frame.subarray(0, end),
        body: frame.subarray(end),
      }
      answers.push(answer)
      client.write(change(answer) ?? framed(frame))
    })
    client.on('data', onRequest)
    upstream.on('data', onAnswer)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => [client, upstream].forEach(end => void end.destroy()))
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay = {
    port: server.address().port,
    socketFactory: ({ onConnect }) => net.connect(relay.port, '127.0.0.1', onConnect),
    answers,
    close: () => closeServer(server, sockets),
  }
  return relay
}

module.exports = { framed, startRelay }
