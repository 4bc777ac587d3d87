'use strict'

/** `npm run soak -- --minutes <n>`: builds what is missing and runs benchmark/soak/. */

const path = require('node:path')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { ensureInstalled } = require('./install')
const { ensureBuilt } = require('./build')

const BENCHMARK = path.join(__dirname, '..', 'benchmark')

async function main() {
  handleInterruption()
  checkRequirements({ kafka: true })
  await ensureInstalled()
  await ensureBuilt()
  await ensureInstalled(BENCHMARK)
  const args = [path.join(BENCHMARK, 'soak'), ...process.argv.slice(2)]
  if (!(await run(process.execPath, args))) throw new Error('The soak failed: see above')
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
