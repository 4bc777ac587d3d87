/**
 * A program as users of kafkajs write it: it uses each part of the API, and is compiled against the types of
 * both libraries. It is never run.
 */

import {
  AclOperationTypes,
  AclPermissionTypes,
  AclResourceTypes,
  type Admin,
  type Assigner,
  AssignerProtocol,
  type Batch,
  CompressionCodecs,
  CompressionTypes,
  ConfigResourceTypes,
  ConfigSource,
  type Consumer,
  type ConsumerSubscribeTopics,
  type EachBatchPayload,
  type EachMessagePayload,
  type ICustomPartitioner,
  type IHeaders,
  type ISocketFactory,
  Kafka,
  type KafkaConfig,
  KafkaJSAggregateError,
  KafkaJSConnectionError,
  KafkaJSDeleteGroupsError,
  KafkaJSError,
  KafkaJSNonRetriableError,
  KafkaJSNumberOfRetriesExceeded,
  KafkaJSProtocolError,
  type KafkaMessage,
  type Logger,
  logLevel,
  type Message,
  type MessageSetEntry,
  type PartitionAssigner,
  PartitionAssigners,
  Partitioners,
  type Producer,
  type RecordBatchEntry,
  type RecordMetadata,
  ResourcePatternTypes,
  type SASLOptions,
  type Sender,
  type Transaction,
} from 'kafkajs-rs'

const socketFactory: ISocketFactory = ({ host, port, ssl, onConnect }) => {
  const net: typeof import('node:net') = require('node:net')
  const tls: typeof import('node:tls') = require('node:tls')
  return ssl
    ? tls.connect({ host, port, ...ssl }, onConnect)
    : net.connect({ host, port }, onConnect)
}

const sasl: SASLOptions[] = [
  { mechanism: 'plain', username: 'u', password: 'p' },
  { mechanism: 'scram-sha-256', username: 'u', password: 'p' },
  { mechanism: 'scram-sha-512', username: 'u', password: 'p' },
  { mechanism: 'aws', authorizationIdentity: 'i', accessKeyId: 'a', secretAccessKey: 's' },
  { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: 'token' }) },
]

const config: KafkaConfig = {
  clientId: 'program',
  brokers: async () => ['localhost:9092'],
  ssl: { rejectUnauthorized: true, ca: ['pem'] },
  sasl: sasl[0],
  connectionTimeout: 1000,
  authenticationTimeout: 1000,
  reauthenticationThreshold: 1000,
  requestTimeout: 30000,
  enforceRequestTimeout: true,
  retry: { initialRetryTime: 100, retries: 8, maxRetryTime: 1000, factor: 0, multiplier: 2 },
  socketFactory,
  logLevel: logLevel.ERROR,
  logCreator:
    level =>
    ({ namespace, level: entryLevel, label, log: { timestamp, message, ...extra } }) => {
      if (entryLevel <= level) console.log(namespace, label, timestamp, message, extra)
    },
}

const custom = new Kafka({
  brokers: ['localhost:9092'],
  sasl: {
    mechanism: 'custom',
    authenticationProvider: ({ host, port, logger, saslAuthenticate }) => ({
      authenticate: async () => {
        logger.debug('authenticating', { host, port })
        const answer = await saslAuthenticate<string>({
          request: { encode: () => Buffer.alloc(4) },
          response: { decode: raw => raw, parse: data => data.toString() },
        })
        if (!answer) throw new KafkaJSNonRetriableError('no answer')
      },
    }),
  },
})

const createPartitioner: ICustomPartitioner =
  () =>
  ({ topic, partitionMetadata, message }) => {
    const usable = partitionMetadata.filter(({ leader }) => leader >= 0)
    return usable[(topic.length + String(message.key).length) % usable.length].partitionId
  }

const message: Message = {
  key: 'k',
  value: Buffer.from('v'),
  headers: { a: 'text', b: Buffer.from('b'), c: ['x', Buffer.from('y')] },
  timestamp: '1700000000000',
  partition: 0,
}

async function produce(kafka: Kafka): Promise<RecordMetadata[]> {
  const producer: Producer = kafka.producer({
    createPartitioner,
    idempotent: true,
    transactionalId: 'tx',
    transactionTimeout: 1000,
    maxInFlightRequests: 1,
    metadataMaxAge: 1000,
    allowAutoTopicCreation: false,
    retry: { retries: 3 },
  })
  kafka.producer()
  kafka.producer({ createPartitioner: Partitioners.LegacyPartitioner })
  const remove = producer.on(producer.events.REQUEST, ({ payload, timestamp, type }) => {
    console.log(payload.apiName, payload.broker.split(':'), payload.duration, timestamp, type)
  })
  producer.on('producer.connect', event => console.log(event.id))
  producer.on(producer.events.REQUEST_QUEUE_SIZE, ({ payload }) => console.log(payload.queueSize))
  await producer.connect()
  const sent = await producer.send({
    topic: 't',
    messages: [message, { value: null }],
    acks: -1,
    timeout: 1000,
    compression: CompressionTypes.GZIP,
  })
  const sender: Sender = producer
  await sender.sendBatch({ topicMessages: [{ topic: 't', messages: [message] }], acks: 1 })

  const transaction: Transaction = await producer.transaction()
  try {
    await transaction.send({ topic: 't', messages: [message] })
    await transaction.sendOffsets({
      consumerGroupId: 'g',
      topics: [{ topic: 't', partitions: [{ partition: 0, offset: '1' }] }],
    })
    await transaction.commit()
  } catch {
    if (transaction.isActive()) await transaction.abort()
  }
  remove()
  await producer.disconnect()
  return producer.isIdempotent() ? sent : []
}

const assigner: PartitionAssigner = ({ cluster, groupId, logger }): Assigner => ({
  name: 'mine',
  version: 1,
  async assign({ members, topics }) {
    logger.info('assigning', { groupId })
    await cluster.addMultipleTargetTopics(topics)
    return members.map(({ memberId, memberMetadata }) => {
      const decoded = AssignerProtocol.MemberMetadata.decode(memberMetadata)
      const partitions = cluster.findTopicPartitionMetadata(topics[0]).map(p => p.partitionId)
      return {
        memberId,
        memberAssignment: AssignerProtocol.MemberAssignment.encode({
          version: decoded?.version ?? 0,
          assignment: { [topics[0]]: partitions },
          userData: Buffer.alloc(0),
        }),
      }
    })
  },
  protocol: ({ topics }) => ({
    name: 'mine',
    metadata: AssignerProtocol.MemberMetadata.encode({
      version: 1,
      topics,
      userData: Buffer.alloc(0),
    }),
  }),
})

function text(headers: IHeaders | undefined): string[] {
  return Object.entries(headers ?? {}).map(([name, value]) => `${name}=${value?.toString()}`)
}

async function consume(kafka: Kafka): Promise<void> {
  const consumer: Consumer = kafka.consumer({
    groupId: 'g',
    partitionAssigners: [assigner, PartitionAssigners.roundRobin],
    sessionTimeout: 30000,
    rebalanceTimeout: 60000,
    heartbeatInterval: 3000,
    maxBytesPerPartition: 1,
    minBytes: 1,
    maxBytes: 1,
    maxWaitTimeInMs: 1,
    retry: { retries: 2, restartOnFailure: async error => error instanceof KafkaJSError },
    readUncommitted: false,
    rackId: 'r',
    metadataMaxAge: 1,
    allowAutoTopicCreation: false,
    maxInFlightRequests: 1,
  })
  const topics: ConsumerSubscribeTopics = { topics: ['t', /^u-.*/], fromBeginning: true }
  await consumer.connect()
  await consumer.subscribe(topics)
  await consumer.subscribe({ topic: 't' })

  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    for (const [topic, partitions] of Object.entries(payload.memberAssignment)) {
      console.log(topic, partitions.length, payload.isLeader)
    }
  })
  consumer.on(consumer.events.CRASH, ({ payload: { error, restart, groupId } }) => {
    console.log(error.message, restart, groupId)
  })
  consumer.on('consumer.end_batch_process', ({ payload }) => {
    console.log(payload.duration, payload.batchSize, payload.offsetLag)
  })
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    console.log(payload.topics[0].partitions[0].offset)
  })

  await consumer.run({
    autoCommit: true,
    autoCommitInterval: 5000,
    autoCommitThreshold: null,
    partitionsConsumedConcurrently: 3,
    eachMessage: async ({ topic, partition, message, heartbeat, pause }: EachMessagePayload) => {
      console.log(
        topic,
        partition,
        message.offset,
        message.value?.toString(),
        text(message.headers)
      )
      await heartbeat()
      const resume = pause()
      setTimeout(resume, 1000)
    },
  })
  await consumer.run({
    eachBatchAutoResolve: false,
    eachBatch: async (payload: EachBatchPayload) => {
      const { batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, uncommittedOffsets } =
        payload
      for (const each of batch.messages) {
        if (!payload.isRunning() || payload.isStale()) break
        resolveOffset(each.offset)
        await heartbeat()
      }
      await commitOffsetsIfNecessary(uncommittedOffsets())
      await commitOffsetsIfNecessary()
      console.log(batch.firstOffset()?.length, batch.lastOffset(), batch.isEmpty())
    },
  })
  consumer.seek({ topic: 't', partition: 0, offset: '5' })
  consumer.pause([{ topic: 't' }, { topic: 'u', partitions: [0] }])
  consumer.resume(consumer.paused())
  await consumer.commitOffsets([{ topic: 't', partition: 0, offset: '5', metadata: 'note' }])
  const { members, state } = await consumer.describeGroup()
  console.log(state === 'Stable', members[0].memberAssignment.length)
  await consumer.stop()
  await consumer.disconnect()
}

async function administer(admin: Admin): Promise<void> {
  await admin.connect()
  const created: boolean = await admin.createTopics({
    validateOnly: false,
    waitForLeaders: true,
    timeout: 5000,
    topics: [
      {
        topic: 't',
        numPartitions: 3,
        replicationFactor: 1,
        configEntries: [{ name: 'cleanup.policy', value: 'compact' }],
      },
      { topic: 'u', replicaAssignment: [{ partition: 0, replicas: [0, 1] }] },
    ],
  })
  await admin.createPartitions({ topicPartitions: [{ topic: 't', count: 6, assignments: [[0]] }] })
  const names: string[] = await admin.listTopics()
  const [{ partitions }] = (await admin.fetchTopicMetadata({ topics: names })).topics
  const [offsets] = await admin.fetchTopicOffsets('t')
  await admin.fetchTopicOffsetsByTimestamp('t', Date.now())
  const [committed] = await admin.fetchOffsets({
    groupId: 'g',
    topics: ['t'],
    resolveOffsets: true,
  })
  await admin.setOffsets({ groupId: 'g', topic: 't', partitions: [{ partition: 0, offset: '1' }] })
  await admin.resetOffsets({ groupId: 'g', topic: 't', earliest: true })
  const { brokers, controller, clusterId } = await admin.describeCluster()
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: [{ type: ConfigResourceTypes.TOPIC, name: 't', configNames: ['cleanup.policy'] }],
  })
  const overridden = resources[0].configEntries.filter(
    ({ configSource }) => configSource !== ConfigSource.DEFAULT_CONFIG
  )
  await admin.alterConfigs({
    validateOnly: true,
    resources: [
      {
        type: ConfigResourceTypes.TOPIC,
        name: 't',
        configEntries: [{ name: 'retention.ms', value: '1' }],
      },
    ],
  })
  const { groups } = await admin.listGroups()
  await admin.describeGroups(groups.map(({ groupId }) => groupId))
  await admin.deleteGroups(['g'])
  const acl = {
    resourceType: AclResourceTypes.TOPIC,
    resourceName: 't',
    resourcePatternType: ResourcePatternTypes.LITERAL,
    principal: 'User:a',
    host: '*',
    operation: AclOperationTypes.READ,
    permissionType: AclPermissionTypes.ALLOW,
  }
  await admin.createAcls({ acl: [acl] })
  await admin.describeAcls({ ...acl, resourceName: undefined })
  await admin.deleteAcls({ filters: [acl] })
  await admin.deleteTopicRecords({ topic: 't', partitions: [{ partition: 0, offset: '-1' }] })
  await admin.alterPartitionReassignments({
    topics: [{ topic: 't', partitionAssignment: [{ partition: 0, replicas: [1] }] }],
  })
  const { topics } = await admin.listPartitionReassignments({
    topics: [{ topic: 't', partitions: [0] }],
  })
  await admin.deleteTopics({ topics: names, timeout: 1000 })
  admin.on(admin.events.DISCONNECT, () => console.log('bye'))
  await admin.disconnect()
  console.log(created, partitions.length, offsets.high, committed.partitions[0].metadata)
  console.log(brokers, controller, clusterId, overridden, topics)
}

/** Test doubles that programs build: no field may become required. */
const entry: RecordBatchEntry = {
  key: null,
  value: Buffer.from('v'),
  timestamp: '0',
  attributes: 0,
  offset: '0',
  headers: {},
}
const old: MessageSetEntry = {
  key: null,
  value: null,
  timestamp: '0',
  attributes: 0,
  offset: '0',
  size: 1,
}
const consumed: KafkaMessage[] = [entry, old]
const batch: Batch = {
  topic: 't',
  partition: 0,
  highWatermark: '1',
  messages: consumed,
  isEmpty: () => false,
  firstOffset: () => '0',
  lastOffset: () => '0',
  offsetLag: () => '0',
  offsetLagLow: () => '0',
}
const payload: EachMessagePayload = {
  topic: 't',
  partition: 0,
  message: entry,
  heartbeat: async () => {},
  pause: () => () => {},
}
const logger: Logger = {
  info: () => {},
  error: () => {},
  warn: () => {},
  debug: () => {},
  namespace: () => logger,
  setLogLevel: () => {},
}

class StopProcessing extends KafkaJSNonRetriableError {
  constructor() {
    super('enough')
    Object.setPrototypeOf(this, StopProcessing.prototype)
  }
}

CompressionCodecs[CompressionTypes.Snappy] = () => ({
  compress: async ({ buffer }: { buffer: Buffer }) => buffer,
  decompress: async (buffer: Buffer) => buffer,
})

export async function main(): Promise<void> {
  try {
    const kafka = new Kafka(config)
    kafka.logger().namespace('Program', logLevel.DEBUG).setLogLevel(logLevel.INFO)
    await Promise.all([produce(kafka), consume(custom), administer(kafka.admin())])
    await administer(kafka.admin({ retry: { retries: 1 } }))
    throw batch.isEmpty() || payload.partition === 1 ? new StopProcessing() : logger
  } catch (error) {
    if (error instanceof KafkaJSNumberOfRetriesExceeded) console.log(error.retryTime, error.cause)
    else if (error instanceof KafkaJSProtocolError) console.log(error.type, error.code)
    else if (error instanceof KafkaJSConnectionError) console.log(error.broker)
    else if (error instanceof KafkaJSDeleteGroupsError) console.log(error.groups[0].error?.type)
    else if (error instanceof KafkaJSAggregateError) console.log(error.errors.length)
    else if (error instanceof KafkaJSError) console.log(error.retriable, error.helpUrl)
  }
}
