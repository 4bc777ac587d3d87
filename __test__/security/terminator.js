'use strict'

/** A TLS server with any certificate in front of the Kafka that tests share. */

const { once } = require('node:events')
const net = require('node:net')
const tls = require('node:tls')
const { brokers } = require('../harness')
const { closeServer } = require('../harness/server')

/**
 * @param {tls.TlsOptions} options
 * @returns {Promise<{ port: number, sockets: tls.TLSSocket[], close: () => Promise<void> }>} listens on 127.0.0.1;
 *   `sockets` are all that have shaken hands
 */
async function startTerminator(options) {
  const [address] = await brokers()
  const [host, port] = address.split(':')
  const open = new Set()
  const sockets = []
  const track = socket => {
    open.add(socket)
    socket.on('close', () => open.delete(socket))
    // A client that does not like what it sees resets the connection: that is what is tested.
    socket.on('error', () => socket.destroy())
  }
  const server = tls.createServer(options, socket => {
    sockets.push(socket)
    const upstream = net.connect({ host, port: Number(port) })
    track(upstream)
    socket.pipe(upstream).pipe(socket)
  })
  server.on('connection', track)
  server.on('secureConnection', track)
  server.on('tlsClientError', () => {})
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    sockets,
    close: () => closeServer(server, open),
  }
}

module.exports = { startTerminator }
