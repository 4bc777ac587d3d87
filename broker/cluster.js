'use strict'

/** One or three nodes that form a cluster, and what a test can do to each of them. */

const fs = require('node:fs')
const path = require('node:path')
const { LOCAL, install, templateWith, voters } = require('./installation')
const { NodeProcess } = require('./node-process')
const { freePorts } = require('./ports')
const { guard, release } = require('./guard')
const { end } = require('./process-table')
const { tlsKeys } = require('./tls-keys')

const CLUSTERS = path.join(LOCAL, 'clusters')

/** A broker that is asked to go hands its leaders over first; this is how long it may take. */
const SHUTDOWN_PATIENCE_MS = 8_000

/** Kafka's listener name -> key of `cluster.listeners`, and the host a client must use (certificates name localhost). */
const SECURED_LISTENERS = {
  SASL_PLAINTEXT: { key: 'saslPlaintext', host: '127.0.0.1' },
  SASL_SSL: { key: 'saslSsl', host: 'localhost' },
  SSL: { key: 'ssl', host: 'localhost' },
  MTLS: { key: 'mtls', host: 'localhost' },
  SASL_REAUTH: { key: 'saslReauth', host: '127.0.0.1' },
}

/** Users of the secured node. */
const USERS = {
  admin: { password: 'admin-secret', mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] },
  alice: { password: 'alice-secret', mechanisms: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'] },
  bob: { password: 'bob-secret', mechanisms: ['PLAIN'] },
}

class Cluster {
  /** Made by startCluster(), from its nodes and their addresses. */
  constructor({ nodes, directory, listeners, tls, guarded, proxied }) {
    /** Addresses of the plain listener, in the order of the nodes. */
    this.brokers = nodes.map(node => `127.0.0.1:${node.port}`)
    /** Addresses by kind of listener: `plaintext`, and what was asked for. */
    this.listeners = { plaintext: this.brokers, ...listeners }
    /** Ports of the listeners that advertise a proxy, one per node; empty without `advertised`. */
    this.proxyTargets = proxied
    /** Keys, if secured. */
    this.tls = tls
    /** Users and passwords, if secured. */
    this.users = tls && USERS
    this.directory = directory
    this.nodes = nodes
    this.guarded = guarded
  }

  /**
   * @param {number} n id of a node, from 1
   * @returns {NodeProcess}
   * @throws {RangeError} if there is no such node
   */
  node(n) {
    const node = this.nodes.find(({ id }) => id === n)
    if (node === undefined)
      throw new RangeError(`Node ${n} does not exist: this cluster has 1 to ${this.nodes.length}`)
    return node
  }

  /** SIGKILL: connections are reset, nothing is handed over. Resolves when the process is gone. */
  async kill(n = 1) {
    await this.node(n).end()
  }

  /** SIGTERM: leaders are handed over first. Resolves when the process is gone. */
  async shutdown(n = 1) {
    await this.node(n).end({ patience: SHUTDOWN_PATIENCE_MS })
  }

  /** SIGSTOP: connections stay open and nothing answers. */
  async pause(n = 1) {
    this.node(n).signal('SIGSTOP')
  }

  /** SIGCONT. */
  async resume(n = 1) {
    this.node(n).signal('SIGCONT')
  }

  /**
   * Starts a node again on its data and ports; one that still runs is shut down first. After a kill it answers only
   * when its old registration has expired, 3 to 5 s later.
   *
   * @param {number} [n]
   * @param {{ overrides?: Record<string, string | number> }} [options] properties that change with this start
   * @returns {Promise<void>} when it answers and sees every running node
   */
  async restart(n = 1, { overrides = {} } = {}) {
    const node = this.node(n)
    if (node.running) await this.shutdown(n)
    const lines = Object.entries(overrides).map(([key, value]) => `${key}=${value}\n`)
    fs.appendFileSync(node.propertiesFile, lines.join(''))
    node.spawn()
    await node.ready(this.nodes.filter(({ running }) => running).length)
  }

  /**
   * Kills all nodes and removes their data. Calling it again does nothing.
   *
   * @returns {Promise<void>}
   */
  async stop() {
    const marks = this.nodes.map(({ mark }) => mark).filter(mark => mark !== undefined)
    await end(marks)
    for (const node of this.nodes) node.forget()
    fs.rmSync(this.directory, { recursive: true, force: true })
    if (this.guarded) release({ directory: this.directory })
  }
}

/**
 * @typedef {object} StartOptions
 * @property {number} [port]        of the plain listener of node 1; the nodes 2 and 3 get port + 100 and + 200. Default: free ones.
 * @property {boolean} [secured]    also SASL, TLS and ACL listeners (one node only); default false
 * @property {number[]} [advertised]  for proxies: one port per node. Each node gets one more listener, at
 *   `cluster.proxyTargets`, whose clients are sent to the advertised port. Replication does not pass there.
 * @property {Record<string, string | number>} [overrides]  broker properties
 * @property {Record<string, number>} [features]  levels at which the cluster is formatted, by name, for instance
 *   { 'transaction.version': 1 }; default: the newest
 * @property {'test' | 'benchmark'} [workload]  default 'test': quick start, 512 MB
 * @property {boolean} [guarded]    ends when this process ends, however it ends; default true
 * @property {string} [directory]   default: a new one
 * @property {(line: string) => void} [log]  told before each step that takes long; default: standard error
 */

/**
 * @param {1 | 3} count
 * @param {StartOptions} options
 * @returns {Promise<Cluster>} when every node answers and sees the others
 * @throws {Error} that names what is missing on this machine, or with the end of the log of a node that did not start
 */
async function startCluster(count, options = {}) {
  const { port, log = line => console.error(`kafka: ${line}`) } = options
  const installed = await install(log)
  const installation = options.features
    ? { ...installed, template: await templateWith(installed, count, options.features) }
    : installed
  const tls = options.secured ? await tlsKeys(log) : undefined
  for (let attempt = 1; ; attempt += 1) {
    const cluster = await layOut(count, { ...options, installation, tls })
    try {
      for (const node of cluster.nodes) node.spawn()
      await Promise.all(cluster.nodes.map(node => node.ready(count)))
      return cluster
    } catch (error) {
      await cluster.stop()
      // Between the choice of a free port and its use, somebody else may have taken it.
      const stolen = port === undefined && /Address already in use/.test(error.message)
      if (!stolen || attempt === 3) throw error
    }
  }
}

async function layOut(count, options) {
  const {
    installation,
    tls,
    secured = false,
    advertised,
    guarded = true,
    workload = 'test',
  } = options
  const directory = options.directory ?? newDirectory()
  if (guarded) guard({ directory })

  const plain = await choosePorts(count, options.port)
  const controllers = await freePorts(count)
  const proxied = advertised ? await freePorts(count) : []
  const securedNames = secured ? Object.keys(SECURED_LISTENERS) : []
  const securedPorts = await choosePorts(securedNames.length, options.port && options.port + 1, 1)
  const listeners = {}
  for (const [i, name] of securedNames.entries()) {
    const { key, host } = SECURED_LISTENERS[name]
    listeners[key] = [`${host}:${securedPorts[i]}`]
  }

  const nodes = plain.map((port, i) => {
    const id = i + 1
    const bind = [`PLAINTEXT://127.0.0.1:${port}`]
    const advertise = [...bind]
    if (advertised) {
      bind.push(`PROXIED://127.0.0.1:${proxied[i]}`)
      advertise.push(`PROXIED://127.0.0.1:${advertised[i]}`)
    }
    for (const [s, name] of securedNames.entries()) {
      bind.push(`${name}://127.0.0.1:${securedPorts[s]}`)
      advertise.push(`${name}://${SECURED_LISTENERS[name].host}:${securedPorts[s]}`)
    }
    bind.push(`CONTROLLER://127.0.0.1:${controllers[i]}`)

    const nodeDirectory = path.join(directory, String(id))
    fs.mkdirSync(nodeDirectory, { recursive: true })
    return new NodeProcess({
      id,
      port,
      directory: nodeDirectory,
      installation,
      template: installation.template(count, id),
      bases: [
        'single.properties',
        ...(count === 3 ? ['three.properties'] : []),
        ...(secured ? ['secured.properties'] : []),
      ],
      workload,
      guarded,
      properties: {
        'controller.quorum.voters': voters(controllers),
        listeners: bind.join(','),
        'advertised.listeners': advertise.join(','),
        'broker.rack': `r${id}`,
        ...(tls && {
          'ssl.keystore.location': tls.server,
          'ssl.truststore.location': path.join(tls.directory, 'ca.pem'),
        }),
        ...options.overrides,
      },
    })
  })
  return new Cluster({ nodes, directory, listeners, tls, guarded, proxied })
}

function newDirectory() {
  fs.mkdirSync(CLUSTERS, { recursive: true })
  return fs.mkdtempSync(path.join(CLUSTERS, 'test-'))
}

async function choosePorts(count, first, step = 100) {
  if (first === undefined) return freePorts(count)
  return Array.from({ length: count }, (_, i) => first + i * step)
}

module.exports = { CLUSTERS, SHUTDOWN_PATIENCE_MS, Cluster, startCluster }
