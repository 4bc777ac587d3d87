'use strict'

/**
 * The benchmark's command, see `options.js` for its options: medians of the rounds as tables in the terminal and as a
 * JSON file, and for the published one a chart.
 */

const { useOrStartSingle } = require('../broker')
const { CLIENT_NAMES, OURS, loadClient } = require('./clients')
const { USAGE, UsageError, readOptions } = require('./options')
const { publish, write } = require('./results-file')
const { ensureRival } = require('./rivals')
const { measureAll } = require('./rounds')
const { toTable, toTargetTable } = require('./table')
const { WORKLOADS } = require('./workloads')

async function main() {
  const known = { clients: CLIENT_NAMES, workloads: WORKLOADS.map(({ name }) => name) }
  const options = readOptions(process.argv.slice(2), known)
  if (options.help) return console.log(USAGE)
  const workloads = WORKLOADS.filter(({ name }) => options.workloads.includes(name))
  if (options.list) {
    for (const { name, title } of workloads) console.log(`${name}: ${title}`)
    return
  }

  const { clients, missing } = await loadClients(options)
  const startedAt = Date.now()
  const cluster = await useOrStartSingle({ workload: 'benchmark' })
  try {
    const { brokers } = cluster
    const results = await measureAll({ ...options, workloads, clients, missing, brokers })
    console.log(`\n${await toTable(results)}\n\n${await toTargetTable(results)}\n`)
    const file = write({ results, clients, missing, options, cluster })
    console.log(`Written to ${file}, after ${Math.round((Date.now() - startedAt) / 1000)} s`)
    if (options.publish) console.log(`Published: ${(await publish(file)).join(', ')}`)
    if (results.some(({ clients: entries }) => entries[OURS]?.failed)) process.exitCode = 1
  } finally {
    await cluster.stop()
  }
}

/** Those that can be loaded, and why the others cannot. */
async function loadClients({ clients: names, install }) {
  const clients = []
  const missing = {}
  for (const name of names) {
    const why = ensureRival(name, { again: install })
    if (why === null) {
      clients.push(await loadClient(name))
    } else {
      missing[name] = why
      console.log(`${name} is left out: it ${why}`)
    }
  }
  return { clients, missing }
}

main().catch(error => {
  console.error(
    error instanceof UsageError ? `${error.message}\n\n${USAGE}` : (error.stack ?? error)
  )
  process.exitCode = 1
})
