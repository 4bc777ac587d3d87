'use strict'

/** Arguments of the operations on groups, checked in kafkajs' words. */

const { KafkaJSNonRetriableError } = require('../../errors')
const { hasHoles } = require('./holes')

const describeGroups = groupIds => {
  if (hasHoles(groupIds)) throw new KafkaJSNonRetriableError('Invalid groupId undefined')
  return groupIds.map(groupId => {
    if (typeof groupId !== 'string') {
      throw new KafkaJSNonRetriableError(`Invalid groupId ${groupId}`)
    }
    return groupId
  })
}

const deleteGroups = groupIds => {
  if (!Array.isArray(groupIds)) {
    throw new KafkaJSNonRetriableError(`Invalid groupIds array ${groupIds}`)
  }
  const hasInvalid = hasHoles(groupIds) || groupIds.some(groupId => typeof groupId !== 'string')
  if (hasInvalid) {
    // kafkajs names the outcome of its check here and not the id; programs compare the text.
    throw new KafkaJSNonRetriableError(`Invalid groupId name: ${hasInvalid}`)
  }
  return groupIds
}

module.exports = { describeGroups, deleteGroups }
