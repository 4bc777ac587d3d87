'use strict'

/** `npm run profile -- <workload>`: builds an addon whose functions have names, and runs benchmark/profile.js on it. */

const fs = require('node:fs')
const path = require('node:path')
const { brokersOfEnvironment } = require('../broker')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { ensureBuilt } = require('./build')
const { addonOnly } = require('./cargo')
const { step } = require('./progress')

const ROOT = path.join(__dirname, '..')
const BENCHMARK = path.join(ROOT, 'benchmark')
const TARGET = path.join(ROOT, 'target', 'profiling')
const ADDON = path.join(TARGET, 'kafkajs-rs.node')

async function main() {
  handleInterruption()
  if (process.platform !== 'linux') throw new Error('npm run profile needs perf, which is of Linux')
  checkRequirements({ kafka: brokersOfEnvironment() === undefined })
  await ensureInstalled()
  await ensureBuilt()
  await ensureInstalled(BENCHMARK)
  await step('Building the addon with symbols (cargo build --profile profiling)', buildWithSymbols)
  const args = [path.join(BENCHMARK, 'profile.js'), ...process.argv.slice(2)]
  const env = { ...process.env, NAPI_RS_NATIVE_LIBRARY_PATH: ADDON }
  if (!(await run(process.execPath, args, { cwd: BENCHMARK, env }))) {
    throw new Error('The profile failed: see its message above')
  }
}

async function buildWithSymbols() {
  // perf walks the stack by frame pointers.
  const flags = [process.env.RUSTFLAGS, '-C force-frame-pointers=yes'].filter(Boolean).join(' ')
  const env = { ...process.env, RUSTFLAGS: flags }
  const args = addonOnly(['build', '--profile', 'profiling'])
  if (!(await run('cargo', args, { cwd: ROOT, env }))) {
    throw new Error('cargo build failed: see its message above')
  }
  fs.copyFileSync(path.join(TARGET, 'libkafkajs_rs.so'), ADDON)
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
