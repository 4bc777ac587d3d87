'use strict'

/** describeConfigs, alterConfigs. Section 5 of kafkajs' behaviour. */

const { contract, uniqueTopic, waitFor } = require('../harness')
const { outcomeOf } = require('./outcome')

const { ConfigResourceTypes } = require('kafkajs')

const { BROKER, BROKER_LOGGER, TOPIC } = ConfigResourceTypes

contract('describeConfigs: of a topic', async ({ kafka, topic, record }) => {
  const admin = kafka().admin()
  const describe = (resource, more) =>
    outcomeOf(() =>
      admin.describeConfigs({ resources: [{ type: TOPIC, name: topic, ...resource }], ...more })
    )
  const configNames = ['cleanup.policy', 'retention.ms']

  record('two', await describe({ configNames }))
  record('with synonyms', await describe({ configNames }, { includeSynonyms: true }))
  for (const resource of [{}, { configNames: [] }]) {
    const { result } = await describe(resource)
    const [{ configEntries, ...rest }] = result.resources
    record('all', rest)
    record(
      'entries',
      configEntries.sort((a, b) => a.configName.localeCompare(b.configName))
    )
  }
  record('keys', Object.keys((await describe({})).result.resources[0].configEntries[0]))
  record('unknown name', await describe({ configNames: ['no.such.name'] }))
})

contract('describeConfigs: of brokers and topics at once', async ({ kafka, topic, record }) => {
  const admin = kafka().admin()
  const { brokers: nodes } = await admin.describeCluster()
  const name = `${nodes[0].nodeId}`
  const configNames = ['num.io.threads', 'retention.ms', 'log.retention.ms']
  const resources = [
    { type: TOPIC, name: topic, configNames },
    { type: BROKER, name, configNames },
  ]

  record('both', await outcomeOf(() => admin.describeConfigs({ resources })))
  const loggers = { resources: [{ type: BROKER_LOGGER, name, configNames: ['kafka'] }] }
  record('loggers', await outcomeOf(() => admin.describeConfigs(loggers)))
})

contract('describeConfigs: nobody by that name', { partitions: 0 }, async context => {
  const { kafka, record, mask } = context
  const admin = kafka().admin()
  const missing = uniqueTopic('missing')
  mask(missing, '<missing>')
  const describe = resource => outcomeOf(() => admin.describeConfigs({ resources: [resource] }))

  record('topic', await describe({ type: TOPIC, name: missing }))
  record('broker', await describe({ type: BROKER, name: '99' }))
  record('no number', await describe({ type: BROKER, name: 'first' }))
  record('type', await describe({ type: 0, name: 'x' }))
})

contract('alterConfigs: replaces the whole configuration', async ({ kafka, topic, record }) => {
  const admin = kafka().admin()
  const alter = (configEntries, more) =>
    outcomeOf(() =>
      admin.alterConfigs({ resources: [{ type: TOPIC, name: topic, configEntries }], ...more })
    )
  const configNames = ['cleanup.policy', 'retention.ms']
  const described = async () => {
    const { resources } = await admin.describeConfigs({
      resources: [{ type: TOPIC, name: topic, configNames }],
    })
    return resources[0].configEntries.map(({ configName, configValue }) => [
      configName,
      configValue,
    ])
  }
  /** A broker hears of a new configuration a moment after the controller has taken it. */
  const stored = (policy, retention) =>
    waitFor(
      async () => {
        const entries = await described()
        const { 'cleanup.policy': isPolicy, 'retention.ms': isRetention } =
          Object.fromEntries(entries)
        return isPolicy === policy && isRetention === retention && entries
      },
      { message: `${policy} and ${retention}` }
    )
  const WEEK = '604800000'

  record('first', await alter([{ name: 'retention.ms', value: '86400000' }]))
  record('stored', await stored('delete', '86400000'))
  record('second', await alter([{ name: 'cleanup.policy', value: 'compact' }]))
  record('stored', await stored('compact', WEEK))
  record('validateOnly', await alter([], { validateOnly: true }))
  record('stored', await stored('compact', WEEK))
  record('none', await alter([]))
  record('stored', await stored('delete', WEEK))
  record('unknown', await alter([{ name: 'no.such.name', value: '1' }]))
  record('bad value', await alter([{ name: 'retention.ms', value: 'long' }]))
  const elsewhere = { resources: [{ type: BROKER, name: '99', configEntries: [] }] }
  record('unknown broker', await outcomeOf(() => admin.alterConfigs(elsewhere)))
})
