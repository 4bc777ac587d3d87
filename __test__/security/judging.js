'use strict'

/** Contracts about TLS: what connecting to a server with some certificate gives. */

const assert = require('node:assert/strict')
const { contract } = require('../harness')
const { connect } = require('./connecting')
const { startTerminator } = require('./terminator')

const NO_TOPIC = { partitions: 0 }

/** Starts the server of a test; its port is masked. */
async function serve(context, options) {
  const terminator = await startTerminator(options)
  context.onEnd(() => terminator.close())
  context.mask(terminator.port, '<port>')
  return terminator
}

/** A contract: what connecting to a server with `certificate` gives under `ssl`. */
function judges(name, { certificate, ssl, host = 'localhost', options = {}, ...rest }) {
  contract(name, { ...NO_TOPIC, ...rest }, async context => {
    const { cert, key } = certificate
    const { port } = await serve(context, { cert, key, ...options })
    context.record('connect', await connect(context, { brokers: [`${host}:${port}`], ssl }))
  })
}

/** As `judges`, where only code and class can be the same. */
function fails(name, { certificate, options = {}, ssl: given, code }) {
  contract(name, NO_TOPIC, async context => {
    const { cert, key } = certificate
    const { port } = await serve(context, { cert, key, ...options })
    const error = await connect(context, { brokers: [`localhost:${port}`], ssl: given })
    context.record('class', [error.class, error.cause.class, error.cause.code])
    assert.equal(error.cause.code, code)
  })
}

module.exports = { NO_TOPIC, fails, judges, serve }
