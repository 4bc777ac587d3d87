'use strict'

/**
 * Where the time of one workload goes, in JavaScript, in Rust and in the system, as Linux' perf sees it.
 *
 *     npm run profile -- consume/each-message --client kafkajs-rs
 *     npm run profile -- produce/one-awaited --switches
 */

const { execFileSync } = require('node:child_process')
const fs = require('node:fs')
const path = require('node:path')
const { parseArgs } = require('node:util')
const { useOrStartSingle } = require('../broker')
const { CLIENT_NAMES, OURS } = require('./clients')
const { describeParts } = require('./parts')
const { runOnce } = require('./rounds')
const { describeSwitches } = require('./switches')
const { openTopics } = require('./topics')
const { SIZES, WORKLOADS } = require('./workloads')

const PROFILES = path.join(__dirname, 'profiles')
const USAGE = `Usage: npm run profile -- <workload> [--client <name>] [--switches]

--switches: instead of functions, how long each thread runs at a time, and how long it waits to run once it is woken.

Workloads: npm run bench -- --list. Clients: ${CLIENT_NAMES.join(', ')} (default ${OURS}).
KAFKA_BROKERS=host:port,... uses an existing Kafka; without it a local one is started and stopped.`

/** A prime, so that the samples do not keep step with timers. */
const SAMPLES_PER_SECOND = 997
/** A consumer is too fast for a topic of the benchmark's size. */
const MORE_MESSAGES = 8
/** Functions below that are not listed, percent. */
const LEAST_PERCENT = 0.3
const MAX_OUTPUT_BYTES = 2 ** 30

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      client: { type: 'string', default: OURS },
      switches: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  const found = WORKLOADS.find(({ name }) => name === positionals[0])
  if (values.help || !found || !CLIENT_NAMES.includes(values.client)) {
    console.log(USAGE)
    process.exitCode = values.help ? 0 : 1
    return
  }
  requirePerf()

  const more = found.kind === 'consume' ? MORE_MESSAGES : 1
  const workload = { ...found, ...(found.messages && { messages: found.messages * more }) }
  fs.mkdirSync(PROFILES, { recursive: true })
  const base = path.join(PROFILES, `${found.name.replaceAll('/', '-')}-${values.client}`)
  if (values.switches) {
    const data = `${base}.sched.data`
    const args = ['sched', 'record', '-o', data, '--', process.execPath]
    await record({ workload, client: values.client, args, data, size: SIZES.full })
    console.log(`\n${await describeSwitches(data)}`)
    return
  }
  const data = `${base}.data`
  const args = samplingOf(data)
  const measured = await record({
    workload,
    client: values.client,
    args,
    data,
    size: SIZES.profile,
  })
  const written = report(base)
  if (workload.kind === 'produce') {
    const parts = describeParts(fs.readFileSync(written.stacks, 'utf8'), {
      samplesPerSecond: SAMPLES_PER_SECOND,
      callsPerSecond: measured.rate / workload.perCall,
    })
    fs.appendFileSync(written.top, `\n\nA call, us of CPU\n\n${parts}\n`)
  }
  console.log(`\n${fs.readFileSync(written.top, 'utf8')}`)
  console.log(`Written to ${Object.values(written).join(' and ')}`)
}

function requirePerf() {
  try {
    execFileSync('perf', ['--version'], { stdio: 'ignore' })
  } catch {
    throw new Error(
      'perf is missing. Debian: apt-get install linux-perf; Ubuntu: linux-tools-generic'
    )
  }
}

/** @returns {string[]} arguments of perf, Node.js and its own among them */
function samplingOf(data) {
  const perf = ['record', '-o', data, '-F', `${SAMPLES_PER_SECOND}`, '-g', '--', process.execPath]
  // perf finds the names of compiled and of interpreted JavaScript in a file that Node.js writes.
  const node = [
    ...['--perf-basic-prof', '--interpreted-frames-native-stack'],
    // Code that is moved or thrown away would be found under the name of what was there before.
    ...['--no-compact-code-space', '--no-flush-bytecode'],
    ...['--no-logfile-per-isolate', `--logfile=${data}.v8.log`],
  ]
  return [...perf, ...node]
}

/** Runs the workload once for warmth, and once under perf, of which it gives what was measured. */
async function record({ workload, client, args, data, size }) {
  fs.rmSync(data, { force: true })
  const cluster = await useOrStartSingle({ workload: 'benchmark' })
  const { brokers } = cluster
  try {
    const topics = await openTopics(brokers, `profile-${Date.now().toString(36)}-${process.pid}`)
    try {
      const once = { workload, name: client, brokers, topics }
      await runOnce({ ...once, size: SIZES.quick })
      const measured = await runOnce({ ...once, size, under: { command: 'perf', args } })
      console.log(`${measured.messages} messages in ${measured.seconds.toFixed(1)} s`)
      return measured
    } finally {
      await topics.close()
    }
  } finally {
    await cluster.stop()
  }
}

/**
 * @param {string} base - path of the recording, without `.data`
 * @returns {{ top: string, stacks: string }} lists of threads, libraries and functions; all stacks, for speedscope or
 *   the Firefox Profiler
 */
function report(base) {
  const perf = args =>
    execFileSync('perf', args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
      maxBuffer: MAX_OUTPUT_BYTES,
    })
  const list = (fields, least) =>
    perf([
      'report',
      ...['-i', `${base}.data`, '--stdio', '--no-children', '-g', 'none'],
      ...['--percent-limit', `${least}`, '--fields', `overhead,${fields}`],
    ])
      .split('\n')
      .map(line => line.trimEnd())
      .filter(line => line && !line.startsWith('#'))
      .join('\n')
  const written = { top: `${base}.top.txt`, stacks: `${base}.stacks.txt` }
  fs.writeFileSync(
    written.top,
    [
      `Threads\n\n${list('comm', 0)}`,
      `Libraries\n\n${list('dso', LEAST_PERCENT)}`,
      `Functions\n\n${list('comm,dso,symbol', LEAST_PERCENT)}`,
    ].join('\n\n')
  )
  fs.rmSync(`${base}.data.v8.log`, { force: true })
  fs.writeFileSync(written.stacks, perf(['script', '-i', `${base}.data`, '--no-inline']))
  return written
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = 1
})
