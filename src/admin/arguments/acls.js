'use strict'

/** Arguments of the operations on ACLs, checked in kafkajs' order and words. */

const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ResourcePatternTypes,
} = require('../../enums')
const { KafkaJSNonRetriableError } = require('../../errors')

const isText = value => typeof value === 'string'
const isTextOrAbsent = value => value === undefined || isText(value)

/** Enums in the order in which kafkajs checks them, each with its name in the errors. */
const ENUMS = [
  ['operation', 'operation type', AclOperationTypes],
  ['resourcePatternType', 'resource pattern type', ResourcePatternTypes],
  ['permissionType', 'permission type', AclPermissionTypes],
  ['resourceType', 'resource type', AclResourceTypes],
].map(([property, name, values]) => ({ property, name, values: new Set(Object.values(values)) }))

const checkTexts = (entries, what, isValid) => {
  for (const property of ['principal', 'host', 'resourceName']) {
    if (entries.some(entry => !isValid(entry[property]))) {
      throw new KafkaJSNonRetriableError(
        `Invalid ${what} array, the ${property}s have to be a valid string`
      )
    }
  }
}

const checkEnums = entries => {
  for (const { property, name, values } of ENUMS) {
    const at = entries.findIndex(entry => !values.has(entry[property]))
    if (at >= 0) {
      const invalid = entries[at]
      throw new KafkaJSNonRetriableError(
        `Invalid ${name} ${invalid[property]}: ${JSON.stringify(invalid)}`
      )
    }
  }
}

/** The properties the core reads, so that others do not travel. */
const pick = entry => ({
  resourceType: entry.resourceType,
  resourceName: entry.resourceName,
  resourcePatternType: entry.resourcePatternType,
  principal: entry.principal,
  host: entry.host,
  operation: entry.operation,
  permissionType: entry.permissionType,
})

const createAcls = ({ acl }) => {
  if (!Array.isArray(acl)) throw new KafkaJSNonRetriableError(`Invalid ACL array ${acl}`)
  if (acl.length === 0) throw new KafkaJSNonRetriableError('Empty ACL array')
  checkTexts(acl, 'ACL', isText)
  checkEnums(acl)
  return acl.map(pick)
}

const describeAcls = ({
  resourceType,
  resourceName,
  resourcePatternType,
  principal,
  host,
  operation,
  permissionType,
}) => {
  for (const [property, value] of Object.entries({ principal, host, resourceName })) {
    if (!isTextOrAbsent(value)) {
      throw new KafkaJSNonRetriableError(
        `Invalid ${property}, the ${property} have to be a valid string`
      )
    }
  }
  const filter = { resourceType, resourcePatternType, operation, permissionType }
  for (const { property, name, values } of ENUMS) {
    if (!values.has(filter[property])) {
      const what = property === 'resourcePatternType' ? 'resource pattern filter type' : name
      throw new KafkaJSNonRetriableError(`Invalid ${what} ${filter[property]}`)
    }
  }
  return { ...filter, resourceName, principal, host }
}

const deleteAcls = ({ filters }) => {
  if (!Array.isArray(filters)) {
    throw new KafkaJSNonRetriableError(`Invalid ACL Filter array ${filters}`)
  }
  if (filters.length === 0) throw new KafkaJSNonRetriableError('Empty ACL Filter array')
  checkTexts(filters, 'ACL Filter', isTextOrAbsent)
  checkEnums(filters)
  return filters.map(pick)
}

module.exports = { createAcls, describeAcls, deleteAcls }
