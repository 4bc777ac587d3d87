'use strict'

/** Contract 9 and 10: what events of working clients carry, and which requests they name. */

const net = require('node:net')
const { setImmediate: nextTurn } = require('node:timers/promises')

const { contract, createTopic, shapeOf, uniqueTopic, waitFor } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }

const makeConsumer = ({ kafka, group }, options = {}) =>
  kafka().consumer({ groupId: group, ...SHORT_POLL, ...options })

async function send({ kafka, topic }, values) {
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: values.map(value => ({ value })) })
  await producer.disconnect()
}

contract('9 consumer: HEARTBEAT', async context => {
  const { group, mask, record, topic } = context
  const consumer = makeConsumer(context, { heartbeatInterval: 50 })
  const beats = []
  consumer.on(consumer.events.HEARTBEAT, event => beats.push(event))
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  const [{ type, payload }] = await waitFor(() => beats.length > 0 && beats, DEADLINE)
  mask(payload.memberId, '<member>')
  record('keys', Object.keys(payload))
  record('event', [type, { ...payload, groupId: payload.groupId === group }])
})

contract(
  '9 consumer: REBALANCING, and topics of another member',
  { partitions: 2 },
  async context => {
    const { kafka, group, logs, mask, record, topic } = context
    const others = await createTopic(uniqueTopic(), { partitions: 2 })
    mask(others, '<other topic>')
    const leader = makeConsumer(context, { heartbeatInterval: 50 })
    const rebalancing = []
    const joins = []
    leader.on(leader.events.REBALANCING, ({ payload }) => rebalancing.push(payload))
    leader.on(leader.events.GROUP_JOIN, ({ payload }) => joins.push(payload))
    await leader.subscribe({ topic })
    await leader.run({ eachMessage: async () => {} })
    await waitFor(() => joins.length > 0, DEADLINE)

    const follower = kafka().consumer({ groupId: group, heartbeatInterval: 50, ...SHORT_POLL })
    const reports = []
    follower.on(follower.events.RECEIVED_UNSUBSCRIBED_TOPICS, ({ payload }) =>
      reports.push(payload)
    )
    await follower.subscribe({ topic: others })
    await follower.run({ eachMessage: async () => {} })
    const [report] = await waitFor(() => reports.length > 0 && reports, DEADLINE)
    const [told] = await waitFor(() => rebalancing.length > 0 && rebalancing, DEADLINE)

    record('REBALANCING', [Object.keys(told), told.groupId, told.memberId === joins[0].memberId])
    const { memberId, generationId, ...topics } = report
    record('keys', Object.keys(report))
    record('RECEIVED_UNSUBSCRIBED_TOPICS', topics)
    record('kinds', [typeof memberId, typeof generationId])
    const { label, log } = logs.find(
      entry => entry.log.message === 'Consumer group received unsubscribed topics'
    )
    record('log', [label, log.assignedTopics, log.topicsSubscribed, log.topicsNotSubscribed])
  }
)

const COMMITTED = {
  offset: {
    reason: 'text, as the declarations say; kafkajs gives an object of a class of its own',
    kafkajs: ['object'],
    ours: ['string'],
  },
}

contract(
  '9 consumer: COMMIT_OFFSETS of commitOffsets',
  { differences: COMMITTED },
  async context => {
    const { record, topic } = context
    const consumer = makeConsumer(context)
    const payloads = []
    let joined = false
    consumer.on(consumer.events.GROUP_JOIN, () => {
      joined = true
    })
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => payloads.push(payload))
    await consumer.subscribe({ topic })
    await consumer.run({ autoCommit: false, eachMessage: async () => {} })
    await waitFor(() => joined, DEADLINE)
    await consumer.commitOffsets([{ topic, partition: 0, offset: '0', metadata: 'mine' }])
    const [payload] = await waitFor(() => payloads.length > 0 && payloads, DEADLINE)
    record('keys', Object.keys(payload))
    const [{ partitions, ...rest }] = payload.topics
    const [{ offset, ...place }] = partitions
    record('topics', [rest, place, payload.topics.length, partitions.length])
    record('offset', typeof offset)
    record('offset as JSON', JSON.stringify(offset))
  }
)

contract('9 consumer: a batch that fails does not end', async context => {
  const { record, topic } = context
  await send(context, ['one'])
  const consumer = makeConsumer(context, { retry: { initialRetryTime: 20, retries: 5 } })
  const { START_BATCH_PROCESS, END_BATCH_PROCESS } = consumer.events
  const heard = []
  for (const name of [START_BATCH_PROCESS, END_BATCH_PROCESS]) {
    consumer.on(name, ({ type }) => heard.push(type))
  }
  let failures = 1
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachBatch: async () => {
      if (failures-- > 0) throw new Error('a failure')
    },
  })
  await waitFor(() => heard.includes(END_BATCH_PROCESS), DEADLINE)
  record('heard', heard.slice(0, 3))
})

contract('9 consumer: REQUEST_QUEUE_SIZE', NO_TOPIC, async context => {
  const { group, kafka, record } = context
  const sockets = []
  const socketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    sockets.push(socket)
    return socket
  }
  const consumer = kafka({ socketFactory }).consumer({ groupId: group, maxInFlightRequests: 1 })
  const heard = []
  consumer.on(consumer.events.REQUEST_QUEUE_SIZE, event => heard.push(event))
  await consumer.connect()
  // Opens every connection that is needed.
  await consumer.describeGroup()

  // No answer is read: of two requests one has to wait.
  for (const socket of sockets) socket.pause()
  const calls = Promise.all([1, 2, 3, 4].map(() => consumer.describeGroup()))
  const isWaiting = ({ payload }) => payload.queueSize > 0
  const { type, payload } = await waitFor(() => heard.find(isWaiting), DEADLINE)
  for (const socket of sockets) socket.resume()
  await calls
  record('type', type)
  record('keys', Object.keys(payload))
  const { broker, clientId, ...size } = payload
  record('payload', [broker, clientId, shapeOf(size)])
})

for (const kind of ['consumer', 'producer', 'admin']) {
  contract(`9 ${kind}: CONNECT is heard before connect resolves`, NO_TOPIC, async context => {
    const { group, kafka, record } = context
    const client = kafka()[kind]({ groupId: group })
    const order = []
    client.on(client.events.CONNECT, () => order.push('event'))
    await client.connect().then(() => order.push('resolved'))
    record('order', order)
  })
}

/** Requests of a transaction of version 1; with version 2 brokers add partitions and groups by themselves (KIP-890). */
const TRANSACTIONS_V1 = ['AddOffsetsToTxn 25', 'AddPartitionsToTxn 24']

contract(
  '9 and 10: the requests of all clients, by their names and numbers',
  {
    differences: {
      'of transactions': {
        reason: 'transactions are of version 2 where the cluster has it (KIP-890)',
        kafkajs: [TRANSACTIONS_V1],
        ours: [[]],
      },
      versions: {
        reason: 'newer versions of the protocol are spoken',
        kafkajs: [{ Fetch: 11, Metadata: 6, OffsetCommit: 5, JoinGroup: 5, ApiVersions: 2 }],
      },
    },
  },
  async context => {
    const { group, kafka, record, topic } = context
    const versions = {}
    const names = new Set()
    const clients = [
      kafka().admin(),
      kafka().producer({ transactionalId: group, idempotent: true, maxInFlightRequests: 1 }),
      makeConsumer(context, { heartbeatInterval: 50 }),
    ]
    for (const client of clients) {
      client.on(client.events.REQUEST, ({ payload: { apiName, apiKey, apiVersion } }) => {
        names.add(`${apiName} ${apiKey}`)
        versions[apiName] = apiVersion
      })
    }
    const [admin, producer, consumer] = clients
    const refused = () => {}
    const made = uniqueTopic()
    // Brokers learn of a topic one after the other; what counts is that they are asked.
    await admin.createTopics({ waitForLeaders: false, topics: [{ topic: made }] })
    await admin.createPartitions({ topicPartitions: [{ topic: made, count: 2 }] }).catch(refused)
    await admin.describeConfigs({ resources: [{ type: 2, name: topic }] })
    const entries = [{ name: 'retention.ms', value: '600000' }]
    await admin.alterConfigs({ resources: [{ type: 2, name: topic, configEntries: entries }] })
    await admin.fetchTopicOffsets(topic)
    await admin.listGroups()
    await admin.describeGroups([group])
    await admin.deleteGroups([uniqueTopic('missing')]).catch(refused)
    const assignment = [{ partition: 0, replicas: [1] }]
    await admin
      .alterPartitionReassignments({ topics: [{ topic, partitionAssignment: assignment }] })
      .catch(refused)
    await admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] })
    const acl = { resourceType: 2, resourceName: topic, resourcePatternType: 3, operation: 2 }
    const entry = { ...acl, principal: 'User:a', host: '*', permissionType: 3 }
    await admin.createAcls({ acl: [entry] }).catch(refused)
    await admin.describeAcls(entry).catch(refused)
    await admin.deleteAcls({ filters: [entry] }).catch(refused)
    await admin.deleteTopics({ topics: [made] }).catch(refused)

    await producer.connect()
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'a' }] })
    const partitions = [{ partition: 0, offset: '1' }]
    await transaction.sendOffsets({
      consumerGroupId: uniqueTopic('group'),
      topics: [{ topic, partitions }],
    })
    await transaction.commit()

    let committed = false
    consumer.on(consumer.events.COMMIT_OFFSETS, () => {
      committed = true
    })
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({ eachMessage: async () => {} })
    await waitFor(() => committed && names.has('Heartbeat 12'), DEADLINE)
    await consumer.disconnect()
    await admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] })
    await waitFor(() => names.has('LeaveGroup 13') && names.has('DeleteRecords 21'), DEADLINE)

    const sorted = [...names].sort()
    record(
      'names',
      sorted.filter(name => !TRANSACTIONS_V1.includes(name))
    )
    record(
      'of transactions',
      sorted.filter(name => TRANSACTIONS_V1.includes(name))
    )
    const { Fetch, Metadata, OffsetCommit, JoinGroup, ApiVersions } = versions
    record('versions', { Fetch, Metadata, OffsetCommit, JoinGroup, ApiVersions })
  }
)

contract(
  '11 (64): partitions of GROUP_JOIN are sorted as text',
  { partitions: 12 },
  async context => {
    const { record, topic } = context
    const consumer = makeConsumer(context)
    const joins = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => joins.push(payload))
    await consumer.subscribe({ topic })
    await consumer.run({ eachMessage: async () => {} })
    const [payload] = await waitFor(() => joins.length > 0 && joins, DEADLINE)
    record('keys', Object.keys(payload))
    record('memberAssignment', payload.memberAssignment)
  }
)

contract(
  '9 REQUEST_QUEUE_SIZE of a connection that failed',
  {
    ...NO_TOPIC,
    differences: {
      sizes: {
        reason: 'without a connection there is no queue whose size could be told',
        kafkajs: [[0]],
        ours: [[]],
      },
    },
  },
  async context => {
    const { kafka, record } = context
    const admin = kafka({ brokers: ['127.0.0.1:1'], retry: { retries: 0 } }).admin()
    const sizes = []
    admin.on(admin.events.REQUEST_QUEUE_SIZE, ({ payload }) => sizes.push(payload.queueSize))
    const { name } = await errorOf(() => admin.connect())
    // What is on its way comes with the next turns of the event loop.
    await nextTurn()
    record('error', name)
    record('sizes', sizes)
  }
)
