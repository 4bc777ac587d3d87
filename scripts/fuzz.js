'use strict'

/**
 * `npm run fuzz`: feeds every fuzz target of fuzz/ with what no sane broker sends, one after the other.
 *
 *     npm run fuzz -- --seconds 60                    time of each target; default 60
 *     npm run fuzz -- --seconds 600 responses sasl    these targets only
 *     npm run fuzz -- --runs 200000                   so many inputs of each target at most
 *     npm run fuzz -- --seed 1                        the same inputs each time, as far as the time goes; default by chance
 *
 * A panic, an overflow, more than 1 GB of memory and an input that takes more than 20 seconds are crashes; the input is
 * kept in fuzz/artifacts. fuzz/seeds are answers of a real broker (fuzz/capture.js); what the fuzzer finds worth keeping
 * goes to fuzz/corpus, which git ignores.
 */

const fs = require('node:fs')
const path = require('node:path')
const { spawnSync } = require('node:child_process')
const { parseArgs } = require('node:util')
const { handleInterruption, run } = require('./child')
const { note, step } = require('./progress')

const ROOT = path.join(__dirname, '..')
const FUZZ = path.join(ROOT, 'fuzz')

const LIMITS = ['-rss_limit_mb=1024', '-timeout=20', '-max_len=65536']

/** Shared with the addon, so that most of what the targets need has been built already. */
const BUILT = path.join(ROOT, 'target')

const env = {
  ...process.env,
  CARGO_TARGET_DIR: BUILT,
  RUSTC_WORKSPACE_WRAPPER: path.join(FUZZ, 'instrument.sh'),
}

/** @returns {string[]} names of all targets */
function allTargets() {
  const files = fs.readdirSync(path.join(FUZZ, 'fuzz_targets')).sort()
  return files.filter(file => file.endsWith('.rs')).map(file => path.basename(file, '.rs'))
}

function build() {
  const manifest = path.join(FUZZ, 'Cargo.toml')
  return run('cargo', ['build', '--bins', '--manifest-path', manifest], { cwd: ROOT, env })
}

function fuzz(target, { seconds, runs, seed }) {
  const corpus = path.join(FUZZ, 'corpus', target)
  const artifacts = path.join(FUZZ, 'artifacts', target)
  for (const folder of [corpus, artifacts]) fs.mkdirSync(folder, { recursive: true })
  const seeds = path.join(FUZZ, 'seeds', target)
  const inputs = fs.existsSync(seeds) ? [corpus, seeds] : [corpus]
  const ends = [`-max_total_time=${seconds}`, `-artifact_prefix=${artifacts}${path.sep}`]
  if (runs !== undefined) ends.push(`-runs=${runs}`)
  if (seed !== undefined) ends.push(`-seed=${seed}`)
  return run(path.join(BUILT, 'debug', target), [...inputs, ...ends, ...LIMITS], { cwd: FUZZ })
}

function whole(option, text) {
  const number = Number(text)
  if (Number.isInteger(number) && number >= 1) return number
  throw new Error(`--${option} ${text}: expected a whole number from 1`)
}

async function main() {
  handleInterruption()
  const { values, positionals } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      runs: { type: 'string' },
      seed: { type: 'string' },
    },
    allowPositionals: true,
  })
  const seconds = whole('seconds', values.seconds)
  const runs = values.runs && whole('runs', values.runs)
  const seed = values.seed && whole('seed', values.seed)
  const known = allTargets()
  const unknown = positionals.find(name => !known.includes(name))
  if (unknown) throw new Error(`No target ${unknown}: there are ${known.join(', ')}`)

  if (spawnSync('c++', ['--version']).status !== 0) {
    note('fuzzing left out: there is no C++ compiler (apt-get install g++)')
    return
  }
  const targets = positionals.length > 0 ? positionals : known
  if (!(await step('Building the fuzz targets', build))) {
    throw new Error('The fuzz targets were not built: see above')
  }
  const failed = []
  for (const target of targets) {
    const done = await step(`Fuzzing ${target}`, () => fuzz(target, { seconds, runs, seed }))
    if (!done) failed.push(target)
  }
  if (failed.length > 0) {
    throw new Error(`Failed: ${failed.join(', ')}; the inputs are in fuzz/artifacts`)
  }
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = error.exitCode ?? 1
})
