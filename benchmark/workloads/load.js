'use strict'

const { execFileSync } = require('node:child_process')
const { moduleOf } = require('../clients')
const { Latencies, startMeasurement } = require('../measurement')

/** Programs of their own, each time: only the first load costs something. */
const REQUIRE = `
const startedAt = performance.now()
require(process.argv[1])
console.log(performance.now() - startedAt)
`
const IMPORT = `
const url = require('node:url').pathToFileURL(process.argv[1])
const startedAt = performance.now()
import(url).then(() => console.log(performance.now() - startedAt))
`

/**
 * How long a program takes to load the client, after Node.js has started.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function load({ name }, _workload, { size }) {
  const { file, esModule } = moduleOf(name)
  const program = esModule ? IMPORT : REQUIRE
  const latencies = new Latencies()
  const end = startMeasurement({ loop: false })
  for (let time = 0; time < size.loads; time++) {
    latencies.add(Number(execFileSync(process.execPath, ['-e', program, file])))
  }
  return { measured: await end(size.loads, latencies) }
}

module.exports = { load }
