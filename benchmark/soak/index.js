'use strict'

/**
 * A soak: producers and groups on three brokers that are killed, frozen, restarted and cut off at random. Ends with a
 * verdict, a JSON file with every sample, and a chart.
 */

const { fork } = require('node:child_process')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { linearRegression } = require('simple-statistics')
const { createTopic, startProxied, uniqueTopic } = require('../../__test__/harness')
const { UsageError } = require('../options')
const { toSvg } = require('./chart')
const { runFaults } = require('./faults')
const { judge } = require('./verdict')

const USAGE = `Usage: npm run soak -- [options]

  --minutes <n>         how long (default 10)
  --seed <n>            of the choice of misfortunes (default: by chance, and printed)
  --rss-slope <MB>      growth of resident memory a minute that is too much (default 2)
  --out <file>          where the JSON goes, its chart beside it (default benchmark/results/soak.json)
  --help`

const SESSION_TIMEOUT_MS = 10_000
/** A message may wait so much longer than a session for its handler. */
const STALL_GRACE_MS = 10_000
/** After the last misfortune, for what is still to be handled. */
const DRAIN_MS = 60_000
const PARTITIONS = 12
/**
 * How large V8 lets its young generation grow, up to 48 MB by default, and when it gives that back is not what is asked
 * here; it would hide everything else.
 */
const NODE_OPTIONS = ['--max-semi-space-size=2']

function readOptions() {
  let values
  try {
    ;({ values } = parseArgs({
      options: {
        minutes: { type: 'string', default: '10' },
        seed: { type: 'string', default: `${Date.now() % 100_000}` },
        'rss-slope': { type: 'string', default: '2' },
        out: { type: 'string', default: path.join(__dirname, '../results/soak.json') },
        help: { type: 'boolean', default: false },
      },
    }))
  } catch (error) {
    throw new UsageError(error.message)
  }
  const numbers = { minutes: values.minutes, seed: values.seed, 'rss-slope': values['rss-slope'] }
  for (const [name, text] of Object.entries(numbers)) {
    if (!(Number(text) > 0))
      throw new UsageError(`--${name} must be a number above 0, but is "${text}"`)
  }
  const { out, help } = values
  const [minutes, seed, rssPerMinute] = Object.values(numbers).map(Number)
  return { minutes, seed, rssPerMinute, out, help }
}

/** Runs the clients in a process of their own, so that what they need is not mixed with the rest. */
function startClients(settings, { onSample, onTrouble }) {
  const child = fork(path.join(__dirname, 'clients.js'), [JSON.stringify(settings)], {
    execArgv: NODE_OPTIONS,
  })
  let end
  const ready = new Promise((resolve, reject) => {
    child.on('message', message => {
      if (message.ready) resolve()
      if (message.sample) onSample(message.sample)
      if (message.trouble) onTrouble(message.trouble)
      if (message.end) ({ end } = message)
    })
    child.once('exit', () => reject(new Error('The process under test ended at its beginning')))
  })
  const ended = new Promise(resolve => {
    child.once('exit', () => resolve(end))
  })
  return {
    ready,
    kill: () => child.kill('SIGKILL'),
    /** @returns {Promise<object | undefined>} what it says at its end */
    async drain() {
      if (child.connected) child.send({ drain: true })
      const timer = setTimeout(() => child.kill('SIGKILL'), 2 * DRAIN_MS)
      return ended.finally(() => clearTimeout(timer))
    },
  }
}

async function soak({ minutes, seed }) {
  const samples = []
  const faults = []
  const troubles = []
  const proxied = await startProxied({ nodes: 3 })
  let clients
  try {
    const topic = await createTopic(uniqueTopic('soak'), {
      partitions: PARTITIONS,
      replicationFactor: 3,
      on: proxied.brokers,
    })
    const startedAt = performance.now()
    const clock = () => (performance.now() - startedAt) / 1000
    const settings = {
      brokers: proxied.brokers,
      topic,
      sessionTimeout: SESSION_TIMEOUT_MS,
      drainMs: DRAIN_MS,
    }
    clients = startClients(settings, {
      onSample: sample => samples.push(sample),
      onTrouble: text => {
        troubles.push({ seconds: clock(), text })
        console.log(`${clock().toFixed(0).padStart(5)} s  ${text}`)
      },
    })
    await clients.ready
    const over = new AbortController()
    const timer = setTimeout(() => over.abort(), minutes * 60_000)
    await runFaults({
      ...proxied,
      seed,
      signal: over.signal,
      onFault: ({ name, node }) => {
        const { seconds = 0, rss = 0 } = samples.at(-1) ?? {}
        faults.push({ seconds, name, node })
        console.log(
          `${seconds.toFixed(0).padStart(5)} s  ${name}, node ${node}  (${rss.toFixed(0)} MB)`
        )
      },
    })
    clearTimeout(timer)
    const end = await clients.drain()
    return { samples, faults, troubles, end }
  } finally {
    clients?.kill()
    await proxied.stop()
  }
}

async function main() {
  const options = readOptions()
  if (options.help) {
    console.log(USAGE)
    return
  }
  if (process.platform !== 'linux') throw new Error('A soak reads /proc, which only Linux has')
  const { minutes, seed, rssPerMinute, out } = options
  console.log(`A soak of ${minutes} minutes, seed ${seed}`)
  const result = await soak(options)
  const limits = { stallMs: SESSION_TIMEOUT_MS + STALL_GRACE_MS, rssPerMinute }
  const verdict = judge(result, points => linearRegression(points).m, limits)
  const machine = { cpus: os.cpus().length, memory: os.totalmem(), node: process.version }
  fs.mkdirSync(path.dirname(out), { recursive: true })
  const document = {
    at: new Date().toISOString(),
    minutes,
    seed,
    limits,
    machine,
    verdict,
    ...result,
  }
  fs.writeFileSync(out, `${JSON.stringify(document, null, 1)}\n`)
  const chart = out.replace(/(\.json)?$/, '.svg')
  fs.writeFileSync(chart, await toSvg(result))
  console.log(JSON.stringify(verdict.figures, null, 2))
  for (const failure of verdict.failures) console.log(`✖ ${failure}`)
  console.log(`${verdict.passed ? 'Passed' : 'FAILED'}: ${out}, ${chart}`)
  if (!verdict.passed) process.exitCode = 1
}

main().catch(error => {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error.stack)
  process.exitCode = 1
})
