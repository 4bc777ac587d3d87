'use strict'

/**
 * What has to exist before a node can start, made once and kept in `local/` (ignored by git): the jars, directories
 * already formatted for KRaft, and a class-data archive, which halves the JVM's start.
 *
 * Everything is made under a name of its own and renamed into place, so that processes which start brokers at the same
 * time need no lock: whoever comes second drops its copy.
 */

const fs = require('node:fs')
const path = require('node:path')
const { createHash } = require('node:crypto')
const { spawn } = require('node:child_process')
const { java, maven, requirePrograms } = require('./requirements')
const { freePorts } = require('./ports')
const { probe } = require('./probe')
const { guard, release } = require('./guard')
const { end, hasEnded, signal } = require('./process-table')

const LOCAL = path.join(__dirname, 'local')

/** KRaft takes any 16 bytes in base64url; this one can be read. */
const CLUSTER_ID = 'local-kafka-cluster-0A'

/** Serial collector and first compiler only: a node answers after 2 s in place of 5 s, with 150 MB. */
const QUICK_JVM = [
  '-XX:+UseSerialGC',
  '-XX:TieredStopAtLevel=1',
  '-XX:-UsePerfData',
  '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
]

const SCRAM_USERS = ['admin', 'alice'].flatMap(name =>
  ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(mechanism => [
    '--add-scram',
    `${mechanism}=[name=${name},password=${name}-secret]`,
  ])
)

const NODE_COUNTS = [1, 3]

const START_DEADLINE_MS = 90_000

/**
 * @typedef {object} Installation
 * @property {string} directory               working directory of every JVM; the class path is relative to it
 * @property {string} classPath
 * @property {string} archive                 class-data archive; a JVM skips one that is missing or does not fit
 * @property {(nodes: 1 | 3, node: number) => string} template  formatted data directory to copy
 */

/**
 * Makes what is missing (first time: about 30 s with a download of 70 MB, later: nothing).
 *
 * @param {(line: string) => void} log told before each step that takes long
 * @returns {Promise<Installation>}
 * @throws {Error} with what is missing on this machine, or the output of the step that failed
 */
async function install(log) {
  const pom = fs.readFileSync(path.join(__dirname, 'pom.xml'))
  const directory = path.join(LOCAL, `kafka-${digest([pom, CLUSTER_ID, ...SCRAM_USERS])}`)
  const archive = path.join(directory, `classes-${digest([javaFingerprint()])}.jsa`)
  const installed = fs.existsSync(directory)
  const archived = fs.existsSync(archive)
  if (!installed || !archived) requirePrograms(installed ? [java] : [java, maven])
  if (!installed) await makeDirectory(directory, log)

  const installation = {
    directory,
    classPath: classPath(directory),
    archive,
    template: (nodes, node) => path.join(directory, 'template', String(nodes), String(node)),
  }
  if (!archived) await makeArchive(installation, log)
  return installation
}

function digest(parts) {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex').slice(0, 12)
}

/** Changes when another Java, or another build of it, takes over: an archive fits one build only. */
function javaFingerprint() {
  const candidates = path.isAbsolute(java.command)
    ? [java.command]
    : (process.env.PATH ?? '').split(path.delimiter).map(folder => path.join(folder, java.command))
  const found = candidates.find(candidate => fs.existsSync(candidate))
  if (found === undefined) return 'none'
  const binary = fs.realpathSync(found)
  return `${binary} ${fs.statSync(binary).mtimeMs}`
}

/** Sorted and relative: an archive is tied to the very text of the class path. */
function classPath(directory) {
  const jars = fs.readdirSync(path.join(directory, 'lib')).filter(name => name.endsWith('.jar'))
  return jars
    .sort()
    .map(name => path.join('lib', name))
    .join(path.delimiter)
}

async function makeDirectory(directory, log) {
  const draft = makeDraft()
  try {
    log('fetching Apache Kafka with Maven (once; 45 MB of jars)')
    await run('mvn', ['-B', '-q', 'package', `-Dlib=${path.join(draft, 'lib')}`], __dirname)
    log('formatting data directories (once)')
    const nodes = NODE_COUNTS.flatMap(count =>
      Array.from({ length: count }, (_, i) => [count, i + 1])
    )
    await Promise.all(nodes.map(([count, node]) => makeTemplate(draft, count, node)))
    rename(draft, directory)
  } finally {
    dropDraft(draft)
  }
}

/** @returns {string} a new empty directory; it is removed at the latest when this process ends */
function makeDraft() {
  fs.mkdirSync(LOCAL, { recursive: true })
  const directory = fs.mkdtempSync(path.join(LOCAL, 'draft-'))
  guard({ directory })
  return directory
}

/** @param {string} directory from makeDraft(), whether it was renamed since or not */
function dropDraft(directory) {
  fs.rmSync(directory, { recursive: true, force: true })
  release({ directory })
}

/**
 * Formats data directories with features other than the newest, once, and keeps them beside the others.
 *
 * @param {Installation} installation
 * @param {1 | 3} count
 * @param {Record<string, number>} features  levels by name, as StorageTool knows them
 * @returns {Promise<Installation['template']>}
 */
async function templateWith(installation, count, features) {
  const levels = Object.entries(features).map(([name, level]) => `${name}=${level}`)
  const kept = path.join(installation.directory, `template-${levels.join('-')}-of-${count}`)
  const template = (_nodes, node) => path.join(kept, 'template', String(count), String(node))
  if (fs.existsSync(kept)) return template
  const draft = makeDraft()
  try {
    const more = levels.flatMap(level => ['--feature', level])
    const nodes = Array.from({ length: count }, (_, i) => i + 1)
    await Promise.all(nodes.map(node => makeTemplate(draft, count, node, { installation, more })))
    rename(draft, kept)
  } finally {
    dropDraft(draft)
  }
  return template
}

/** A formatted directory holds cluster id, node id and SCRAM users, but no port: voters are given at start. */
async function makeTemplate(draft, count, node, { installation, more = [] } = {}) {
  const target = path.join(draft, 'template', String(count), String(node))
  const properties = `${target}.properties`
  fs.mkdirSync(target, { recursive: true })
  fs.writeFileSync(
    properties,
    [
      'process.roles=broker,controller',
      `node.id=${node}`,
      'controller.listener.names=CONTROLLER',
      `controller.quorum.voters=${voters(Array.from({ length: count }, (_, i) => 9000 + i))}`,
      'listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093',
      `log.dirs=${target}`,
    ].join('\n')
  )
  const format = ['format', '-t', CLUSTER_ID, '-c', properties, ...SCRAM_USERS, ...more]
  const from = installation?.directory ?? draft
  await run(
    java.command,
    [...QUICK_JVM, '-cp', classPath(from), 'kafka.tools.StorageTool', ...format],
    from
  )
}

/**
 * @param {number[]} ports controller ports of nodes 1, 2, ...
 * @returns {string} value of controller.quorum.voters
 */
function voters(ports) {
  return ports.map((port, i) => `${i + 1}@127.0.0.1:${port}`).join(',')
}

/** A node is started with the order to write the archive when it ends, and ended as soon as it answers. */
async function makeArchive(installation, log) {
  log('recording a class-data archive for quick starts (once)')
  const draft = makeDraft()
  const data = path.join(draft, 'data')
  const recording = path.join(draft, 'classes.jsa')
  const properties = path.join(draft, 'node.properties')
  const [port, controller] = await freePorts(2)
  fs.cpSync(installation.template(1, 1), data, { recursive: true })
  fs.writeFileSync(
    properties,
    [
      fs.readFileSync(path.join(__dirname, 'single.properties'), 'utf8'),
      'node.id=1',
      `controller.quorum.voters=${voters([controller])}`,
      `listeners=PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controller}`,
      `log.dirs=${data}`,
    ].join('\n')
  )
  const order = [`-XX:ArchiveClassesAtExit=${recording}`, '-Xlog:cds=off', '-Xlog:cds+dynamic=off']
  const child = spawn(
    java.command,
    [...QUICK_JVM, ...order, '-cp', installation.classPath, 'kafka.Kafka', properties],
    { cwd: installation.directory, detached: true, stdio: 'ignore' }
  )
  const mark = { pid: child.pid, argument: properties }
  guard({ mark })
  try {
    const deadline = Date.now() + START_DEADLINE_MS
    while (child.exitCode === null && Date.now() < deadline) {
      if ((await probe({ port, timeout: 500 })) === 'kafka') break
      await new Promise(resolve => setTimeout(resolve, 100))
    }
    signal(mark, 'SIGTERM')
    await hasEnded(mark, START_DEADLINE_MS)
    if (!fs.existsSync(recording)) {
      // An empty one, which the JVM skips, keeps the next start from trying again.
      fs.writeFileSync(recording, '')
      log('this Java records none: nodes start a few seconds slower')
    }
    rename(recording, installation.archive)
  } finally {
    await end([mark])
    release({ mark })
    dropDraft(draft)
  }
}

/** Into place, unless another process was quicker. */
function rename(from, to) {
  try {
    fs.renameSync(from, to)
  } catch (error) {
    if (!fs.existsSync(to)) throw error
  }
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {string[]} args
 * @param {string} cwd
 * @returns {Promise<void>}
 * @throws {Error} with the last lines of its output if it fails
 */
function run(command, args, cwd) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, stdio: ['ignore', 'pipe', 'pipe'] })
    const output = []
    child.stdout.on('data', chunk => output.push(chunk))
    child.stderr.on('data', chunk => output.push(chunk))
    child.once('error', reject)
    child.once('close', (code, signal) => {
      if (code === 0) return resolve()
      const tail = Buffer.concat(output).toString().trim().split('\n').slice(-20).join('\n')
      reject(new Error(`${command} failed (${signal ?? `exit code ${code}`}):\n${tail}`))
    })
  })
}

module.exports = {
  LOCAL,
  QUICK_JVM,
  START_DEADLINE_MS,
  dropDraft,
  install,
  makeDraft,
  run,
  templateWith,
  voters,
}
