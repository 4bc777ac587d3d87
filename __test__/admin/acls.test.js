'use strict'

/** createAcls, describeAcls, deleteAcls, and what an ACL does to the other methods. Section 5 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const { after, before, describe, test } = require('node:test')
const {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  ConfigResourceTypes,
  ResourcePatternTypes,
} = require('kafkajs')
const { reference, startSingle, subject, uniqueGroup, uniqueTopic, waitFor } = require('../harness')
const { outcomeOf } = require('./outcome')

const { ALL, DESCRIBE, READ, WRITE, ANY: ANY_OPERATION } = AclOperationTypes
const { ALLOW, DENY, ANY: ANY_PERMISSION } = AclPermissionTypes
const { GROUP, TOPIC, ANY: ANY_RESOURCE } = AclResourceTypes
const { LITERAL, PREFIXED, ANY: ANY_PATTERN } = ResourcePatternTypes

/** Whoever comes by the plain listener; without ACLs it may do everything. */
const OVERRIDES = { 'allow.everyone.if.no.acl.found': 'true', 'super.users': 'User:admin' }

let cluster
before(async () => {
  cluster = await startSingle({ secured: true, overrides: OVERRIDES })
})
after(() => cluster?.stop())

async function withAdminOf(library, task) {
  const { Kafka, logLevel } = library.load()
  const settings = { brokers: cluster.brokers, logLevel: logLevel.NOTHING }
  const admin = new Kafka({ ...settings, retry: { retries: 1, initialRetryTime: 20 } }).admin()
  try {
    return await task(admin)
  } finally {
    await admin.disconnect()
  }
}

/** Both libraries in turn, on ACLs of a principal of their own; what they see must be the same. */
function same(name, body) {
  test(name, async () => {
    const observe = library => {
      const names = [uniqueTopic(), uniqueGroup()]
      const masked = value =>
        JSON.parse(
          names.reduce((text, own) => text.replaceAll(own, '<own>'), JSON.stringify(value))
        )
      return withAdminOf(library, async admin => masked(await body(admin, names)))
    }
    const expected = await observe(reference)
    assert.deepEqual(await observe(subject), expected)
  })
}

const entry = (resourceName, more) => ({
  resourceType: TOPIC,
  resourceName,
  resourcePatternType: LITERAL,
  principal: `User:${resourceName}`,
  host: '*',
  operation: READ,
  permissionType: ALLOW,
  ...more,
})

const ofPrincipal = name => ({
  resourceType: ANY_RESOURCE,
  resourcePatternType: ANY_PATTERN,
  principal: `User:${name}`,
  operation: ANY_OPERATION,
  permissionType: ANY_PERMISSION,
})

const sorted = list => [...list].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)))

describe('ACLs are made, described and deleted as by kafkajs', () => {
  same('createAcls, describeAcls, deleteAcls', async (admin, [name]) => {
    const acl = [
      entry(name),
      entry(name, { operation: WRITE, host: '127.0.0.1' }),
      entry(`${name}-`, { principal: `User:${name}`, resourcePatternType: PREFIXED }),
      entry(name, { resourceType: GROUP, operation: DESCRIBE, permissionType: DENY }),
    ]
    const described = async filter => {
      const { resources, ...rest } = await admin.describeAcls(filter)
      return [sorted(resources.map(r => ({ ...r, acls: sorted(r.acls) }))), rest]
    }
    const filter = ofPrincipal(name)
    return {
      before: await described(filter),
      created: await outcomeOf(() => admin.createAcls({ acl })),
      again: await outcomeOf(() => admin.createAcls({ acl })),
      all: await described(filter),
      some: await described({ ...filter, resourceType: TOPIC, resourceName: name, host: '*' }),
      deleted: await outcomeOf(async () => {
        const filters = [
          { ...filter, resourceType: GROUP },
          { ...filter, operation: WRITE },
        ]
        return admin.deleteAcls({ filters })
      }),
      left: await described(filter),
      rest: await outcomeOf(async () => {
        const { filterResponses } = await admin.deleteAcls({ filters: [filter] })
        return filterResponses.map(response => sorted(response.matchingAcls))
      }),
      none: await outcomeOf(() => admin.deleteAcls({ filters: [filter] })),
    }
  })

  same('an ACL the broker refuses', (admin, [name]) => {
    const acl = [entry(name), entry('', { principal: `User:${name}` })]
    return outcomeOf(() => admin.createAcls({ acl }))
  })

  same('a principal that is none', (admin, [name]) =>
    outcomeOf(() => admin.createAcls({ acl: [entry(name, { principal: name })] }))
  )

  same('a filter the broker refuses', admin =>
    outcomeOf(() => admin.describeAcls({ ...ofPrincipal('x'), resourceType: 0 }))
  )
})

describe('what an ACL forbids is told as by kafkajs', () => {
  const deny = (admin, resourceType, resourceName) =>
    admin.createAcls({
      acl: [
        entry(resourceName, {
          resourceType,
          principal: 'User:ANONYMOUS',
          operation: ALL,
          permissionType: DENY,
        }),
      ],
    })

  /** A broker hears of a new ACL a moment after the controller has taken it. */
  const inForce = call => {
    const isRefused = async () => Boolean((await outcomeOf(call)).error)
    return waitFor(isRefused, { message: 'the ACL to be in force' })
  }

  same('a topic', async (admin, [name]) => {
    await admin.createTopics({ topics: [{ topic: name }] })
    await deny(admin, TOPIC, name)
    await inForce(() => admin.fetchTopicMetadata({ topics: [name] }))
    const resources = [{ type: ConfigResourceTypes.TOPIC, name }]
    const altered = [{ ...resources[0], configEntries: [] }]
    const calls = {
      createTopics: () => admin.createTopics({ topics: [{ topic: name }] }),
      deleteTopics: () => admin.deleteTopics({ topics: [name] }),
      createPartitions: () =>
        admin.createPartitions({ topicPartitions: [{ topic: name, count: 2 }] }),
      fetchTopicMetadata: () => admin.fetchTopicMetadata({ topics: [name] }),
      fetchTopicOffsets: () => admin.fetchTopicOffsets(name),
      describeConfigs: () => admin.describeConfigs({ resources }),
      alterConfigs: () => admin.alterConfigs({ resources: altered }),
      listTopics: async () => (await admin.listTopics()).includes(name),
    }
    const outcomes = {}
    for (const [method, call] of Object.entries(calls)) outcomes[method] = await outcomeOf(call)
    return outcomes
  })

  test('a group: GROUP_AUTHORIZATION_FAILED', { skip: isStandIn() }, async () => {
    await withAdminOf(subject, async admin => {
      const groupId = uniqueGroup()
      await deny(admin, GROUP, groupId)
      await inForce(() => admin.describeGroups([groupId]))
      const isRefused = error => {
        const types = [error, error.cause, ...(error.groups ?? []).map(group => group.error)]
        return types.some(candidate => candidate?.type === 'GROUP_AUTHORIZATION_FAILED')
      }
      await assert.rejects(admin.describeGroups([groupId]), isRefused)
      await assert.rejects(admin.fetchOffsets({ groupId }), isRefused)
      await assert.rejects(admin.deleteGroups([groupId]), isRefused)
    })
  })
})

function isStandIn() {
  return subject.isStandIn && 'kafkajs says that it finds no coordinator'
}
