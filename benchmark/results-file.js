'use strict'

/** The JSON files in `results/`, and the one of them that is published, with its chart and its page. */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { toSvg } = require('./chart')
const { withFigures } = require('./page')

const RESULTS = path.join(__dirname, 'results')
const PUBLISHED = path.join(RESULTS, 'published.json')
const DOCS = path.join(__dirname, '..', 'docs')
const CHART = path.join(DOCS, 'benchmark.svg')
const PAGE = path.join(DOCS, 'performance.md')

/**
 * @param {object} run
 * @param {import('./rounds').WorkloadResult[]} run.results
 * @param {import('./clients').Client[]} run.clients
 * @param {Record<string, string>} run.missing - clients that are not installed, and why
 * @param {ReturnType<typeof import('./options').readOptions>} run.options
 * @param {{ existing: boolean }} run.cluster
 * @returns {string} where it has been written, from the current folder
 */
function write({ results, clients, missing, options, cluster }) {
  const at = new Date().toISOString()
  const file = options.out
    ? path.resolve(process.env.INIT_CWD ?? '.', options.out)
    : path.join(RESULTS, `${at.replaceAll(':', '-')}.json`)
  const document = {
    at,
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
    missing,
    rounds: options.rounds,
    quick: options.quick,
    workloads: results,
  }
  fs.mkdirSync(path.dirname(file), { recursive: true })
  // An unlimited number of calls in flight is no JSON.
  const asText = (_key, value) => (value === Infinity ? 'unlimited' : value)
  fs.writeFileSync(file, `${JSON.stringify(document, asText, 2)}\n`)
  return path.relative(process.cwd(), file)
}

/**
 * Makes a result the published one, without its single runs, draws its chart, and puts it into the page about it.
 *
 * @param {string} file - a result
 * @returns {Promise<string[]>} what has been written
 */
async function publish(file) {
  const document = JSON.parse(fs.readFileSync(file, 'utf8'))
  for (const { clients } of document.workloads) {
    for (const entry of Object.values(clients)) delete entry.runs
  }
  fs.writeFileSync(PUBLISHED, `${JSON.stringify(document, null, 2)}\n`)
  fs.writeFileSync(CHART, await toSvg(document))
  fs.writeFileSync(PAGE, await withFigures(fs.readFileSync(PAGE, 'utf8'), document))
  return [PUBLISHED, CHART, PAGE].map(written => path.relative(process.cwd(), written))
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

module.exports = { publish, write }
