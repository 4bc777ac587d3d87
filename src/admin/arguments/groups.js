'use strict'

/** Arguments of the operations on groups, checked in kafkajs' words. */

const { KafkaJSNonRetriableError } = require('../../errors')

const describeGroups = groupIds =>
  groupIds.map(groupId => {
    if (typeof groupId !== 'string') {
      throw new KafkaJSNonRetriableError(`Invalid groupId ${groupId}`)
    }
    return groupId
  })

const deleteGroups = groupIds => {
  if (!Array.isArray(groupIds)) {
    throw new KafkaJSNonRetriableError(`Invalid groupIds array ${groupIds}`)
  }
  const hasInvalid = groupIds.some(groupId => typeof groupId !== 'string')
  if (hasInvalid) {
    // kafkajs names the outcome of its check here and not the id; programs compare the text.
    throw new KafkaJSNonRetriableError(`Invalid groupId name: ${hasInvalid}`)
  }
  return groupIds
}

module.exports = { describeGroups, deleteGroups }
