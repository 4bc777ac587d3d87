'use strict'

/** One node: a JVM, its files, and the signals a test sends to it. */

const fs = require('node:fs')
const path = require('node:path')
const { spawn } = require('node:child_process')
const { QUICK_JVM, START_DEADLINE_MS } = require('./installation')
const { java } = require('./requirements')
const { countBrokers, probe } = require('./probe')
const { guard, release } = require('./guard')
const { end, isRunning, signal } = require('./process-table')

const POLL_MS = 50

/** Memory and collector. `benchmark` is what a broker under load wants; it starts a second later. */
const JVM = {
  test: ['-Xms64m', '-Xmx512m', ...QUICK_JVM],
  benchmark: [
    '-XX:+UseG1GC',
    '-Xms1g',
    '-Xmx1g',
    '-XX:-UsePerfData',
    '-Dorg.slf4j.simpleLogger.defaultLogLevel=warn',
  ],
}

class NodeProcess {
  /**
   * @param {object} options
   * @param {number} options.id                     node.id
   * @param {string} options.directory              for its data, properties and log; must exist
   * @param {number} options.port                   of the plain listener
   * @param {Record<string, string | number>} options.properties  what differs from the files named by `bases`
   * @param {string[]} options.bases                properties files, later ones win
   * @param {string} options.template               formatted data directory
   * @param {import('./installation').Installation} options.installation
   * @param {'test' | 'benchmark'} options.workload
   * @param {boolean} options.guarded               ends with the process that started it
   */
  constructor(options) {
    Object.assign(this, options)
    this.propertiesFile = path.join(this.directory, 'node.properties')
    this.logFile = path.join(this.directory, 'node.log')
    this.mark = undefined

    const data = path.join(this.directory, 'data')
    fs.cpSync(this.template, data, { recursive: true })
    const own = { 'node.id': this.id, 'log.dirs': data, ...this.properties }
    const texts = this.bases.map(file => fs.readFileSync(path.join(__dirname, file), 'utf8'))
    const lines = Object.entries(own).map(([key, value]) => `${key}=${value}`)
    fs.writeFileSync(this.propertiesFile, `${texts.join('\n')}\n${lines.join('\n')}\n`)
  }

  get running() {
    return this.mark !== undefined && isRunning(this.mark)
  }

  /** Starts the JVM; ready() tells when it answers. */
  spawn() {
    const { archive, classPath, directory } = this.installation
    const log = fs.openSync(this.logFile, 'a')
    const flags = [
      ...JVM[this.workload],
      '-XX:+ExitOnOutOfMemoryError',
      `-XX:SharedArchiveFile=${archive}`,
    ]
    const child = spawn(
      java.command,
      [...flags, '-cp', classPath, 'kafka.Kafka', this.propertiesFile],
      { cwd: directory, detached: true, stdio: ['ignore', log, log] }
    )
    fs.closeSync(log)
    // Its own object for each start: the end of the last JVM may be reported when the next one already runs.
    const run = { failure: undefined }
    this.run = run
    child.once('error', error => {
      run.failure = error
    })
    child.once('exit', (code, byUs) => {
      run.failure ??= new Error(`it ended with ${byUs ?? `exit code ${code}`}`)
    })
    child.unref()
    if (child.pid === undefined) return
    this.mark = { pid: child.pid, argument: this.propertiesFile }
    if (this.guarded) guard({ mark: this.mark })
  }

  /**
   * Waits until the node answers and knows as many living brokers as it should.
   *
   * @param {number} brokers
   * @returns {Promise<void>}
   * @throws {Error} with the end of its log, if it ends before or does not answer within 90 s
   */
  async ready(brokers) {
    const deadline = Date.now() + START_DEADLINE_MS
    const address = { port: this.port }
    const answers = async () =>
      (await probe(address)) === 'kafka' && (await countBrokers(address)) >= brokers
    while (!(await answers())) {
      const late = Date.now() > deadline ? new Error('it does not answer') : undefined
      const failure = this.run.failure ?? late
      if (failure !== undefined) {
        throw new Error(
          `Kafka node ${this.id} did not start: ${failure.message}\n${this.logTail()}`
        )
      }
      await new Promise(resolve => setTimeout(resolve, POLL_MS))
    }
  }

  /** @returns {string} the last lines of its log */
  logTail() {
    return fs.readFileSync(this.logFile, 'utf8').trim().split('\n').slice(-15).join('\n')
  }

  /** @param {NodeJS.Signals} name */
  signal(name) {
    if (this.mark === undefined || !signal(this.mark, name)) {
      throw new Error(`Kafka node ${this.id} does not run: it cannot take ${name}`)
    }
  }

  /** @param {{ patience?: number }} [options] milliseconds between SIGTERM and SIGKILL; 0 kills at once */
  async end(options) {
    if (this.mark === undefined) return
    await end([this.mark], options)
    this.forget()
  }

  /** To be called once the JVM is gone. */
  forget() {
    if (this.mark !== undefined && this.guarded) release({ mark: this.mark })
    this.mark = undefined
  }
}

module.exports = { NodeProcess }
