'use strict'

const { once } = require('node:events')

/**
 * Ends a server and all of its connections.
 *
 * @param {import('node:net').Server} server
 * @param {Iterable<import('node:net').Socket>} sockets  those that may be open
 */
async function closeServer(server, sockets) {
  const closed = once(server, 'close')
  server.close()
  for (const socket of sockets) socket.destroy()
  await closed
}

module.exports = { closeServer }
