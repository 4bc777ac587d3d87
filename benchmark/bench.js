'use strict'

/**
 * The benchmark's command, see `options.js` for its options: each workload of each client in a fresh process, the
 * clients taking turns, medians of the rounds as a table and as a JSON file in `results/`.
 */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { useOrStartSingle } = require('../broker')
const { CLIENT_NAMES, OURS, loadClient } = require('./clients')
const { runInFreshProcess } = require('./fresh-process')
const { USAGE, UsageError, readOptions } = require('./options')
const { medians, ratios, toTable } = require('./report')
const { openTopics } = require('./topics')
const { SIZES, WORKLOADS } = require('./workloads')

const RESULTS = path.join(__dirname, 'results')

async function main() {
  const known = { clients: CLIENT_NAMES, workloads: WORKLOADS.map(({ name }) => name) }
  const options = readOptions(process.argv.slice(2), known)
  if (options.help) return console.log(USAGE)
  const workloads = WORKLOADS.filter(({ name }) => options.workloads.includes(name))
  if (options.list) {
    for (const { name, title } of workloads) console.log(`${name}: ${title}`)
    return
  }

  const clients = await Promise.all(options.clients.map(loadClient))
  const cluster = await useOrStartSingle({ workload: 'benchmark' })
  try {
    const results = await measureAll({ workloads, clients, options, brokers: cluster.brokers })
    console.log(`\n${await toTable(results)}\n`)
    console.log(`Written to ${write({ results, clients, options, cluster })}`)
    if (results.some(({ clients: entries }) => entries[OURS]?.failed)) process.exitCode = 1
  } finally {
    await cluster.stop()
  }
}

/**
 * Work whose figures are thrown away. A broker that has just started runs interpreted code: whoever comes first
 * would pay for it.
 */
const WARM_UP = {
  name: 'kafkajs',
  workloads: ['produce/one-in-flight-100', 'produce/hundred-in-flight-8'],
}
const WARM_UP_ROUNDS = 3

async function warmUp({ brokers, topics, size }) {
  console.log('Warming the broker up')
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    for (const workload of WORKLOADS.filter(({ name }) => WARM_UP.workloads.includes(name))) {
      await runOnce({ workload, name: WARM_UP.name, brokers, topics, size })
    }
  }
}

async function measureAll({ workloads, clients, options, brokers }) {
  const runId = `${Date.now().toString(36)}-${process.pid}`
  const topics = await openTopics(brokers, runId)
  const size = SIZES[options.quick ? 'quick' : 'full']
  try {
    await warmUp({ brokers, topics, size })
    const results = []
    for (const workload of workloads) {
      results.push(
        await measure({ workload, clients, rounds: options.rounds, brokers, topics, size })
      )
    }
    return results
  } finally {
    await topics.close()
  }
}

/** One workload: round after round, each client once a round, another one first each time. */
async function measure({ workload, clients, rounds, brokers, topics, size }) {
  console.log(`\n${workload.name}: ${workload.title}`)
  const entries = Object.fromEntries(
    clients.map(client => [client.name, { runs: [], leftOut: client.cannot(workload) }])
  )
  for (const [name, { leftOut }] of Object.entries(entries)) {
    if (leftOut) console.log(`  ${name}: left out, ${leftOut}`)
  }

  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < clients.length; turn++) {
      const { name } = clients[(round + turn) % clients.length]
      const entry = entries[name]
      if (entry.leftOut) continue
      try {
        const measured = await runOnce({ workload, name, brokers, topics, size })
        entry.runs.push(measured)
        console.log(`  ${name}: ${showRun(workload, measured)}`)
      } catch (error) {
        entry.failed = error.message
        entry.leftOut = `failed: ${error.message.split('\n')[0]}`
        console.log(`  ${name}: ${error.message}`)
      }
    }
  }

  for (const entry of Object.values(entries)) {
    if (!entry.leftOut) entry.medians = medians(entry.runs)
  }
  const byClient = Object.fromEntries(
    Object.entries(entries).flatMap(([name, entry]) =>
      entry.medians ? [[name, entry.medians]] : []
    )
  )
  return { ...workload, clients: entries, ratios: ratios(workload.kind, byClient) }
}

async function runOnce({ workload, name, brokers, topics, size }) {
  const reads = workload.kind === 'consume'
  const topic = reads
    ? await topics.filledWith({ ...workload, messages: size.consumeMessages })
    : await topics.create()
  const groupId = `${topic}-${name}-${process.hrtime.bigint()}`
  const run = { brokers, topic, groupId, size }
  try {
    const { measured, inLog } = await runInFreshProcess({
      clientName: name,
      workloadName: workload.name,
      run,
    })
    await topics.verify(topic, inLog)
    return measured
  } finally {
    if (!reads) await topics.remove(topic)
  }
}

function showRun({ kind }, { rate, p50, p99 }) {
  const percentiles = p50 === null ? '' : `p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`
  return [
    kind === 'first-message' ? '' : `${Math.round(rate).toLocaleString('en-US')}/s`,
    percentiles,
  ]
    .filter(Boolean)
    .join(', ')
}

function write({ results, clients, options, cluster }) {
  const at = new Date()
  const file = path.join(RESULTS, `${at.toISOString().replaceAll(':', '-')}.json`)
  const document = {
    at: at.toISOString(),
    commit: describeCommit(),
    machine: {
      cpu: os.cpus()[0]?.model,
      cores: os.availableParallelism(),
      memoryMb: Math.round(os.totalmem() / 2 ** 20),
      system: `${os.type()} ${os.release()}`,
      node: process.version,
    },
    kafka: cluster.existing ? 'as KAFKA_BROKERS says' : 'local, one node',
    clients: Object.fromEntries(clients.map(({ name, version }) => [name, version])),
    rounds: options.rounds,
    quick: options.quick,
    workloads: results,
  }
  fs.mkdirSync(RESULTS, { recursive: true })
  fs.writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`)
  return path.relative(process.cwd(), file)
}

/** @returns {string | null} the commit measured, null outside of a git work tree */
function describeCommit() {
  try {
    const args = ['describe', '--always', '--dirty']
    return execFileSync('git', args, { cwd: __dirname, encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch {
    return null
  }
}

main().catch(error => {
  console.error(
    error instanceof UsageError ? `${error.message}\n\n${USAGE}` : (error.stack ?? error)
  )
  process.exitCode = 1
})
