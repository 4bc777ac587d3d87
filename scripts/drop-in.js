'use strict'

/**
 * What `require('kafkajs')` means for the packages in `__test__/ecosystem`: kafkajs, or our package as npm packs it and
 * as `npm install kafkajs@npm:kafkajs-rs` places it.
 */

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { run } = require('./child')

const ROOT = path.join(__dirname, '..')
const ECOSYSTEM = path.join(ROOT, '__test__', 'ecosystem')
const PLACE = path.join(ECOSYSTEM, 'node_modules', 'kafkajs')

/** Both, whole, beside the place where one of them is copied to. */
const STORE = path.join(ECOSYSTEM, 'node_modules', '.clients')

/** @typedef {'kafkajs' | 'kafkajs-rs'} ClientName */

/**
 * Gets both ready: kafkajs as npm installed it, ours packed from the files of now.
 *
 * @returns {Promise<void>}
 * @throws {Error} if npm cannot pack
 */
async function prepareClients() {
  fs.mkdirSync(STORE, { recursive: true })
  const theirs = path.join(STORE, 'kafkajs')
  if (!fs.existsSync(theirs)) fs.cpSync(PLACE, theirs, { recursive: true })
  await unpackOurs(path.join(STORE, 'kafkajs-rs'))
}

async function unpackOurs(folder) {
  const draft = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-pack-'))
  try {
    const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', draft]
    const onOutput = () => {}
    if (!(await run('npm', pack, { cwd: ROOT, onOutput }))) throw new Error('npm pack failed')
    const [tarball] = fs.readdirSync(draft)
    fs.rmSync(folder, { recursive: true, force: true })
    fs.mkdirSync(folder)
    const unpack = ['-xzf', path.join(draft, tarball), '-C', folder, '--strip-components=1']
    if (!(await run('tar', unpack))) throw new Error(`${tarball} cannot be unpacked`)
  } finally {
    fs.rmSync(draft, { recursive: true, force: true })
  }
}

/**
 * Puts a client where packages look for kafkajs.
 *
 * @param {ClientName} client
 * @throws {Error} if something else is there in the end
 */
function placeClient(client) {
  fs.rmSync(PLACE, { recursive: true, force: true })
  fs.cpSync(path.join(STORE, client), PLACE, { recursive: true })
  const { name } = JSON.parse(fs.readFileSync(path.join(PLACE, 'package.json'), 'utf8'))
  if (name !== client) throw new Error(`${PLACE} has ${name} and should have ${client}`)
}

module.exports = { ECOSYSTEM, placeClient, prepareClients }
