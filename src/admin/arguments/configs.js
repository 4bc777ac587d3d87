'use strict'

/** Arguments of `describeConfigs` and `alterConfigs`, checked in kafkajs' order and words. */

const { ConfigResourceTypes } = require('../../enums')
const { KafkaJSNonRetriableError } = require('../../errors')
const { hasHoles } = require('./holes')

const TYPES = new Set(Object.values(ConfigResourceTypes))

/** Refuses the first resource for which `isValid` is false. */
const checkEach = (resources, isValid, message) => {
  const at = resources.findIndex(resource => !isValid(resource))
  if (at >= 0) throw new KafkaJSNonRetriableError(message(resources[at]))
}

const checkResources = resources => {
  if (!Array.isArray(resources)) {
    throw new KafkaJSNonRetriableError(`Invalid resources array ${resources}`)
  }
  if (resources.length === 0) {
    throw new KafkaJSNonRetriableError('Resources array cannot be empty')
  }
  checkEach(
    resources,
    ({ type }) => TYPES.has(type),
    resource => `Invalid resource type ${resource.type}: ${JSON.stringify(resource)}`
  )
  checkEach(
    resources,
    ({ name }) => name && typeof name === 'string',
    resource => `Invalid resource name ${resource.name}: ${JSON.stringify(resource)}`
  )
}

const isText = value => typeof value === 'string'

const describeConfigs = ({ resources, includeSynonyms }) => {
  checkResources(resources)
  checkEach(
    resources,
    ({ configNames }) =>
      configNames == null ||
      (Array.isArray(configNames) && !hasHoles(configNames) && configNames.every(isText)),
    resource => `Invalid resource configNames ${resource.configNames}: ${JSON.stringify(resource)}`
  )
  return {
    resources: resources.map(({ type, name, configNames }) => ({
      type,
      name,
      configNames: configNames ?? [],
    })),
    includeSynonyms: Boolean(includeSynonyms),
  }
}

const alterConfigs = ({ resources, validateOnly }) => {
  checkResources(resources)
  checkEach(
    resources,
    ({ configEntries }) => Array.isArray(configEntries),
    resource =>
      `Invalid resource configEntries ${resource.configEntries}: ${JSON.stringify(resource)}`
  )
  checkEach(
    resources,
    ({ configEntries }) =>
      !hasHoles(configEntries) &&
      configEntries.every(({ name, value }) => isText(name) && isText(value)),
    resource => `Invalid resource config value: ${JSON.stringify(resource)}`
  )
  return {
    resources: resources.map(({ type, name, configEntries }) => ({
      type,
      name,
      configEntries: configEntries.map(entry => ({ name: entry.name, value: entry.value })),
    })),
    validateOnly: Boolean(validateOnly),
  }
}

module.exports = { describeConfigs, alterConfigs }
