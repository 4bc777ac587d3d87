'use strict'

/** node broker/cli.js start [single|secured|three] [--port <port>] | stop | status */

const { parseArgs } = require('node:util')
const { brokersOfEnvironment } = require('./index')
const { DEFAULT_PORT, KINDS, runningClusters, startDetached, stopDetached } = require('./detached')

const USAGE = `usage: node broker/cli.js start [${Object.keys(KINDS).join('|')}] [--port <port>]
       node broker/cli.js stop
       node broker/cli.js status

start   starts a local Kafka that stays: one node (default), one node with SASL, TLS and ACLs, or three nodes.
        Ports from ${DEFAULT_PORT} on: single 9092; secured 9092 to 9097; three 9092, 9192, 9292. Starting it again does nothing.
stop    stops what start has started, and removes its data
status  says what runs
`

const log = line => console.error(`kafka: ${line}`)

function describe({ kind, listeners, tls }) {
  const lines = Object.entries(listeners).map(
    ([name, addresses]) => `  ${name.padEnd(14)} ${addresses.join(',')}`
  )
  const secured = tls
    ? [
        `  keys           ${tls} (ca.pem, client.crt, client.key, other-ca.pem)`,
        '  users          admin / admin-secret, alice / alice-secret (PLAIN, SCRAM), bob / bob-secret (PLAIN)',
      ]
    : []
  return [`${kind}:`, ...lines, ...secured].join('\n')
}

async function start(kind, port) {
  const existing = brokersOfEnvironment()
  if (existing !== undefined) {
    console.log(`KAFKA_BROKERS is set, so ${existing.join(',')} is used: nothing to start`)
    return
  }
  const { outcome, state } = await startDetached(kind, { port, log })
  if (outcome === 'foreign') {
    console.log(`A Kafka that was not started here answers at localhost:${port}: nothing to start`)
  } else {
    console.log(`${outcome === 'started' ? 'Started' : 'Already running'}, ${describe(state)}`)
  }
}

async function stop() {
  const stopped = await stopDetached()
  console.log(stopped.length > 0 ? `Stopped ${stopped.join(', ')}` : 'No local Kafka was running')
}

function status() {
  const states = runningClusters()
  console.log(states.length > 0 ? states.map(describe).join('\n') : 'No local Kafka is running')
}

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { port: { type: 'string', default: String(DEFAULT_PORT) } },
  })
  const [command, kind = 'single', ...rest] = positionals
  const port = Number(values.port)
  if (!Number.isInteger(port) || port < 1024 || port > 65_000) {
    throw new Error(`--port must be a number from 1024 to 65000, got "${values.port}"`)
  }
  if (command === 'start' && kind in KINDS && rest.length === 0) return start(kind, port)
  if (command === 'stop' && positionals.length === 1) return stop()
  if (command === 'status' && positionals.length === 1) return status()
  throw new Error(USAGE)
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = 1
})
