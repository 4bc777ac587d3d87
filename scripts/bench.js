'use strict'

/** `npm run bench -- <options>`: builds what is missing and runs benchmark/, which has dependencies of its own. */

const path = require('node:path')
const { brokersOfEnvironment } = require('../broker')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { ensureBuilt } = require('./build')

const BENCHMARK = path.join(__dirname, '..', 'benchmark')

async function main() {
  handleInterruption()
  checkRequirements({ kafka: brokersOfEnvironment() === undefined })
  await ensureInstalled()
  await ensureBuilt()
  await ensureInstalled(BENCHMARK)
  const args = [path.join(BENCHMARK, 'bench.js'), ...process.argv.slice(2)]
  if (!(await run(process.execPath, args, { cwd: BENCHMARK }))) {
    throw new Error('The benchmark failed: see its message above')
  }
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
