'use strict'

/** What an admin logs about attempts that failed, with what fields. Section 5. */

const { describe } = require('node:test')
const { outcomeOf } = require('../admin/outcome')
const { contract } = require('../harness')
const { API, int16, int32, join, list, write } = require('../harness/wire')
const { codesOnly, codesWithText, scripted } = require('./scriptedAdmin')

const NO_TOPIC = { partitions: 0 }

const UNKNOWN_TOPIC = 3
const REQUEST_TIMED_OUT = 7
const NOT_CONTROLLER = 41

const TOPIC = 2

const acl = {
  resourceType: TOPIC,
  resourceName: 't',
  resourcePatternType: 3,
  principal: 'User:bob',
  host: '*',
  operation: 3,
  permissionType: 3,
}

/** Flexible answers have a tag section at their header; a code for the whole, no text, no rows. */
const refused = write(encoder => {
  const NONE = Buffer.from([0])
  encoder.writeBuffer(NONE).writeInt32(0).writeInt16(NOT_CONTROLLER).writeUVarInt(0)
  encoder.writeUVarInt(1).writeBuffer(NONE)
})

const noText = int16(-1)
const noThrottle = int32(0)
const none = int32(0)
const one = int32(1)
const code = int16(NOT_CONTROLLER)

const resource = write(encoder => {
  encoder.writeInt32(0)
  list(encoder, ['t'], name => {
    encoder.writeInt16(NOT_CONTROLLER).writeString(null).writeInt8(TOPIC).writeString(name)
  })
})

/** Calls that the controller owns: API key, the answer of one that is not the controller, the call. */
const CALLS = {
  createPartitions: [
    API.CREATE_PARTITIONS,
    codesWithText({ t: NOT_CONTROLLER }),
    { topicPartitions: [{ topic: 't', count: 2 }] },
  ],
  deleteTopics: [API.DELETE_TOPICS, codesOnly({ t: NOT_CONTROLLER }), { topics: ['t'] }],
  describeConfigs: [
    API.DESCRIBE_CONFIGS,
    join(resource, none),
    { resources: [{ type: TOPIC, name: 't' }] },
  ],
  alterConfigs: [
    API.ALTER_CONFIGS,
    resource,
    { resources: [{ type: TOPIC, name: 't', configEntries: [{ name: 'a', value: 'b' }] }] },
  ],
  createAcls: [API.CREATE_ACLS, join(noThrottle, one, code, noText), { acl: [acl] }],
  describeAcls: [API.DESCRIBE_ACLS, join(noThrottle, code, noText, none), acl],
  deleteAcls: [API.DELETE_ACLS, join(noThrottle, one, code, noText, none), { filters: [acl] }],
  alterPartitionReassignments: [
    API.ALTER_PARTITION_REASSIGNMENTS,
    refused,
    { topics: [{ topic: 't', partitionAssignment: [{ partition: 0, replicas: [1] }] }] },
  ],
  listPartitionReassignments: [API.LIST_PARTITION_REASSIGNMENTS, refused, {}],
}

const FIELDS = 'the next wait is not known yet when the line is written'

const OTHER_WORDS = {
  createPartitions: ['Could not create topics', 'Could not create partitions'],
  listPartitionReassignments: [
    'Could not reassign partitions',
    'Could not list partition reassignments',
  ],
}

const linesOf = ({ logs }) => logs.filter(({ namespace }) => namespace === 'Admin')

function record(context) {
  for (const { label, log } of linesOf(context)) {
    const { message, ...fields } = log
    context.record('line', [label, message])
    context.record('fields', Object.keys(fields))
    context.record('told', [fields.error, fields.retryCount])
  }
}

describe('what an admin logs', { concurrency: 6 }, () => {
  for (const [name, [key, answer, call]] of Object.entries(CALLS)) {
    const words = OTHER_WORDS[name]
    const lines = text => Array(3).fill(['WARN', text])
    const line = words && {
      reason: 'kafkajs names another call',
      kafkajs: lines(words[0]),
      ours: lines(words[1]),
    }
    const differences = {
      fields: {
        reason: FIELDS,
        kafkajs: Array(3).fill(['error', 'retryCount', 'retryTime']),
        ours: Array(3).fill(['error', 'retryCount']),
      },
      ...(line && { line }),
    }
    contract(
      `5 ${name}: each attempt that failed is told`,
      { ...NO_TOPIC, differences },
      async context => {
        const { admin, requests } = await scripted(context, { [key]: [answer] })
        context.record('outcome', await outcomeOf(() => admin[name](call)))
        context.record('requests', requests(key).length)
        record(context)
      }
    )
  }

  contract(
    '5 deleteTopics: a topic that is not there yet, then a timeout',
    {
      ...NO_TOPIC,
      differences: {
        fields: {
          reason: `${FIELDS}; nothing is tried again after the last one`,
          kafkajs: Array(2).fill(['error', 'retryCount', 'retryTime']),
          ours: [['error', 'retryCount'], ['error']],
        },
        told: {
          reason: 'as above',
        },
      },
    },
    async context => {
      const answers = [codesOnly({ t: UNKNOWN_TOPIC }), codesOnly({ t: REQUEST_TIMED_OUT })]
      const { admin } = await scripted(context, { [API.DELETE_TOPICS]: answers })
      context.record('outcome', await outcomeOf(() => admin.deleteTopics({ topics: ['t'] })))
      record(context)
    }
  )

  contract('5 deleteTopicRecords: an offset before the first', NO_TOPIC, async context => {
    const offsets = write(encoder => {
      encoder.writeInt32(0)
      list(encoder, ['t'], topic => {
        encoder.writeString(topic)
        list(encoder, [0], partition =>
          encoder.writeInt32(partition).writeInt16(0).writeInt64('-1').writeInt64('5')
        )
      })
    })
    const deleted = write(encoder => {
      encoder.writeInt32(0)
      list(encoder, ['t'], topic => {
        encoder.writeString(topic)
        list(encoder, [0], partition => encoder.writeInt32(partition).writeInt64('5').writeInt16(0))
      })
    })
    const { admin } = await scripted(context, {
      [API.LIST_OFFSETS]: [offsets],
      [API.DELETE_RECORDS]: [deleted],
    })
    await admin.fetchTopicOffsets('t')
    const partitions = [{ partition: 0, offset: '3' }]
    context.record('result', await admin.deleteTopicRecords({ topic: 't', partitions }))
    for (const { label, log } of linesOf(context)) context.record('line', [label, log])
  })
})
