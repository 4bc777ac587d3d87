'use strict'

/** Programs that the scripts need beside those of the local Kafka. */

const { java, maven, requirePrograms } = require('../broker/requirements')

/** @type {import('../broker/requirements').Program} */
const cargo = {
  name: 'cargo',
  command: 'cargo',
  args: ['--version'],
  version: /cargo (\d+)/,
  get: 'https://rustup.rs, or: curl --proto =https --tlsv1.2 -sSf https://sh.rustup.rs | sh',
}

/** @type {import('../broker/requirements').Program} */
const node = {
  name: 'node',
  command: process.execPath,
  args: ['--version'],
  version: /v(\d+)/,
  minimum: 20,
  get: 'https://nodejs.org',
}

/**
 * @param {{ kafka?: boolean }} [options] kafka: whether a local Kafka will be started; default false
 * @throws {Error} that names everything that is missing and how to get it
 */
function checkRequirements({ kafka = false } = {}) {
  requirePrograms(kafka ? [node, cargo, java, maven] : [node, cargo])
}

module.exports = { checkRequirements }
