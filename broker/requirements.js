'use strict'

/** Programs that must be on this machine, and the sentence a reader needs when one is not. */

const path = require('node:path')
const { spawnSync } = require('node:child_process')

/**
 * @typedef {object} Program
 * @property {string} name        what the message calls it
 * @property {string} command     what is run
 * @property {string[]} args      arguments that make it print its version
 * @property {RegExp} version     its first group is the major version
 * @property {number} [minimum]   lowest major version that will do
 * @property {string} get         how to get it
 */

/** A Java of JAVA_HOME wins over the one on the PATH, as it does for Maven. */
function javaCommand() {
  return process.env.JAVA_HOME ? path.join(process.env.JAVA_HOME, 'bin', 'java') : 'java'
}

/** @type {Program} */
const java = {
  name: 'java',
  get command() {
    return javaCommand()
  },
  args: ['-version'],
  version: /version "(?:1\.)?(\d+)/,
  minimum: 17,
  get: 'Debian, Ubuntu: apt-get install -y maven (brings Java too); macOS: brew install openjdk; others: https://adoptium.net',
}

/** @type {Program} */
const maven = {
  name: 'mvn',
  command: 'mvn',
  args: ['-v'],
  version: /Apache Maven (\d+)/,
  minimum: 3,
  get: 'Debian, Ubuntu: apt-get install -y maven; macOS: brew install maven; others: https://maven.apache.org/install.html',
}

/** @type {Program} */
const openssl = {
  name: 'openssl',
  command: 'openssl',
  args: ['version'],
  version: /(?:OpenSSL|LibreSSL) (\d+)/,
  get: 'Debian, Ubuntu: apt-get install -y openssl; macOS: brew install openssl',
}

/**
 * @param {Program} program
 * @returns {string | undefined} what is wrong with it, undefined if nothing is
 */
function complaint({ name, command, args, version, minimum = 0, get }) {
  const wanted = minimum ? `${name} >= ${minimum}` : name
  const { error, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (error) return `${wanted} was not found (tried: ${command}). ${get}`
  const output = `${stdout}${stderr}`
  const [, major] = version.exec(output) ?? []
  if (major === undefined) {
    return `${wanted} does not say its version (tried: ${command} ${args.join(' ')}). ${get}`
  }
  if (Number(major) < minimum) return `${wanted} is needed, found ${major} (${command}). ${get}`
  return undefined
}

/**
 * @param {Program[]} programs
 * @throws {Error} one message that names everything that is missing and how to get it
 */
function requirePrograms(programs) {
  const complaints = programs.map(complaint).filter(text => text !== undefined)
  if (complaints.length === 0) return
  throw new Error(
    `Something is missing on this machine:\n${complaints.map(c => `  - ${c}`).join('\n')}`
  )
}

module.exports = { java, maven, openssl, requirePrograms }
