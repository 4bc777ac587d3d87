'use strict'

/**
 * Ports nobody uses. They lie below the range from which systems choose the local port of outgoing connections
 * (32768 on Linux, 49152 elsewhere): a broker that is killed gets its port back when it starts again.
 */

const net = require('node:net')

const LOWEST = 15000
const HIGHEST = 32000
const MAX_TRIES = 200

/**
 * @param {number} port
 * @returns {Promise<boolean>} whether a server can listen on 127.0.0.1:port now
 */
function isFree(port) {
  return new Promise(resolve => {
    const server = net.createServer()
    server.once('error', () => resolve(false))
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)))
  })
}

/**
 * @param {number} count
 * @returns {Promise<number[]>} that many different ports, free a moment ago
 * @throws {Error} if the machine has none left
 */
async function freePorts(count) {
  const ports = new Set()
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > MAX_TRIES * count) {
      throw new Error(`Found no free port between ${LOWEST} and ${HIGHEST}`)
    }
    const port = LOWEST + Math.floor(Math.random() * (HIGHEST - LOWEST))
    if (!ports.has(port) && (await isFree(port))) ports.add(port)
  }
  return [...ports]
}

module.exports = { freePorts, isFree }
