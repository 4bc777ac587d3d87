'use strict'

/**
 * `npm run lint`: form and lint of JavaScript (biome.jsonc) and Rust (rustfmt.toml, Cargo.toml), licences and
 * advisories of dependencies (deny.toml).
 * `npm run format`: brings both into form.
 */

const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { note, step } = require('./progress')

const ROOT = path.join(__dirname, '..')

function biome(...args) {
  const program = path.join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome')
  return run(process.execPath, [program, ...args], { cwd: ROOT })
}

function cargo(...args) {
  return run('cargo', args, { cwd: ROOT })
}

/**
 * @returns {Promise<string[]>} names of the checks that failed
 */
async function lint() {
  const checks = {
    'JavaScript form and lint (biome)': () => biome('check', '--error-on-warnings', '.'),
    'Rust form (rustfmt)': () => cargo('fmt', '--check'),
    'Rust lint (clippy)': () => cargo('clippy', '--all-targets', '--', '-D', 'warnings'),
    'Dependencies (cargo deny)': checkDependencies,
  }
  const failed = []
  for (const [name, check] of Object.entries(checks)) {
    if (!(await step(name, check))) failed.push(name)
  }
  return failed
}

/** cargo-deny is a program of its own; CI installs it, a laptop may lack it. */
function checkDependencies() {
  if (spawnSync('cargo', ['deny', '--version']).status !== 0) {
    note('left out: cargo-deny is not installed (cargo install cargo-deny --locked)')
    return true
  }
  const checks = ['licenses', 'bans', 'sources']
  // The advisories are a git repository elsewhere: a machine that cannot reach it still checks the rest.
  if (spawnSync('cargo', ['deny', 'fetch', 'db'], { cwd: ROOT, timeout: 60_000 }).status === 0) {
    checks.push('advisories')
  } else {
    note('advisories left out: their database cannot be fetched')
  }
  return cargo('deny', 'check', ...checks)
}

async function main() {
  handleInterruption()
  checkRequirements()
  await ensureInstalled()
  if (process.argv.includes('--write')) {
    const done = [await biome('check', '--write', '.'), await cargo('fmt')]
    if (done.includes(false))
      throw new Error('Some files could not be brought into form: see above')
    return
  }
  const failed = await lint()
  if (failed.length > 0) throw new Error(`Failed: ${failed.join(', ')}`)
}

if (require.main === module) {
  main().catch(error => {
    console.error(error.message)
    process.exitCode = error.exitCode ?? 1
  })
}

module.exports = { lint }
