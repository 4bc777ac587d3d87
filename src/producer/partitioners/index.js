'use strict'

const DefaultPartitioner = require('./default')
const LegacyPartitioner = require('./legacy')

/**
 * Tells which partitioner of the core does the same as the given one, without a call to JavaScript per message.
 *
 * @param {Function | undefined} createPartitioner the producer's option
 * @returns {'default' | null} `null`: the given one has to be called
 */
const nativePartitioner = createPartitioner =>
  createPartitioner === undefined || createPartitioner === DefaultPartitioner ? 'default' : null

module.exports = {
  DefaultPartitioner,
  LegacyPartitioner,
  JavaCompatiblePartitioner: DefaultPartitioner,
  nativePartitioner,
}
