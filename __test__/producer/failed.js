'use strict'

/** A send to topic `t` of a scripted broker, and what can be compared of its failure. */

/**
 * @param {import('kafkajs').Producer} producer
 * @param {object[]} [messages]  default: one for partition 0
 */
const send = (producer, messages = [{ value: 'v', partition: 0 }]) =>
  producer.send({ topic: 't', messages })

/**
 * @param {Error} error
 * @returns {object} without times and addresses, which differ from run to run
 */
const describe = error => ({
  class: error.constructor.name,
  name: error.name,
  message: error.message,
  retriable: error.retriable,
  type: error.type,
  code: error.code,
  retryCount: error.retryCount,
  members: Object.keys(error),
})

module.exports = { describe, send }
