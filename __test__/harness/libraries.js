'use strict'

/** The two libraries that contract tests compare. */

/** kafkajs 2.2.4, whose behaviour is the contract. */
const reference = { name: 'kafkajs', load: () => require('kafkajs') }

/**
 * Ours. KAFKA_CLIENT=kafkajs puts kafkajs in its place, to see whether a test says something true of kafkajs; stated
 * differences are not compared then. `npm test` clears the variable.
 */
const subject =
  process.env.KAFKA_CLIENT === 'kafkajs'
    ? { ...reference, isStandIn: true }
    : { name: 'kafkajs-rs', load: () => require('../..'), isStandIn: false }

module.exports = { reference, subject }
