'use strict'

/**
 * Owners that move, as brokers of our time seldom show it: a scripted broker says NOT_CONTROLLER, NOT_COORDINATOR,
 * NOT_LEADER and the like, in versions old enough to be written by hand.
 */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { response, startPeer, subject } = require('../harness')
const {
  API,
  answerVersions,
  bodyOf,
  coordinatorBody,
  list,
  metadataBody,
  write,
} = require('../harness/wire')
const { outcomeOf } = require('./outcome')

const {
  LIST_OFFSETS,
  METADATA,
  OFFSET_COMMIT,
  OFFSET_FETCH,
  FIND_COORDINATOR,
  DESCRIBE_GROUPS,
  API_VERSIONS,
  CREATE_TOPICS,
  DELETE_TOPICS,
  DELETE_GROUPS,
} = API

const VERSIONS = {
  [LIST_OFFSETS]: [2, 2],
  [METADATA]: [4, 4],
  [OFFSET_COMMIT]: [2, 2],
  [OFFSET_FETCH]: [2, 2],
  [FIND_COORDINATOR]: [0, 0],
  [DESCRIBE_GROUPS]: [0, 0],
  [API_VERSIONS]: [0, 0],
  [CREATE_TOPICS]: [2, 2],
  [DELETE_TOPICS]: [1, 1],
  [DELETE_GROUPS]: [0, 0],
}

const UNKNOWN_TOPIC = 3
const LEADER_NOT_AVAILABLE = 5
const NOT_LEADER = 6
const LOADING = 14
const NOT_COORDINATOR = 16
const UNKNOWN_MEMBER = 25
const TOPIC_EXISTS = 36
const NOT_CONTROLLER = 41

/** What Metadata says of a topic: its one partition has no leader, if `leader` is -1. */
const described = ({ name, code, leader = 1 }) => {
  const partition = { partition: 0, leader, code: leader < 0 ? LEADER_NOT_AVAILABLE : 0 }
  return { name, code, partitions: [partition] }
}

const createdTopics = codes =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, Object.entries(codes), ([name, code]) => {
      encoder
        .writeString(name)
        .writeInt16(code)
        .writeString(code ? 'says the broker' : null)
    })
  })

const deletedTopics = codes =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, Object.entries(codes), ([name, code]) => {
      encoder.writeString(name).writeInt16(code)
    })
  })

const committed = (code, offset = 5) =>
  write(encoder => {
    list(encoder, code === 0 ? ['t'] : [], topic => {
      encoder.writeString(topic)
      list(encoder, [0], partition => {
        encoder.writeInt32(partition).writeInt64(offset).writeString('').writeInt16(0)
      })
    })
    encoder.writeInt16(code)
  })

const commitAnswer = code =>
  write(encoder => {
    list(encoder, ['t'], topic => {
      encoder.writeString(topic)
      list(encoder, [0], partition => encoder.writeInt32(partition).writeInt16(code))
    })
  })

const describedGroups = groups =>
  write(encoder => {
    list(encoder, Object.entries(groups), ([group, state]) => {
      const code = typeof state === 'number' ? state : 0
      encoder
        .writeInt16(code)
        .writeString(group)
        .writeString(code ? '' : state)
      encoder.writeString('consumer').writeString('')
      list(encoder, [], () => {})
    })
  })

const deletedGroups = codes =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, Object.entries(codes), ([group, code]) => {
      encoder.writeString(group).writeInt16(code)
    })
  })

const listedOffsets = (code, offset) =>
  write(encoder => {
    encoder.writeInt32(0)
    list(encoder, ['t'], topic => {
      encoder.writeString(topic)
      list(encoder, [0], partition => {
        encoder.writeInt32(partition).writeInt16(code).writeInt64(-1).writeInt64(offset)
      })
    })
  })

/** Answers of an API in turn; the last one goes on. A function is given the request. */
const inTurn = answers => {
  let next = 0
  return request => {
    const answer = answers[Math.min(next++, answers.length - 1)]
    return typeof answer === 'function' ? answer(request) : answer
  }
}

/**
 * An admin on a scripted broker.
 *
 * @param {import('node:test').TestContext} t
 * @param {Record<number, (Buffer | Function)[]>} script answers by API key
 * @param {{ topics?: object[][], controllers?: number[] }} [cluster] what metadata says, in turn
 */
async function scripted(t, script, { topics = [[{ name: 't' }]], controllers = [1] } = {}) {
  const seen = { topics: 0, controllers: 0 }
  const next = (name, values) => values[Math.min(seen[name]++, values.length - 1)]
  const answers = {
    [API_VERSIONS]: answerVersions(VERSIONS),
    [METADATA]: request => {
      const isAboutNamed = bodyOf(request).readInt32BE(0) > 0
      return metadataBody({
        brokers: { 1: peer.port },
        controller: next('controllers', controllers),
        topics: isAboutNamed ? next('topics', topics).map(described) : [],
      })
    },
    [FIND_COORDINATOR]: () => coordinatorBody(peer.port),
    ...Object.fromEntries(Object.entries(script).map(([key, list]) => [key, inTurn(list)])),
  }
  const peer = await startPeer({
    answer: request => response(request, answers[request.apiKey](request)),
  })
  const { Kafka, logLevel } = subject.load()
  const logs = []
  const kafka = new Kafka({
    brokers: [peer.address],
    logLevel: logLevel.WARN,
    logCreator: () => entry => logs.push(entry),
    retry: { retries: 2, initialRetryTime: 10 },
  })
  const admin = kafka.admin()
  t.after(async () => {
    await admin.disconnect()
    await peer.close()
  })
  const requests = key =>
    peer.requests.filter(({ apiKey }) => apiKey === key).map(({ bytes }) => bytes)
  return { admin, requests, logs }
}

const skip = subject.isStandIn && 'kafkajs does not follow'

test('createTopics: topics that came to no controller are asked for again, alone', {
  skip,
}, async t => {
  const { admin, requests, logs } = await scripted(t, {
    [CREATE_TOPICS]: [
      createdTopics({ 'topic-a': NOT_CONTROLLER, 'topic-b': 0 }),
      createdTopics({ 'topic-a': 0 }),
    ],
  })
  const topics = [{ topic: 'topic-a' }, { topic: 'topic-b' }]
  assert.equal(await admin.createTopics({ topics, waitForLeaders: false }), true)
  const asked = requests(CREATE_TOPICS).map(bytes =>
    ['topic-a', 'topic-b'].map(name => bytes.includes(name))
  )
  assert.deepEqual(asked, [
    [true, true],
    [true, false],
  ])
  const warnings = logs.map(({ namespace, log }) => [namespace, log.message, log.retryCount])
  assert.deepEqual(warnings, [['Admin', 'Could not create topics', 0]])
})

test('createTopics: the outcome of each topic is kept over attempts', { skip }, async t => {
  const { admin } = await scripted(t, {
    [CREATE_TOPICS]: [
      createdTopics({ 'topic-a': NOT_CONTROLLER, 'topic-b': TOPIC_EXISTS }),
      createdTopics({ 'topic-a': TOPIC_EXISTS }),
    ],
  })
  const topics = [{ topic: 'topic-a' }, { topic: 'topic-b' }]
  assert.equal(await admin.createTopics({ topics }), false)
})

test('createTopics: no controller in all attempts', { skip }, async t => {
  const answer = createdTopics({ 'topic-a': NOT_CONTROLLER })
  const { admin, requests } = await scripted(t, { [CREATE_TOPICS]: [answer] })
  const { error } = await outcomeOf(() => admin.createTopics({ topics: [{ topic: 'topic-a' }] }))
  assert.deepEqual(
    [error.class, error.retryCount, error.cause.type],
    ['KafkaJSNumberOfRetriesExceeded', 2, 'NOT_CONTROLLER']
  )
  assert.equal(requests(CREATE_TOPICS).length, 3)
})

test('createTopics: a controller that is not known yet is waited for', { skip }, async t => {
  const script = { [CREATE_TOPICS]: [createdTopics({ 'topic-a': 0 })] }
  const { admin } = await scripted(t, script, { controllers: [-1, 1] })
  const topics = [{ topic: 'topic-a' }]
  assert.equal(await admin.createTopics({ topics, waitForLeaders: false }), true)
})

test('createTopics: a broker that does not know the topic yet is asked until it does', {
  skip,
}, async t => {
  const script = { [CREATE_TOPICS]: [createdTopics({ t: 0 })] }
  const topics = [
    [{ name: 't', code: UNKNOWN_TOPIC }],
    [{ name: 't', code: LEADER_NOT_AVAILABLE }],
    [{ name: 't', leader: -1 }],
    [{ name: 't' }],
  ]
  const { admin } = await scripted(t, script, { topics })
  assert.equal(await admin.createTopics({ topics: [{ topic: 't' }] }), true)
})

test('createTopics: leaders that never come', { skip }, async t => {
  const script = { [CREATE_TOPICS]: [createdTopics({ t: 0 })] }
  const topics = [[{ name: 't', code: LEADER_NOT_AVAILABLE }]]
  const { admin } = await scripted(t, script, { topics })
  const call = () => admin.createTopics({ topics: [{ topic: 't' }], timeout: 200 })
  const { error } = await outcomeOf(call)
  assert.deepEqual(
    [error.class, error.message],
    ['KafkaJSTimeout', 'Timed out while waiting for topic leaders']
  )
})

test('deleteTopics: what is deleted is not asked for again', { skip }, async t => {
  const { admin, requests } = await scripted(t, {
    [DELETE_TOPICS]: [
      deletedTopics({ 'topic-a': 0, 'topic-b': NOT_CONTROLLER }),
      deletedTopics({ 'topic-b': 0 }),
    ],
  })
  assert.equal(await admin.deleteTopics({ topics: ['topic-a', 'topic-b'] }), undefined)
  const [, second] = requests(DELETE_TOPICS)
  assert.deepEqual(
    ['topic-a', 'topic-b'].map(name => second.includes(name)),
    [false, true]
  )
})

test('deleteTopics: a timeout is explained', async t => {
  const script = { [DELETE_TOPICS]: [deletedTopics({ t: 7 })] }
  const { admin, logs } = await scripted(t, script)
  const { error } = await outcomeOf(() => admin.deleteTopics({ topics: ['t'] }))
  assert.equal(error.type, 'REQUEST_TIMED_OUT')
  const isExplained = ({ label, log }) =>
    label === 'ERROR' && /delete\.topic\.enable/.test(log.message)
  assert.ok(logs.some(isExplained))
})

test('fetchOffsets: a coordinator that moved is looked for, one that loads is asked again', {
  skip,
}, async t => {
  const { admin, requests } = await scripted(t, {
    [OFFSET_FETCH]: [committed(NOT_COORDINATOR), committed(LOADING), committed(0)],
  })
  const offsets = await admin.fetchOffsets({ groupId: 'g', topics: ['t'] })
  assert.deepEqual(offsets, [
    { topic: 't', partitions: [{ partition: 0, offset: '5', metadata: null }] },
  ])
  assert.equal(requests(OFFSET_FETCH).length, 3)
  assert.equal(requests(FIND_COORDINATOR).length, 2)
})

test('setOffsets: somebody joins after the state was looked at', { skip }, async t => {
  const { admin, requests } = await scripted(t, {
    [DESCRIBE_GROUPS]: [
      describedGroups({ g: 'Empty' }),
      describedGroups({ g: 'PreparingRebalance' }),
    ],
    [OFFSET_COMMIT]: [commitAnswer(LOADING), commitAnswer(UNKNOWN_MEMBER)],
  })
  const partitions = [{ partition: 0, offset: '1' }]
  const { error } = await outcomeOf(() =>
    admin.setOffsets({ groupId: 'g', topic: 't', partitions })
  )
  assert.deepEqual(
    [error.class, error.message],
    [
      'KafkaJSNonRetriableError',
      'The consumer group must have no running instances, current state: PreparingRebalance',
    ]
  )
  assert.equal(requests(OFFSET_COMMIT).length, 2)
})

test('describeGroups: only groups whose coordinator moved are asked for again', {
  skip,
}, async t => {
  const { admin, requests } = await scripted(t, {
    [DESCRIBE_GROUPS]: [
      describedGroups({ 'group-a': NOT_COORDINATOR, 'group-b': 'Stable' }),
      describedGroups({ 'group-a': 'Empty' }),
    ],
  })
  const { groups } = await admin.describeGroups(['group-a', 'group-b'])
  assert.deepEqual(
    groups.map(({ groupId, state }) => [groupId, state]),
    [
      ['group-a', 'Empty'],
      ['group-b', 'Stable'],
    ]
  )
  const [, second] = requests(DESCRIBE_GROUPS)
  assert.deepEqual(
    ['group-a', 'group-b'].map(name => second.includes(name)),
    [true, false]
  )
})

test('deleteGroups: follows the coordinator, and tells per group what is left in the end', {
  skip,
}, async t => {
  const { admin } = await scripted(t, {
    [DELETE_GROUPS]: [
      deletedGroups({ 'group-a': NOT_COORDINATOR, 'group-b': 0 }),
      deletedGroups({ 'group-a': 0 }),
    ],
  })
  assert.deepEqual(await admin.deleteGroups(['group-a', 'group-b']), [
    { groupId: 'group-a', errorCode: 0 },
    { groupId: 'group-b', errorCode: 0 },
  ])

  const { admin: other } = await scripted(t, {
    [DELETE_GROUPS]: [deletedGroups({ 'group-a': NOT_COORDINATOR, 'group-b': 0 })],
  })
  const { error } = await outcomeOf(() => other.deleteGroups(['group-a', 'group-b']))
  assert.equal(error.class, 'KafkaJSDeleteGroupsError')
  assert.deepEqual(
    error.groups.map(({ groupId, errorCode, error: cause }) => [groupId, errorCode, cause.type]),
    [['group-a', NOT_COORDINATOR, 'NOT_COORDINATOR_FOR_GROUP']]
  )
})

test('fetchTopicOffsets: a leader that moved is looked for', { skip }, async t => {
  const { admin, requests } = await scripted(t, {
    [LIST_OFFSETS]: [
      listedOffsets(NOT_LEADER, -1),
      listedOffsets(NOT_LEADER, -1),
      listedOffsets(0, 8),
    ],
  })
  const offsets = await admin.fetchTopicOffsets('t')
  assert.deepEqual(offsets, [{ partition: 0, offset: '8', high: '8', low: '8' }])
  assert.equal(requests(LIST_OFFSETS).length, 4)
})

test('listTopics: a topic without a leader is asked for again', async t => {
  const topics = [[{ name: 't', leader: -1 }], [{ name: 't' }]]
  const { admin } = await scripted(t, {}, { topics })
  assert.deepEqual(
    (await admin.fetchTopicMetadata({ topics: ['t'] })).topics[0].partitions[0].leader,
    1
  )
})

test('describeCluster: no controller is null', async t => {
  const { admin } = await scripted(t, {}, { controllers: [-1] })
  assert.equal((await admin.describeCluster()).controller, null)
})

test('no answer in time: the raw KafkaJSRequestTimeoutError, at once', { skip }, async t => {
  const peer = await startPeer({
    answer: request => {
      if (request.apiKey !== API_VERSIONS) return undefined
      return response(request, answerVersions(VERSIONS)(request))
    },
  })
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({
    brokers: [peer.address],
    logLevel: logLevel.NOTHING,
    requestTimeout: 300,
  })
  const admin = kafka.admin()
  t.after(async () => {
    await admin.disconnect()
    await peer.close()
  })
  const { error } = await outcomeOf(() => admin.listTopics())
  assert.equal(error.class, 'KafkaJSRequestTimeoutError')
  assert.match(error.message, /^Request Metadata\(key: 3, version: \d+\) timed out$/)
  assert.equal(peer.requests.filter(({ apiKey }) => apiKey === METADATA).length, 1)
})
