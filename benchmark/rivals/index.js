'use strict'

/**
 * The rivals that compile librdkafka when they are installed. Each has a folder of its own: one that cannot be
 * installed leaves the others alone, and is left out by name and with the reason.
 */

const { spawnSync } = require('node:child_process')
const fs = require('node:fs')
const { createRequire } = require('node:module')
const path = require('node:path')

const PACKAGES = {
  confluent: '@confluentinc/kafka-javascript',
  'node-rdkafka': 'node-rdkafka',
}
/** Compiling takes minutes on two cores; a download that hangs takes for ever. */
const INSTALL_DEADLINE_MS = 20 * 60000
/** How much of what npm wrote last is kept as the reason. */
const REASON_LINES = 30
const FAILURE = 'install-failure.txt'

const folderOf = name => path.join(__dirname, name)

/**
 * Installs a rival unless it is there or has failed before: `--install` tries again.
 *
 * @param {string} name - of a client
 * @param {{ again?: boolean }} [options]
 * @returns {string | null} why it is not there; null if it is, or is none of these
 */
function ensureRival(name, { again = false } = {}) {
  if (!(name in PACKAGES) || loads(name)) return null
  const failure = path.join(folderOf(name), FAILURE)
  if (fs.existsSync(failure) && !again) return `${notInstalled(failure)}; --install tries again`

  console.log(`Installing ${PACKAGES[name]}: it compiles librdkafka, which takes minutes`)
  let npm = install(name)
  // Confluent's downloads zlib, OpenSSL, zstd and curl to link them in, unless it is told to use those of the system.
  if (npm.status !== 0) npm = install(name, { CKJS_LINKING: 'dynamic' })
  if (npm.status === 0 && loads(name)) {
    fs.rmSync(failure, { force: true })
    return null
  }
  const said = `${npm.stdout}\n${npm.stderr}`.trim().split('\n').slice(-REASON_LINES).join('\n')
  fs.writeFileSync(failure, `${npm.error?.message ?? `npm ci ended with ${npm.status}`}\n${said}\n`)
  return notInstalled(failure)
}

function install(name, env) {
  return spawnSync('npm', ['ci', '--no-audit', '--no-fund', '--foreground-scripts'], {
    cwd: folderOf(name),
    env: { ...process.env, ...env },
    encoding: 'utf8',
    timeout: INSTALL_DEADLINE_MS,
    shell: process.platform === 'win32',
  })
}

function notInstalled(failure) {
  const [reason] = fs.readFileSync(failure, 'utf8').split('\n')
  return `cannot be installed here: ${reason} (${path.relative(process.cwd(), failure)})`
}

/** In a process of its own: this one is no place for librdkafka. */
function loads(name) {
  try {
    const { status } = spawnSync(process.execPath, [
      '-e',
      'require(process.argv[1])',
      rivalModule(name),
    ])
    return status === 0
  } catch {
    return false
  }
}

/**
 * @param {string} name
 * @returns {string} the file that `require` loads
 * @throws {Error} if it is not installed
 */
function rivalModule(name) {
  return requireOf(name).resolve(PACKAGES[name])
}

/** @param {string} name @returns {string} */
function rivalVersion(name) {
  return requireOf(name)('./package.json').dependencies[PACKAGES[name]]
}

function requireOf(name) {
  return createRequire(path.join(folderOf(name), 'package.json'))
}

module.exports = { ensureRival, rivalModule, rivalVersion }
