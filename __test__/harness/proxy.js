'use strict'

/**
 * A TCP proxy that breaks connections on demand.
 *
 *     const { cluster, proxies, brokers } = await startProxied()   // clients of `brokers` come through the proxy
 *     proxies[0].halfOpen()   // nothing passes, nothing is closed, as when a cable is pulled
 *     proxies[0].pass()       // what was held back arrives
 */

const net = require('node:net')
const { once } = require('node:events')
const { setTimeout: sleep } = require('node:timers/promises')
const { startSingle, startThree, freePorts } = require('../../broker')

/** Above this much undelivered data a direction stops reading, as a full TCP window would. */
const HIGH_WATER_BYTES = 1 << 20

/**
 * @typedef {'toServer' | 'toClient' | 'both'} Direction
 *
 * @typedef {object} Rule  how one direction behaves
 * @property {boolean} held       nothing is delivered
 * @property {number} delay       milliseconds between arrival and delivery
 * @property {number} piece       bytes delivered at once, each piece on its own
 * @property {number} rate        bytes per second
 */

/** @returns {Rule} */
function passing() {
  return { held: false, delay: 0, piece: Number.POSITIVE_INFINITY, rate: Number.POSITIVE_INFINITY }
}

/** One direction of one connection: a queue of what has arrived, delivered by the rule of the moment. */
class Flow {
  /**
   * @param {net.Socket} source
   * @param {net.Socket} sink
   * @param {() => Rule} rule
   * @param {() => void} destroy  ends the connection, both directions
   */
  constructor(source, sink, rule, destroy) {
    this.source = source
    this.sink = sink
    this.rule = rule
    this.destroy = destroy
    this.queue = []
    this.queuedBytes = 0
    this.ended = false
    this.budget = undefined
    this.wake = () => {}
    source.on('data', chunk => {
      this.queue.push({ chunk, arrived: performance.now() })
      this.queuedBytes += chunk.length
      if (this.queuedBytes > HIGH_WATER_BYTES) source.pause()
      this.wake()
    })
    source.on('end', () => {
      this.ended = true
      this.wake()
    })
    this.deliver().catch(destroy)
  }

  /** Resolves when something has changed: data, the end, a rule, or the connection's death. */
  change() {
    return new Promise(resolve => {
      this.wake = resolve
    })
  }

  async deliver() {
    while (!this.sink.destroyed) {
      const { held } = this.rule()
      const [first] = this.queue
      if (held || (first === undefined && !this.ended)) {
        await this.change()
      } else if (first === undefined) {
        this.sink.end()
        return
      } else {
        await this.deliverPiece(first)
      }
    }
  }

  async deliverPiece(first) {
    const { delay, piece, rate } = this.rule()
    const wait = first.arrived + delay - performance.now()
    if (wait > 0) {
      // In short steps: the rule may change meanwhile.
      await sleep(Math.min(wait, 10))
      return
    }
    // A tenth of a second's worth at most, so that a rate is smooth.
    const size = Math.max(1, Math.min(first.chunk.length, piece, Math.floor(rate / 10)))
    const allowed = Math.min(size, this.budget ?? size)
    const bytes = first.chunk.subarray(0, allowed)
    this.take(first, allowed)
    if (allowed > 0 && !this.sink.write(bytes)) await once(this.sink, 'drain')
    if (this.budget !== undefined) {
      this.budget -= allowed
      if (this.budget === 0) this.destroy()
    }
    if (Number.isFinite(rate)) await sleep((allowed / rate) * 1000)
    // Pieces written in one turn of the loop would leave in one segment.
    else if (Number.isFinite(piece)) await sleep(1)
  }

  take(first, size) {
    if (size === first.chunk.length) this.queue.shift()
    else first.chunk = first.chunk.subarray(size)
    this.queuedBytes -= size
    if (this.queuedBytes <= HIGH_WATER_BYTES) this.source.resume()
  }
}

class FaultProxy {
  /** @param {{ host?: string, port: number }} target */
  constructor(target) {
    this.target = target
    this.rules = { toServer: passing(), toClient: passing() }
    this.connections = new Set()
    /** How many clients have ever connected. */
    this.accepted = 0
    this.server = net.createServer({ allowHalfOpen: true }, client => this.accept(client))
    this.closed = false
  }

  /** @returns {string} host:port for clients */
  get address() {
    return `127.0.0.1:${this.port}`
  }

  /** Listens again after refuse(), on the same port. */
  async listen(port = this.port ?? 0) {
    this.server.listen({ host: '127.0.0.1', port })
    await once(this.server, 'listening')
    this.port = this.server.address().port
  }

  accept(client) {
    this.accepted += 1
    const server = net.connect({ host: '127.0.0.1', ...this.target, allowHalfOpen: true })
    const connection = { client, server, flows: [] }
    const destroy = () => {
      for (const socket of [client, server]) {
        // libuv refuses to reset a socket that is shutting down, and Node then never gets rid of its handle.
        if (socket.writableEnded) socket.destroy()
        else socket.resetAndDestroy()
      }
      for (const flow of connection.flows) flow.wake()
      this.connections.delete(connection)
    }
    connection.destroy = destroy
    connection.flows = [
      new Flow(client, server, () => this.rules.toServer, destroy),
      new Flow(server, client, () => this.rules.toClient, destroy),
    ]
    for (const socket of [client, server]) {
      socket.setNoDelay(true)
      socket.on('error', () => this.whenPassing(connection))
      socket.on('close', () => {
        if (client.destroyed && server.destroyed) this.connections.delete(connection)
      })
    }
    this.connections.add(connection)
  }

  /** A peer's death is news that a dead network does not carry: it is passed on when data would be. */
  whenPassing(connection) {
    connection.broken = true
    if (!this.rules.toServer.held && !this.rules.toClient.held) connection.destroy()
  }

  /** Everything passes again at once; what was held back first. */
  pass() {
    this.change('both', passing())
    for (const connection of [...this.connections]) {
      if (connection.broken) connection.destroy()
    }
  }

  /** Resets every connection. New ones are accepted. */
  cut() {
    for (const connection of [...this.connections]) connection.destroy()
  }

  /** Resets every connection and refuses new ones, until listen(). */
  async refuse() {
    const closed = once(this.server, 'close')
    this.server.close()
    this.cut()
    await closed
  }

  /**
   * Resets each open connection after that many more bytes: in the middle of a frame, if so chosen.
   *
   * @param {number} bytes
   * @param {'toServer' | 'toClient'} [direction] default toClient
   */
  cutAfter(bytes, direction = 'toClient') {
    for (const { flows } of this.connections) flows[direction === 'toServer' ? 0 : 1].budget = bytes
  }

  /** @param {number} milliseconds later than it came @param {Direction} [direction] default both */
  delay(milliseconds, direction = 'both') {
    this.change(direction, { ...passing(), delay: milliseconds })
  }

  /** Nothing arrives any more and nobody is told, as with a cable pulled. @param {Direction} [direction] default both */
  halfOpen(direction = 'both') {
    this.change(direction, { ...passing(), held: true })
  }

  /** @param {number} bytesPerSecond for each connection @param {Direction} [direction] default both */
  limit(bytesPerSecond, direction = 'both') {
    this.change(direction, { ...passing(), rate: bytesPerSecond })
  }

  /** Delivers in pieces of that many bytes, so that frames arrive in parts. @param {Direction} [direction] default both */
  split(bytes, direction = 'both') {
    this.change(direction, { ...passing(), piece: bytes })
  }

  change(direction, rule) {
    if (direction !== 'toClient') this.rules.toServer = rule
    if (direction !== 'toServer') this.rules.toClient = rule
    for (const { flows } of this.connections) for (const flow of flows) flow.wake()
  }

  /** Resets every connection and stops. Calling it again does nothing. */
  async close() {
    if (this.closed) return
    this.closed = true
    if (this.server.listening) await this.refuse()
  }
}

/**
 * @param {{ host?: string, port: number }} target where connections go; host default 127.0.0.1
 * @param {{ port?: number }} [options] port to listen on; default: a free one
 * @returns {Promise<FaultProxy>}
 */
async function startProxy(target, { port } = {}) {
  const proxy = new FaultProxy(target)
  await proxy.listen(port)
  return proxy
}

/**
 * A cluster of its own with a proxy before each node: clients that start from `brokers` stay behind the proxies,
 * because the nodes advertise them. Replication does not pass through.
 *
 * @param {object} [options]
 * @param {1 | 3} [options.nodes] default 1
 * @param {Record<string, string | number>} [options.overrides] broker properties
 * @returns {Promise<{ cluster: import('../../broker/cluster').Cluster, proxies: FaultProxy[], brokers: string[], stop(): Promise<void> }>}
 */
async function startProxied({ nodes = 1, overrides } = {}) {
  const advertised = await freePorts(nodes)
  const start = nodes === 3 ? startThree : startSingle
  const cluster = await start({ advertised, overrides })
  const proxies = await Promise.all(
    advertised.map((port, i) => startProxy({ port: cluster.proxyTargets[i] }, { port }))
  )
  return {
    cluster,
    proxies,
    brokers: proxies.map(({ address }) => address),
    async stop() {
      await Promise.all(proxies.map(proxy => proxy.close()))
      await cluster.stop()
    },
  }
}

module.exports = { startProxied, startProxy }
