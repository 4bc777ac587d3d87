'use strict'

/** Runs the workloads: each client in a fresh process, the clients taking turns, round after round. */

const { RAW } = require('./clients')
const { judge, medians, ratios } = require('./figures')
const { runInFreshProcess } = require('./fresh-process')
const { openTopics } = require('./topics')
const { KINDS, SIZES, WORKLOADS } = require('./workloads')

/**
 * @typedef {object} ClientResult
 * @property {import('./measurement').Measured[]} runs
 * @property {string | null} leftOut - why there are no medians, null if there are
 * @property {boolean} [failed] - left out because a run failed
 * @property {import('./figures').Figures} [medians]
 *
 * @typedef {import('./workloads').Workload & {
 *   clients: Record<string, ClientResult>,
 *   ratios: ReturnType<typeof ratios>,
 *   verdicts: import('./figures').Verdict[],
 * }} WorkloadResult
 */

/**
 * Work whose figures are thrown away. A broker that has just started runs interpreted code: whoever comes first
 * would pay for it.
 */
const WARM_UP = {
  client: 'kafkajs',
  workloads: ['produce/one-in-flight-100', 'produce/hundred-in-flight-8', 'consume/each-message'],
  rounds: 3,
  attempts: 3,
}

/**
 * @param {object} order
 * @param {import('./workloads').Workload[]} order.workloads
 * @param {import('./clients').Client[]} order.clients
 * @param {Record<string, string>} order.missing - clients that are not installed, and why
 * @param {number} order.rounds
 * @param {boolean} order.quick
 * @param {string[]} order.brokers
 * @returns {Promise<WorkloadResult[]>}
 */
async function measureAll({ workloads, clients, missing, rounds, quick, brokers }) {
  const runId = `${Date.now().toString(36)}-${process.pid}`
  const topics = await openTopics(brokers, runId)
  const size = SIZES[quick ? 'quick' : 'full']
  try {
    await warmUp({ brokers, topics, size, rounds: quick ? 1 : WARM_UP.rounds })
    const results = []
    for (const [index, workload] of workloads.entries()) {
      results.push(await measure({ workload, clients, missing, rounds, brokers, topics, size }))
      await topics.keepFilled(workloads.slice(index + 1))
    }
    return results
  } finally {
    await topics.close()
  }
}

async function warmUp({ brokers, topics, size, rounds }) {
  console.log('Warming the broker up')
  for (let round = 0; round < rounds; round++) {
    for (const workload of WORKLOADS.filter(({ name }) => WARM_UP.workloads.includes(name))) {
      await warmUpWith(workload, { brokers, topics, size })
    }
  }
}

/** A broker that has just started is still making its internal topics, which ends a run now and then. */
async function warmUpWith(workload, { attempts = WARM_UP.attempts, ...rest }) {
  try {
    await runOnce({ workload, name: WARM_UP.client, ...rest })
  } catch (error) {
    if (attempts <= 1) throw error
    await warmUpWith(workload, { attempts: attempts - 1, ...rest })
  }
}

/** One workload: round after round, each client once a round, another one first each time. */
async function measure({ workload, clients, missing, rounds, brokers, topics, size }) {
  console.log(`\n${workload.name}: ${workload.title}`)
  const entries = {}
  for (const { name, cannot } of clients) {
    const leftOut = cannot(workload)
    if (name === RAW && leftOut) continue
    entries[name] = { runs: [], leftOut }
    if (leftOut) console.log(`  ${name}: left out, ${leftOut}`)
  }
  for (const [name, why] of Object.entries(missing)) entries[name] = { runs: [], leftOut: why }

  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < clients.length; turn++) {
      const { name } = clients[(round + turn) % clients.length]
      const entry = entries[name]
      if (!entry || entry.leftOut) continue
      try {
        const measured = await runOnce({ workload, name, brokers, topics, size })
        entry.runs.push(measured)
        console.log(`  ${name}: ${showRun(workload, measured)}`)
      } catch (error) {
        entry.failed = true
        entry.leftOut = `failed: ${error.message.split('\n')[0]}`
        console.log(`  ${name}: ${error.message}`)
      }
    }
  }

  const byClient = {}
  for (const [name, entry] of Object.entries(entries)) {
    if (!entry.leftOut) byClient[name] = entry.medians = medians(entry.runs)
  }
  return {
    ...workload,
    clients: entries,
    ratios: ratios(KINDS[workload.kind].timed === true, byClient),
    verdicts: judge(workload.name, byClient),
  }
}

/**
 * @param {object} order
 * @param {import('./workloads').Workload} order.workload
 * @param {string} order.name - of the client
 * @param {string[]} order.brokers
 * @param {Awaited<ReturnType<typeof openTopics>>} order.topics
 * @param {typeof SIZES.full} order.size
 * @param {{ command: string, args: string[] }} [order.under] - a program to run Node.js under, as a profiler
 * @returns {Promise<import('./measurement').Measured>}
 */
async function runOnce({ workload, name, brokers, topics, size, under }) {
  const { topic: use } = KINDS[workload.kind]
  const { partitions } = workload
  if (use === 'many') await topics.makeMany(workload.topics)
  const topic =
    use === 'filled'
      ? await topics.filledWith(workload)
      : use === 'own'
        ? await topics.create(partitions)
        : undefined
  const groupId = `bench-${name}-${Date.now().toString(36)}-${process.hrtime.bigint()}`
  try {
    const { measured, inLog } = await runInFreshProcess({
      order: {
        clientName: name,
        workload,
        run: { brokers, topic, partitions, groupId, size },
      },
      under,
    })
    if (inLog !== undefined) await topics.verify(topic, inLog)
    return measured
  } finally {
    if (use === 'own') await topics.remove(topic)
  }
}

function showRun({ kind }, { rate, cpuPercent, p50, p99 }) {
  if (kind === 'idle') return `${cpuPercent.toFixed(2)} % of a core`
  const timed = KINDS[kind].timed && kind !== 'latency'
  const shown = timed ? [] : [`${Math.round(rate).toLocaleString('en-US')}/s`]
  if (p50 !== null) shown.push(`p50 ${p50.toFixed(2)} ms`, `p99 ${p99.toFixed(2)} ms`)
  return shown.join(', ')
}

module.exports = { measureAll, runOnce }
