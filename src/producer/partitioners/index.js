'use strict'

const DefaultPartitioner = require('./default')
const LegacyPartitioner = require('./legacy')
const StickyPartitioner = require('./sticky')

/**
 * Tells which partitioner of the core does the same as the given one, without a call to JavaScript per message.
 *
 * @param {Function | undefined} createPartitioner the producer's option
 * @returns {'default' | 'sticky' | null} `null`: the given one has to be called
 */
const nativePartitioner = createPartitioner => {
  if (createPartitioner === undefined || createPartitioner === DefaultPartitioner) return 'default'
  return createPartitioner === StickyPartitioner ? 'sticky' : null
}

module.exports = {
  DefaultPartitioner,
  LegacyPartitioner,
  JavaCompatiblePartitioner: DefaultPartitioner,
  StickyPartitioner,
  nativePartitioner,
}
