'use strict'

/**
 * Builds the addon: `kafkajs-rs.<platform>.node`, and `binding.js` and `binding.d.ts`, which find and describe it.
 *
 *     node scripts/build.js [--debug]
 */

const fs = require('node:fs')
const path = require('node:path')
const { createHash } = require('node:crypto')
const { handleInterruption, run } = require('./child')
const { checkRequirements } = require('./requirements')
const { step } = require('./progress')

const ROOT = path.join(__dirname, '..')
const STAMP = path.join(ROOT, 'target', 'addon.json')

/** Files are made here and renamed into place: a process that has the old addon loaded keeps it, whole. */
const DRAFT = path.join(ROOT, 'target', 'addon')

/** Windows starts no scripts; the addon is larger there. */
const CARGO = process.platform === 'win32' ? undefined : path.join(__dirname, 'cargo.js')

/** What the addon is made of, beside the Rust files in src. */
const SINGLE_SOURCES = [
  'Cargo.toml',
  'Cargo.lock',
  'build.rs',
  'rust-toolchain.toml',
  'scripts/cargo.js',
  '.cargo/config.toml',
]

/**
 * Builds in release mode, unless the addon that is there was built so from the very same sources.
 *
 * @returns {Promise<void>}
 * @throws {Error} if the build fails
 */
async function ensureBuilt() {
  if (readStamp() === describe('release')) return
  await step('Building the addon in release mode (the first time takes minutes)', () =>
    build('release')
  )
}

/**
 * @param {'release' | 'debug'} profile
 * @returns {Promise<void>}
 * @throws {Error} if the build fails
 */
async function build(profile) {
  const cli = path.join(ROOT, 'node_modules', '@napi-rs', 'cli', 'dist', 'cli.js')
  if (!fs.existsSync(cli)) throw new Error('@napi-rs/cli is not installed: run npm ci first')
  const release = profile === 'release' ? ['--release'] : []
  const outputs = ['--output-dir', DRAFT, '--js', 'binding.js', '--dts', 'binding.d.ts']
  const sources = describeSources()
  fs.mkdirSync(DRAFT, { recursive: true })
  const args = [cli, 'build', '--platform', ...release, ...outputs]
  const env = profile === 'release' && CARGO ? { CARGO, ...process.env } : process.env
  if (!(await run(process.execPath, args, { cwd: ROOT, env }))) {
    throw new Error('The addon was not built: see the message above')
  }
  for (const name of fs.readdirSync(DRAFT).filter(isBuilt)) {
    fs.renameSync(path.join(DRAFT, name), path.join(ROOT, name))
  }
  fs.writeFileSync(STAMP, describe(profile, sources))
}

function isBuilt(name) {
  return name.endsWith('.node') || name === 'binding.js' || name === 'binding.d.ts'
}

/** @returns {string} changes with the sources, the profile, the platform and the built files */
function describe(profile, sources = describeSources()) {
  const built = fs.readdirSync(ROOT).filter(isBuilt)
  const sizes = built.map(name => [name, fs.statSync(path.join(ROOT, name)).size])
  const { platform, arch } = process
  return JSON.stringify({ profile, platform, arch, sources, built: sizes })
}

/** @returns {string} hash of everything the addon is made of */
function describeSources() {
  const hash = createHash('sha256')
  const rust = fs
    .readdirSync(path.join(ROOT, 'src'), { recursive: true })
    .filter(name => name.endsWith('.rs'))
    .map(name => path.join('src', name))
  for (const name of [...SINGLE_SOURCES, ...rust.sort()]) {
    const file = path.join(ROOT, name)
    if (fs.existsSync(file)) hash.update(`${name}\0`).update(fs.readFileSync(file)).update('\0')
  }
  const manifest = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'))
  hash.update(JSON.stringify([manifest.name, manifest.version, manifest.napi]))
  return hash.digest('hex')
}

function readStamp() {
  try {
    return fs.readFileSync(STAMP, 'utf8')
  } catch {
    return undefined
  }
}

async function main() {
  handleInterruption()
  checkRequirements()
  await build(process.argv.includes('--debug') ? 'debug' : 'release')
}

if (require.main === module) {
  main().catch(error => {
    console.error(error.message)
    process.exitCode = error.exitCode ?? 1
  })
}

module.exports = { ensureBuilt }
