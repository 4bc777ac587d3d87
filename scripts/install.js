'use strict'

/** Development dependencies: `npm ci`, unless what is installed is what the lock file says. */

const fs = require('node:fs')
const path = require('node:path')
const { run } = require('./child')
const { step } = require('./progress')

const ROOT = path.join(__dirname, '..')

/**
 * @param {string} [directory] where package-lock.json is; default: the project
 * @returns {Promise<void>}
 * @throws {Error} if npm fails
 */
async function ensureInstalled(directory = ROOT) {
  if (isInstalled(directory)) return
  const where = path.relative(ROOT, directory) || 'the project'
  await step(`Installing the development dependencies of ${where} (npm ci)`, async () => {
    const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
    const done = await run(npm, ['ci', '--no-audit', '--no-fund'], { cwd: directory })
    if (!done) throw new Error('npm ci failed: see its message above')
  })
}

/** npm keeps a lock file of its own that says what is really there; packages for other platforms are not. */
function isInstalled(directory) {
  const wanted = readPackages(path.join(directory, 'package-lock.json'))
  const present = readPackages(path.join(directory, 'node_modules', '.package-lock.json'))
  if (wanted === undefined || present === undefined) return false
  return Object.entries(wanted).every(([name, { version, optional }]) => {
    if (name === '') return true
    const found = present[name]
    return found === undefined ? optional === true : found.version === version
  })
}

function readPackages(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8')).packages
  } catch {
    return undefined
  }
}

module.exports = { ensureInstalled }
