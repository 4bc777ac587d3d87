/// <reference types="node" />

// biome-ignore-all lint/suspicious/noExplicitAny: where kafkajs' types say any, so do these

/**
 * Types of kafkajs-rs: every name and shape of kafkajs 2.2.4, and what kafkajs-rs adds.
 *
 * Times are in milliseconds and sizes in bytes unless a comment says otherwise. Offsets, and the timestamps
 * of messages, are decimal strings, because they may exceed 2^53. What only kafkajs-rs has is marked so.
 *
 * There is no `export {}` in this file on purpose: without it TypeScript exports the declarations that are not
 * marked `export` too, and programs import some of them from kafkajs.
 *
 * @packageDocumentation
 */

import * as net from 'node:net'
import * as tls from 'node:tls'

// Type functions

/** Forbids in `T` the keys that only `U` has. */
type Without<T, U> = { [P in Exclude<keyof T, keyof U>]?: never }

/** Either `T` or `U`, but not the keys of both. */
type XOR<T, U> = T | U extends object ? (Without<T, U> & U) | (Without<U, T> & T) : T | U

/** Any value of the object type `T`. */
type ValueOf<T> = T[keyof T]

// Kafka

/**
 * Entry point: makes producers, consumers and admin clients of one Kafka cluster.
 *
 * They share configuration and logger; connections, metadata and events are each client's own.
 *
 * @example
 * ```ts
 * const kafka = new Kafka({ clientId: 'order-service', brokers: ['kafka-1:9092', 'kafka-2:9092'] })
 * const producer = kafka.producer({ idempotent: true })
 * const consumer = kafka.consumer({ groupId: 'order-processors' })
 * ```
 */
export class Kafka {
  /**
   * Neither checks the options nor connects: what is wrong with them shows when a client is made or connects.
   *
   * @throws TypeError if `config` is missing, or `logCreator` is not a function
   */
  constructor(config: KafkaConfig)

  /**
   * Makes a producer; it does not connect.
   *
   * @throws TypeError if `createPartitioner` is not a function
   * @throws KafkaJSNonRetriableError if an idempotent producer is given no retries, or an option is not the number
   *   it should be
   */
  producer(config?: ProducerConfig): Producer

  /**
   * Makes a member of a consumer group; it does not connect.
   *
   * @throws KafkaJSNonRetriableError if there is no `groupId`, `heartbeatInterval` is not below `sessionTimeout`, or
   *   an option is not the number it should be
   */
  consumer(config: ConsumerConfig): Consumer

  /** Makes an admin client; it does not connect. */
  admin(config?: AdminConfig): Admin

  /** The root logger. Its `setLogLevel` changes the level of all clients. */
  logger(): Logger
}

/** Finds the brokers to start from; called each time a client connects. */
export type BrokersFunction = () => string[] | Promise<string[]>

/** Options of `new Kafka`. */
export interface KafkaConfig {
  /** Brokers to start from, each `host:port`, or a function that finds them. The rest of the cluster is learned. */
  brokers: string[] | BrokersFunction
  /** TLS: `true`, or options for it. Default: plain TCP. */
  ssl?: tls.ConnectionOptions | boolean
  /** How to authenticate. Default: not at all. */
  sasl?: SASLOptions | Mechanism
  /** Name under which brokers log and limit this program. Default `'kafkajs'`. */
  clientId?: string
  /** How long one attempt to connect may take, ms. Default 1000. */
  connectionTimeout?: number
  /** How long authentication of one connection may take, ms. Default 10000. */
  authenticationTimeout?: number
  /** How long before the end of a SASL session to authenticate again, ms. Default 10000. */
  reauthenticationThreshold?: number
  /** How long to wait for the answer to a request, ms; at least as long as the request itself may wait. Default 30000. */
  requestTimeout?: number
  /** `false` waits for answers without a limit. Default `true`. */
  enforceRequestTimeout?: boolean
  /** How to retry; clients may override it, except for connecting and metadata. */
  retry?: RetryOptions
  /** Makes the sockets, e.g. through a proxy. Default: the library's own. */
  socketFactory?: ISocketFactory
  /** Log entries above this level are dropped; the environment's `KAFKAJS_LOG_LEVEL` beats it. Default INFO. */
  logLevel?: logLevel
  /** Where log entries go. Default: one JSON line per entry on the console. */
  logCreator?: logCreator
}

/** Waits between attempts: from `initialRetryTime` on, each `multiplier` times the one before, with jitter. */
export interface RetryOptions {
  /** The longest wait, ms. Default 30000. */
  maxRetryTime?: number
  /** The first wait, ms, before jitter. Default 300. */
  initialRetryTime?: number
  /** Jitter: a wait of t is drawn from t - factor * t to t + factor * t. Default 0.2. */
  factor?: number
  /** Growth from one wait to the next. Default 2. */
  multiplier?: number
  /** Attempts after the first. Default 5. */
  retries?: number
  /** Consumer only: whether to start again after a crash that retrying did not help. Default: yes. */
  restartOnFailure?: (e: Error) => Promise<boolean>
}

/** What a `socketFactory` gets. */
export interface ISocketFactoryArgs {
  /** Host to connect to. */
  host: string
  /** Port to connect to. */
  port: number
  /** The client's `ssl` option; falsy for plain TCP. */
  ssl: tls.ConnectionOptions
  /** To be called once the socket is ready for use. */
  onConnect: () => void
}

/** Makes a socket that is being connected. */
export type ISocketFactory = (args: ISocketFactoryArgs) => net.Socket

// Authentication

/** The client's part of one SASL exchange. */
type SaslAuthenticationRequest = {
  /** Gives the bytes to send, including their length as an int32 in front. */
  encode: () => Buffer | Promise<Buffer>
}

/** The broker's part of one SASL exchange. */
type SaslAuthenticationResponse<ParseResult> = {
  /** Takes the bytes as they came, with their length as an int32 in front. */
  decode: (rawResponse: Buffer) => Buffer | Promise<Buffer>
  /** Makes of them what `saslAuthenticate` resolves with. */
  parse: (data: Buffer) => ParseResult
}

/** Authenticates one connection. */
export type Authenticator = {
  /** Resolves once the broker has accepted; a rejection fails the connection. */
  authenticate: () => Promise<void>
}

/** One round of a custom SASL mechanism. */
export type SaslAuthenticateArgs<ParseResult> = {
  /** What to send. */
  request: SaslAuthenticationRequest
  /** How to read the answer; without it the answer is ignored. */
  response?: SaslAuthenticationResponse<ParseResult>
}

/** What an `authenticationProvider` gets. */
export type AuthenticationProviderArgs = {
  /** Host of the broker, as it is advertised. */
  host: string
  /** Port of the broker. */
  port: number
  /** Logger of the mechanism. */
  logger: Logger
  /** Sends one request and waits for its answer. Rejects with a KafkaJSProtocolError if the broker refuses. */
  saslAuthenticate: <ParseResult>(
    args: SaslAuthenticateArgs<ParseResult>
    // biome-ignore lint/suspicious/noConfusingVoidType: kafkajs' type, to which programs assign
  ) => Promise<ParseResult | void>
}

/** A SASL mechanism that the program itself supplies. */
export type Mechanism = {
  /** Its name, sent in upper case. */
  mechanism: string
  /** Called once per connection. */
  authenticationProvider: (args: AuthenticationProviderArgs) => Authenticator
}

/** A bearer token. */
export interface OauthbearerProviderResponse {
  /** The token itself, e.g. a JWT. */
  value: string
  /** SASL extensions to send with it (RFC 7628). */
  extensions?: { [key: string]: string }
}

/** Options of the built-in mechanisms. */
type SASLMechanismOptionsMap = {
  /** RFC 4616. Sends the password as it is: use TLS. */
  plain: { username: string; password: string; authorizationIdentity?: string }
  /** RFC 5802 with SHA-256. */
  'scram-sha-256': { username: string; password: string }
  /** RFC 5802 with SHA-512. */
  'scram-sha-512': { username: string; password: string }
  /** The STACK plugin's mechanism AWS; not AWS_MSK_IAM. */
  aws: {
    /** Identity to act as; with the STACK plugin the user id of the role. */
    authorizationIdentity: string
    /** AWS access key id. */
    accessKeyId: string
    /** AWS secret access key. */
    secretAccessKey: string
    /** AWS session token, for temporary credentials. */
    sessionToken?: string
  }
  /** RFC 7628. The provider is called each time a connection authenticates. */
  oauthbearer: {
    /** Gives the token. Called each time a connection authenticates; nothing is cached. */
    oauthBearerProvider: () => Promise<OauthbearerProviderResponse>
    /** Identity to act as. Default: that of the token. */
    authorizationIdentity?: string
  }
}

/** Names of the built-in mechanisms. */
export type SASLMechanism = keyof SASLMechanismOptionsMap

/** Options of the mechanism `T`, with its name. */
type SASLMechanismOptions<T> = T extends SASLMechanism
  ? { mechanism: T } & SASLMechanismOptionsMap[T]
  : never

/** The `sasl` option for a built-in mechanism. */
export type SASLOptions = SASLMechanismOptions<SASLMechanism>

// Producer

/** Options of `kafka.producer`. */
export interface ProducerConfig {
  /** Chooses partitions. Called once. Default: `Partitioners.DefaultPartitioner`. */
  createPartitioner?: ICustomPartitioner
  /** How to retry `send`; merged over the client's. */
  retry?: RetryOptions
  /** Age at which metadata is refreshed even without an error, ms. Default 300000. */
  metadataMaxAge?: number
  /** Whether sending to a topic that does not exist may create it. Default `true`. */
  allowAutoTopicCreation?: boolean
  /** Each message is stored exactly once and in order; `acks` has to be -1. Default `false`. */
  idempotent?: boolean
  /** Name of this producer across restarts; needed for transactions. */
  transactionalId?: string
  /** After this the broker ends a transaction by itself, ms. Default 60000. */
  transactionTimeout?: number
  /** Requests in flight on one connection, above 0. Default: no limit, but at most 5 produce requests per leader. */
  maxInFlightRequests?: number
  /**
   * Only kafkajs-rs: how long a message may wait for others to share its batch, ms. Default 0: it leaves at once,
   * and what arrives while it is under way forms the next batch.
   */
  linger?: number
  /** Only kafkajs-rs: size at which a batch of one partition is full, bytes before compression. Default 1048576. */
  batchSize?: number
  /**
   * Only kafkajs-rs: messages that wait to be sent hold at most this, bytes; `send` then waits. Default 33554432. Each
   * call counts about 400 bytes beside its messages.
   */
  maxBufferedBytes?: number
}

/** A message to be sent. */
export interface Message {
  /** Messages with equal keys go to the same partition. `''` is a key; `null` is none. */
  key?: Buffer | string | null
  /** Content; `null` is a tombstone, which deletes the key in a compacted topic. */
  value: Buffer | string | null
  /** Partition to send to; without it the partitioner chooses. */
  partition?: number
  /** Headers; several values under one key are several headers. */
  headers?: IHeaders
  /** Milliseconds since the epoch, as a decimal string. Default: now. */
  timestamp?: string
}

/** What a partitioner gets for each message. */
export interface PartitionerArgs {
  /** Topic that the message goes to. */
  topic: string
  /** Its partitions, in the broker's order; those without a leader too (`leader` -1). */
  partitionMetadata: PartitionMetadata[]
  /** The message. */
  message: Message
}

/** Makes a partitioner: a function that gives the id of the partition for a message. */
export type ICustomPartitioner = () => (args: PartitionerArgs) => number

/** By the Java client's hash of the key; without a key round-robin. */
export type DefaultPartitioner = ICustomPartitioner

/** By the hash that kafkajs had before 2.0.0; without a key round-robin. */
export type LegacyPartitioner = ICustomPartitioner

/** The built-in partitioners. */
export const Partitioners: {
  /** By the Java client's hash of the key; without a key round-robin. */
  DefaultPartitioner: DefaultPartitioner
  /** By the hash that kafkajs had before 2.0.0. Use it to keep the partitions that keys had. */
  LegacyPartitioner: LegacyPartitioner
  /** @deprecated The name that DefaultPartitioner had before 2.0.0. */
  JavaCompatiblePartitioner: DefaultPartitioner
  /**
   * Ours: keeps messages without key together until a batch's worth (`batchSize` bytes) has gone to a partition, then
   * moves on (KIP-480, KIP-794): fewer and larger batches. With a key as `DefaultPartitioner`.
   */
  StickyPartitioner: DefaultPartitioner
}

/** A partition, as metadata describes it. */
export type PartitionMetadata = {
  /** 0, or why the partition cannot be used now. */
  partitionErrorCode: number
  /** Its number in the topic. */
  partitionId: number
  /** Node id of the leader; -1 if there is none. */
  leader: number
  /** Node ids of all replicas. */
  replicas: number[]
  /** Node ids of those in sync. */
  isr: number[]
  /** Node ids of those that are offline. */
  offlineReplicas?: number[]
}

/** Headers by key. A list stands for several headers with the same key, in order. */
export interface IHeaders {
  [key: string]: Buffer | string | (Buffer | string)[] | undefined
}

/** Messages for one topic. */
export interface ProducerRecord {
  /** Topic to send to. */
  topic: string
  /** Messages; those of one partition keep their order. */
  messages: Message[]
  /** Which replicas must have them: -1 all in sync (default), 1 the leader, 0 nobody is asked. */
  acks?: number
  /** How long the broker may wait for the replicas, ms. Default 30000. */
  timeout?: number
  /** Codec of the batches. Default `CompressionTypes.None`. */
  compression?: CompressionTypes
  /**
   * Ours: level of the codec, in its own range (GZIP 0 to 9, ZSTD 1 to 22; Snappy and LZ4 have none). Default: the
   * codec's. A registered codec does not see it.
   */
  compressionLevel?: number
}

/** What became of the messages of one call that went to one partition. */
export type RecordMetadata = {
  /** Their topic. */
  topicName: string
  /** Their partition. */
  partition: number
  /** Always 0: failures reject. */
  errorCode: number
  /** Offset of the first, as brokers before 1.0 name it. */
  offset?: string
  /** Time the broker gave them, as brokers before 1.0 name it; `'-1'` if it kept theirs. */
  timestamp?: string
  /** Offset of the first; the others follow it. */
  baseOffset?: string
  /** Time the broker gave them, ms since the epoch; `'-1'` if it kept theirs. */
  logAppendTime?: string
  /** First offset that the partition still has. */
  logStartOffset?: string
}

/** Messages for one of the topics of a `sendBatch`. */
export interface TopicMessages {
  /** Topic to send to. */
  topic: string
  /** Messages; those of one partition keep their order. */
  messages: Message[]
}

/** Messages for several topics. */
export interface ProducerBatch {
  /** Which replicas must have them: -1 all in sync (default), 1 the leader, 0 nobody is asked. */
  acks?: number
  /** How long the broker may wait for the replicas, ms. Default 30000. */
  timeout?: number
  /** Codec of the batches. Default `CompressionTypes.None`. */
  compression?: CompressionTypes
  /**
   * Ours: level of the codec, in its own range (GZIP 0 to 9, ZSTD 1 to 22; Snappy and LZ4 have none). Default: the
   * codec's. A registered codec does not see it.
   */
  compressionLevel?: number
  /** Messages by topic; entries of the same topic are joined. Default: none. */
  topicMessages?: TopicMessages[]
}

/** What producers and transactions have in common. */
type Sender = {
  /**
   * Sends messages to one topic.
   *
   * @example
   * ```ts
   * const [{ partition, baseOffset }] = await producer.send({
   *   topic: 'orders',
   *   messages: [{ key: 'order-123', value: JSON.stringify({ total: 25 }), headers: { source: 'web-app' } }],
   * })
   * ```
   * @returns one element per partition that got messages; empty with `acks: 0`
   * @throws KafkaJSNonRetriableError (rejection) if the topic or messages are missing or bad
   * @throws KafkaJSProtocolError (rejection) if the broker refuses and trying again is of no use
   * @throws KafkaJSNumberOfRetriesExceeded (rejection) if trying again did not help
   */
  send(record: ProducerRecord): Promise<RecordMetadata[]>
  /** As `send`, for several topics. */
  sendBatch(batch: ProducerBatch): Promise<RecordMetadata[]>
}

/** Names of a producer's events. */
export type ProducerEvents = {
  /** `connect` has succeeded. */
  CONNECT: 'producer.connect'
  /** `disconnect` has ended. */
  DISCONNECT: 'producer.disconnect'
  /** A request was answered. */
  REQUEST: 'producer.network.request'
  /** A request was not answered in time. */
  REQUEST_TIMEOUT: 'producer.network.request_timeout'
  /** The number of requests that wait to be sent has changed. */
  REQUEST_QUEUE_SIZE: 'producer.network.request_queue_size'
}

/** Sends messages. To be connected before the first `send`. */
export type Producer = Sender & {
  /** Connects. May be called again; each call emits CONNECT. Rejects if no broker can be reached. */
  connect(): Promise<void>
  /** Waits for what is under way, then closes the connections. The producer may connect again. */
  disconnect(): Promise<void>
  /** The option `idempotent`. */
  isIdempotent(): boolean
  /** Names of the events. */
  readonly events: ProducerEvents
  /**
   * Listens to an event.
   *
   * @returns a function that stops it
   * @throws KafkaJSNonRetriableError if there is no such event
   */
  on(
    eventName: ProducerEvents['CONNECT'],
    listener: (event: ConnectEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ProducerEvents['DISCONNECT'],
    listener: (event: DisconnectEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ProducerEvents['REQUEST'],
    listener: (event: RequestEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ProducerEvents['REQUEST_QUEUE_SIZE'],
    listener: (event: RequestQueueSizeEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ProducerEvents['REQUEST_TIMEOUT'],
    listener: (event: RequestTimeoutEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ValueOf<ProducerEvents>,
    listener: (event: InstrumentationEvent<any>) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  /**
   * Begins a transaction; one at a time.
   *
   * @example
   * ```ts
   * const transaction = await producer.transaction()
   * try {
   *   await transaction.send({ topic: 'payments', messages: [{ value: 'paid' }] })
   *   await transaction.commit()
   * } catch (error) {
   *   await transaction.abort()
   *   throw error
   * }
   * ```
   * @throws KafkaJSNonRetriableError (rejection) without a `transactionalId`, or while another one is open
   */
  transaction(): Promise<Transaction>
  /** Logger of this producer. */
  logger(): Logger
}

/** Messages and offsets that become visible together, or not at all. */
export type Transaction = Sender & {
  /**
   * Commits offsets of a consumer group as part of the transaction.
   *
   * Ours: with `groupMetadata` of the member that consumed, the commit is refused once the group has moved on (KIP-447);
   * `memberId` and the generation are in the events `GROUP_JOIN` and `HEARTBEAT` of the consumer.
   */
  sendOffsets(
    offsets: Offsets & {
      /** Group whose offsets are committed. */
      consumerGroupId: string
      /** Ours: the member that consumed, by its id and generation (and static id, if it has one). */
      groupMetadata?: { memberId: string; generationId: number; groupInstanceId?: string }
    }
  ): Promise<void>
  /** Ends it: everything becomes visible. */
  commit(): Promise<void>
  /** Ends it: nothing becomes visible. */
  abort(): Promise<void>
  /** Whether it has not ended. */
  isActive(): boolean
}

// Consumer

/** Options of `kafka.consumer`. */
export interface ConsumerConfig {
  /** Group to join. Not empty. */
  groupId: string
  /** Ways of sharing out partitions, in order of preference. Default `[PartitionAssigners.roundRobin]`. */
  partitionAssigners?: PartitionAssigner[]
  /** Age at which metadata is refreshed even without an error, ms. Default 300000. */
  metadataMaxAge?: number
  /** After this time without a heartbeat the group goes on without the member, ms. Default 30000. */
  sessionTimeout?: number
  /** How long the group waits for its members to join again, ms. Default 60000. */
  rebalanceTimeout?: number
  /** Time between heartbeats, ms; below `sessionTimeout`, best a third of it. Default 3000. */
  heartbeatInterval?: number
  /** Most that one fetch takes of one partition, bytes. Default 1048576. */
  maxBytesPerPartition?: number
  /** The broker answers a fetch once it has this much, bytes. Default 1. */
  minBytes?: number
  /** Most that one fetch takes in all, bytes. Default 10485760. */
  maxBytes?: number
  /** The broker answers a fetch after this time at the latest, ms. Default 5000. */
  maxWaitTimeInMs?: number
  /** How to retry; merged over the client's. Default `{ retries: 5 }`, which hides the client's `retries`. */
  retry?: RetryOptions & { restartOnFailure?: (err: Error) => Promise<boolean> }
  /** Whether subscribing to a topic that does not exist may create it. Default `true`. */
  allowAutoTopicCreation?: boolean
  /** Requests in flight on one connection, above 0. Default: no limit. */
  maxInFlightRequests?: number
  /** Whether to read messages of transactions that are open or were aborted. Default `false`. */
  readUncommitted?: boolean
  /** Rack of this program; fetches go to a replica in the same rack (KIP-392). Default `''`: to the leader. */
  rackId?: string
  /**
   * Only kafkajs-rs: how long a handler may go without progress before the member leaves its group, ms (KIP-62).
   * Heartbeats go on meanwhile. Default 300000.
   */
  maxPollInterval?: number
  /** Only kafkajs-rs: most that is read ahead of the handlers, bytes after decompression. Default 52428800. */
  maxBufferedBytes?: number
}

/** A message of the formats before Kafka 0.11, which had no headers. */
interface MessageSetEntry {
  /** Key; `null` if it has none. */
  key: Buffer | null
  /** Content; `null` is a tombstone. */
  value: Buffer | null
  /** Milliseconds since the epoch, as a decimal string. */
  timestamp: string
  /** Codec and kind of timestamp, as bits. */
  attributes: number
  /** Offset, a decimal string. */
  offset: string
  /** Size of the message, bytes. */
  size: number
  /** This format has none. */
  headers?: never
}

/** A message. */
interface RecordBatchEntry {
  /** Key; `null` if it has none. */
  key: Buffer | null
  /** `null` is a tombstone. */
  value: Buffer | null
  /** Milliseconds since the epoch, as a decimal string. */
  timestamp: string
  /** Attribute bits of the record; 0 in all formats that exist. */
  attributes: number
  /** Offset, a decimal string. */
  offset: string
  /** Always there when consumed; values are Buffers, or lists of them for a key that came more than once. */
  headers: IHeaders
  /** Only the older formats have it. */
  size?: never
}

/** A message as it is consumed: a plain object that programs may change and extend. */
export type KafkaMessage = MessageSetEntry | RecordBatchEntry

/** Messages of one partition out of one fetch. */
export type Batch = {
  /** Topic of all its messages. */
  topic: string
  /** Partition of all its messages. */
  partition: number
  /** Offset after the last message of the partition. */
  highWatermark: string
  /** Messages to be processed; control records and aborted messages are left out. */
  messages: KafkaMessage[]
  /** Whether there is nothing to process. */
  isEmpty(): boolean
  /** Offset of the first message or control record; `null` if there is none. */
  firstOffset(): string | null
  /** Offset of the last message or control record. */
  lastOffset(): string
  /** How many offsets of the partition follow the last one. */
  offsetLag(): string
  /** How many offsets of the partition follow the first one. */
  offsetLagLow(): string
}

/** What `eachMessage` gets. */
export interface EachMessagePayload {
  /** Topic of the message. */
  topic: string
  /** Partition of the message. */
  partition: number
  /** The message. */
  message: KafkaMessage
  /** Tells the group that the handler is alive. Rejects if the group rebalances. */
  heartbeat(): Promise<void>
  /** Pauses this partition from the next message on; gives a function that resumes it. */
  pause(): () => void
}

/** What `eachBatch` gets. */
export interface EachBatchPayload {
  /** The messages. */
  batch: Batch
  /** Marks all up to this offset as processed. */
  resolveOffset(offset: string): void
  /** Tells the group that the handler is alive. Rejects if the group rebalances. */
  heartbeat(): Promise<void>
  /** Pauses this partition; gives a function that resumes it. */
  pause(): () => void
  /** Commits the given offsets; without any, what is processed, if interval or threshold say so. */
  commitOffsetsIfNecessary(offsets?: Offsets): Promise<void>
  /** What is processed and not committed. */
  uncommittedOffsets(): OffsetsByTopicPartition
  /** `false` once the consumer is being stopped: return soon. */
  isRunning(): boolean
  /** `true` once a seek or a rebalance has made the rest of the batch pointless: return soon. */
  isStale(): boolean
}

/** The name that `EachMessagePayload` has in the older \@types/kafkajs. */
export type ConsumerEachMessagePayload = EachMessagePayload

/** The name that `EachBatchPayload` has in the older \@types/kafkajs. */
export type ConsumerEachBatchPayload = EachBatchPayload

/** Processes a batch; if it rejects, what was not resolved is delivered again. */
export type EachBatchHandler = (payload: EachBatchPayload) => Promise<void>

/** Processes a message; if it rejects, the message is delivered again. */
export type EachMessageHandler = (payload: EachMessagePayload) => Promise<void>

/** Options of `consumer.run`. One handler is needed; `eachMessage` wins. */
export type ConsumerRunConfig = {
  /** Whether to commit processed offsets without being asked. Default `true`. */
  autoCommit?: boolean
  /** Commit after this time within a batch, ms. Default `null`: only at its end. */
  autoCommitInterval?: number | null
  /** Commit after this many messages within a batch. Default `null`: only at its end. */
  autoCommitThreshold?: number | null
  /** Whether a batch counts as processed when `eachBatch` resolves. Default `true`. */
  eachBatchAutoResolve?: boolean
  /** How many partitions are processed at once; the order within one is kept. Default 1. */
  partitionsConsumedConcurrently?: number
  /** Called with each batch. */
  eachBatch?: EachBatchHandler
  /** Called with each message, one after the other within a partition. */
  eachMessage?: EachMessageHandler
}

/** @deprecated Use `ConsumerSubscribeTopics`. */
export type ConsumerSubscribeTopic = { topic: string | RegExp; fromBeginning?: boolean }

/** Topics, by name or by pattern, and where to start without a committed offset. Default: at the end. */
export type ConsumerSubscribeTopics = { topics: (string | RegExp)[]; fromBeginning?: boolean }

/** A partition. */
export type TopicPartition = {
  /** Name of the topic. */
  topic: string
  /** Number of the partition. */
  partition: number
}

/** A position in a partition. */
export type TopicPartitionOffset = TopicPartition & {
  /** Offset, a decimal string. */
  offset: string
}

/** A position to commit, with a note if wanted. */
export type TopicPartitionOffsetAndMetadata = TopicPartitionOffset & {
  /** A note of up to 4096 bytes by default (`offset.metadata.max.bytes` of the broker). */
  metadata?: string | null
}

/** Partitions of a topic. */
export type TopicPartitions = { topic: string; partitions: number[] }

/** A position in a partition of a topic named elsewhere. */
export interface PartitionOffset {
  /** Number of the partition. */
  partition: number
  /** Offset, a decimal string. */
  offset: string
}

/** Positions in a topic. */
export interface TopicOffsets {
  /** Name of the topic. */
  topic: string
  /** Offsets by partition. */
  partitions: PartitionOffset[]
}

/** Positions in several topics. */
export interface Offsets {
  /** Offsets by topic. */
  topics: TopicOffsets[]
}

/** Positions in several topics. */
export interface OffsetsByTopicPartition {
  /** Offsets by topic. */
  topics: TopicOffsets[]
}

/** Names of a consumer's events. */
export type ConsumerEvents = {
  /** A heartbeat was answered. */
  HEARTBEAT: 'consumer.heartbeat'
  /** Offsets were committed. */
  COMMIT_OFFSETS: 'consumer.commit_offsets'
  /** The consumer joined its group, or joined it again. */
  GROUP_JOIN: 'consumer.group_join'
  /** A fetch begins. */
  FETCH_START: 'consumer.fetch_start'
  /** A fetch was answered. */
  FETCH: 'consumer.fetch'
  /** A batch is about to be processed. */
  START_BATCH_PROCESS: 'consumer.start_batch_process'
  /** A batch was processed. */
  END_BATCH_PROCESS: 'consumer.end_batch_process'
  /** `connect` or `run` has connected. */
  CONNECT: 'consumer.connect'
  /** `disconnect` has ended. */
  DISCONNECT: 'consumer.disconnect'
  /** The run has ended. */
  STOP: 'consumer.stop'
  /** The run has ended because of an error. */
  CRASH: 'consumer.crash'
  /** The group rebalances; the consumer joins again. */
  REBALANCING: 'consumer.rebalancing'
  /** The leader assigned topics that the consumer did not subscribe to. */
  RECEIVED_UNSUBSCRIBED_TOPICS: 'consumer.received_unsubscribed_topics'
  /** A request was answered. */
  REQUEST: 'consumer.network.request'
  /** A request was not answered in time. */
  REQUEST_TIMEOUT: 'consumer.network.request_timeout'
  /** The number of requests that wait to be sent has changed. */
  REQUEST_QUEUE_SIZE: 'consumer.network.request_queue_size'
}

/** A member of a consumer group. */
export type Consumer = {
  /** Connects. Not needed: `subscribe` and `run` connect by themselves. */
  connect(): Promise<void>
  /** Stops, leaves the group, closes the connections. The consumer may run again. */
  disconnect(): Promise<void>
  /**
   * Adds topics. To be called before `run`.
   *
   * @throws KafkaJSNonRetriableError (rejection) while running, or if the topics are missing or bad
   */
  subscribe(subscription: ConsumerSubscribeTopics | ConsumerSubscribeTopic): Promise<void>
  /** Waits for the handlers, commits, leaves the group. The consumer may run again. */
  stop(): Promise<void>
  /**
   * Joins the group and starts to consume. What fails later shows as the event CRASH.
   *
   * @example
   * ```ts
   * await consumer.subscribe({ topics: ['orders'], fromBeginning: true })
   * await consumer.run({
   *   partitionsConsumedConcurrently: 3,
   *   eachMessage: async ({ topic, partition, message }) => {
   *     console.log(topic, partition, message.offset, message.value?.toString())
   *   },
   * })
   * ```
   */
  run(config?: ConsumerRunConfig): Promise<void>
  /**
   * Commits positions: of each partition the offset of the message to be read next. Does not move the consumer.
   *
   * @throws KafkaJSNonRetriableError (rejection) if an entry is bad, or before `run`
   */
  commitOffsets(topicPartitions: Array<TopicPartitionOffsetAndMetadata>): Promise<void>
  /**
   * Goes on at another offset of a partition; -2 is the earliest, -1 the latest.
   *
   * @throws KafkaJSNonRetriableError if the position is bad, or before `run`
   */
  seek(topicPartitionOffset: TopicPartitionOffset): void
  /** Describes the group. */
  describeGroup(): Promise<GroupDescription>
  /**
   * Stops delivering messages of these topics, or of these partitions of them.
   *
   * @throws KafkaJSNonRetriableError if an entry is bad, or before `run`
   */
  pause(topics: Array<{ topic: string; partitions?: number[] }>): void
  /** Which of the assigned partitions are paused. */
  paused(): TopicPartitions[]
  /**
   * Ends `pause`.
   *
   * @throws KafkaJSNonRetriableError if an entry is bad, or before `run`
   */
  resume(topics: Array<{ topic: string; partitions?: number[] }>): void
  /**
   * Listens to an event.
   *
   * @returns a function that stops it
   * @throws KafkaJSNonRetriableError if there is no such event
   */
  on(
    eventName: ConsumerEvents['HEARTBEAT'],
    listener: (event: ConsumerHeartbeatEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['COMMIT_OFFSETS'],
    listener: (event: ConsumerCommitOffsetsEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['GROUP_JOIN'],
    listener: (event: ConsumerGroupJoinEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['FETCH_START'],
    listener: (event: ConsumerFetchStartEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['FETCH'],
    listener: (event: ConsumerFetchEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['START_BATCH_PROCESS'],
    listener: (event: ConsumerStartBatchProcessEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['END_BATCH_PROCESS'],
    listener: (event: ConsumerEndBatchProcessEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['CONNECT'],
    listener: (event: ConnectEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['DISCONNECT'],
    listener: (event: DisconnectEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['STOP'],
    listener: (event: InstrumentationEvent<null>) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['CRASH'],
    listener: (event: ConsumerCrashEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['REBALANCING'],
    listener: (event: ConsumerRebalancingEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['RECEIVED_UNSUBSCRIBED_TOPICS'],
    listener: (event: ConsumerReceivedUnsubcribedTopicsEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['REQUEST'],
    listener: (event: RequestEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['REQUEST_TIMEOUT'],
    listener: (event: RequestTimeoutEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ConsumerEvents['REQUEST_QUEUE_SIZE'],
    listener: (event: RequestQueueSizeEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ValueOf<ConsumerEvents>,
    listener: (event: InstrumentationEvent<any>) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  /** Logger of this consumer. */
  logger(): Logger
  /** Names of the events. */
  readonly events: ConsumerEvents
}

// Consumer groups and their assigners

/** Makes an assigner; called once, when the consumer is made. */
export type PartitionAssigner = (config: {
  /** What is known of the cluster. */
  cluster: Cluster
  /** The consumer's group. */
  groupId: string
  /** The consumer's logger. */
  logger: Logger
}) => Assigner

/** Shares the partitions out among the members of a group. */
export type Assigner = {
  /** Name on the wire; all members of a group need one in common. */
  name: string
  /** Version of its data; whatever it wants. */
  version: number
  /** Called on the leader of the group. Gives every member its partitions. */
  assign(group: { members: GroupMember[]; topics: string[] }): Promise<GroupMemberAssignment[]>
  /** Called on every member when it joins. Gives what the leader is to know of it. */
  protocol(subscription: { topics: string[] }): GroupState
}

/** The built-in assigners. */
export const PartitionAssigners: {
  /** Deals all partitions out one by one. kafkajs' default, under its wire name `RoundRobinAssigner`. */
  roundRobin: PartitionAssigner
  /** Only kafkajs-rs: Apache Kafka's range assignor, neighbouring partitions of each topic. Wire name `range`. */
  range: PartitionAssigner
}

/** Partitions by topic. */
export type Assignment = { [topic: string]: number[] }

/** A member, as the leader sees it. Its metadata is a `MemberMetadata`, encoded. */
export type GroupMember = { memberId: string; memberMetadata: Buffer }

/** A member's partitions: a `MemberAssignment`, encoded. */
export type GroupMemberAssignment = { memberId: string; memberAssignment: Buffer }

/** An assigner's name and a member's `MemberMetadata`, encoded. */
export type GroupState = { name: string; metadata: Buffer }

/** Turns values into bytes and back. */
export interface ISerializer<T> {
  /** Gives the bytes. */
  encode(value: T): Buffer
  /** Gives `null` for bytes that hold nothing. */
  decode(buffer: Buffer): T | null
}

/** What a member tells the leader. */
export type MemberMetadata = {
  /** Version, as the assigner set it. */
  version: number
  /** Topics that the member subscribed to. */
  topics: string[]
  /** Anything of the assigner's own. */
  userData: Buffer
}

/** What the leader tells a member. */
export type MemberAssignment = {
  /** Version, as the assigner set it. */
  version: number
  /** Partitions of the member, by topic. */
  assignment: Assignment
  /** Anything of the assigner's own. */
  userData: Buffer
}

/** Encodes and decodes what members and leader tell each other (ConsumerProtocol, version 0). */
export const AssignerProtocol: {
  /** What a member tells the leader. */
  MemberMetadata: ISerializer<MemberMetadata>
  /** What the leader tells a member. */
  MemberAssignment: ISerializer<MemberAssignment>
}

/** Where the coordinator of a group is. */
export interface CoordinatorMetadata {
  /** Kafka error code; 0 is none. */
  errorCode: number
  /** The broker that coordinates the group. */
  coordinator: {
    /** Node id of the broker. */
    nodeId: number
    /** Host. */
    host: string
    /** Port. */
    port: number
  }
}

/** What custom assigners see of the cluster. */
export type Cluster = {
  /** Node ids of the brokers known. */
  getNodeIds(): number[]
  /** Asks for brokers and topics. */
  metadata(): Promise<BrokerMetadata>
  /** Forgets a broker. */
  removeBroker(options: { host: string; port: number }): void
  /** Makes metadata of these topics available. */
  addMultipleTargetTopics(topics: string[]): Promise<void>
  /** Whether `connect` was called, and `disconnect` was not since. */
  isConnected(): boolean
  /** Connects. */
  connect(): Promise<void>
  /** Closes the connections. */
  disconnect(): Promise<void>
  /** Asks for the metadata of the target topics. */
  refreshMetadata(): Promise<void>
  /** As `refreshMetadata`, if what is known is too old. */
  refreshMetadataIfNecessary(): Promise<void>
  /** Makes metadata of this topic available. */
  addTargetTopic(topic: string): Promise<void>
  /** @throws KafkaJSBrokerNotFound (rejection) if there is no such broker */
  findBroker(node: { nodeId: string }): Promise<Broker>
  /** @throws KafkaJSBrokerNotFound (rejection) if no broker is the controller */
  findControllerBroker(): Promise<Broker>
  /** Partitions of a topic; at once. Empty if nothing is known of it. */
  findTopicPartitionMetadata(topic: string): PartitionMetadata[]
  /** Groups partitions by the node id of their leader. */
  findLeaderForPartitions(topic: string, partitions: number[]): { [leader: string]: number[] }
  /** The broker that coordinates a group. */
  findGroupCoordinator(group: { groupId: string }): Promise<Broker>
  /** Where the coordinator of a group is. */
  findGroupCoordinatorMetadata(group: { groupId: string }): Promise<CoordinatorMetadata>
  /** The number that stands for the earliest (-2) or latest (-1) offset. */
  defaultOffset(config: { fromBeginning: boolean }): number
  /** Looks offsets up, by end or by time. */
  fetchTopicsOffset(
    topics: Array<
      {
        /** Name of the topic. */
        topic: string
        /** Partitions to look up. */
        partitions: Array<{ partition: number }>
      } & XOR<{ fromBeginning: boolean }, { fromTimestamp: number }>
    >
  ): Promise<TopicOffsets[]>
}

/** Brokers and topics of a cluster. */
export interface BrokerMetadata {
  /** All brokers of the cluster. */
  brokers: Array<{ nodeId: number; host: string; port: number; rack?: string }>
  /** The topics asked for. */
  topicMetadata: Array<{
    /** 0, or why the topic cannot be used now. */
    topicErrorCode: number
    /** Name of the topic. */
    topic: string
    /** Its partitions. */
    partitionMetadata: PartitionMetadata[]
  }>
}

/** Versions of each API that a broker speaks. */
export interface ApiVersions {
  [apiKey: number]: {
    /** Lowest version. */
    minVersion: number
    /** Highest version. */
    maxVersion: number
  }
}

/**
 * A broker, as custom assigners see it.
 *
 * kafkajs-rs gives its address (`nodeId`, `host`, `port`, `rack`) and `isConnected` at run time. The requests are here so
 * that programs written for kafkajs' types compile; an admin client, producer or consumer sends them.
 */
export type Broker = {
  /** Whether it is connected. */
  isConnected(): boolean
  /** Connects. */
  connect(): Promise<void>
  /** Closes the connections. */
  disconnect(): Promise<void>
  /** Asks which versions it speaks. */
  apiVersions(): Promise<ApiVersions>
  /** Asks for brokers and topics. */
  metadata(topics: string[]): Promise<BrokerMetadata>
  /** Describes groups that it coordinates. */
  describeGroups: (options: { groupIds: string[] }) => Promise<any>
  /** Commits offsets of a group that it coordinates. */
  offsetCommit(request: {
    /** Id of the group. */
    groupId: string
    /** Generation of the group: goes up by one with each rebalance. */
    groupGenerationId: number
    /** Id of the member, given by the coordinator. */
    memberId: string
    /** How long to keep the offsets, ms. */
    retentionTime?: number
    /** By topic. */
    topics: TopicOffsets[]
  }): Promise<any>
  /** Committed offsets of a group that it coordinates. */
  offsetFetch(request: { groupId: string; topics: TopicOffsets[] }): Promise<{
    /** Offsets by topic. */
    responses: TopicOffsets[]
  }>
  /** Fetches from partitions that it leads. */
  fetch(request: {
    /** -1 for clients. */
    replicaId?: number
    /** 0 reads uncommitted messages, 1 does not. */
    isolationLevel?: number
    /** ms */
    maxWaitTime?: number
    /** As the option of the consumer, bytes. */
    minBytes?: number
    /** As the option of the consumer, bytes. */
    maxBytes?: number
    /** By topic. */
    topics: Array<{
      /** Name of the topic. */
      topic: string
      /** Its partitions. */
      partitions: Array<{ partition: number; fetchOffset: string; maxBytes: number }>
    }>
    /** As the option of the consumer. */
    rackId?: string
  }): Promise<any>
  /** Appends to partitions that it leads. */
  produce(request: {
    /** Messages by topic. */
    topicData: Array<{
      /** Name of the topic. */
      topic: string
      /** Its partitions. */
      partitions: Array<{ partition: number; firstSequence?: number; messages: Message[] }>
    }>
    /** As the option of the producer. */
    transactionalId?: string
    /** Id of an idempotent producer. */
    producerId?: number
    /** Epoch of an idempotent producer. */
    producerEpoch?: number
    /** As of `send`. */
    acks?: number
    /** ms */
    timeout?: number
    /** As of `send`. */
    compression?: CompressionTypes
  }): Promise<any>
  /** As of `Admin`. */
  alterPartitionReassignments(request: {
    /** By topic. */
    topics: PartitionReassignment[]
    /** ms */
    timeout?: number
  }): Promise<any>
  /** As of `Admin`. */
  listPartitionReassignments(request: {
    /** By topic. */
    topics?: TopicPartitions[]
    /** ms */
    timeout?: number
  }): Promise<ListPartitionReassignmentsResponse>
}

/** A consumer's place in its group. */
export type ConsumerGroup = {
  /** Id of the group. */
  groupId: string
  /** Counts the rebalances. */
  generationId: number
  /** Id of the member, given by the coordinator. */
  memberId: string
  /** The broker that coordinates the group. */
  coordinator: Broker
}

/** A member of a described group. */
export type MemberDescription = {
  /** Address that the member connects from. */
  clientHost: string
  /** The member's `clientId`. */
  clientId: string
  /** Id of the member, given by the coordinator. */
  memberId: string
  /** For consumers a `MemberAssignment`, encoded. */
  memberAssignment: Buffer
  /** For consumers a `MemberMetadata`, encoded. */
  memberMetadata: Buffer
}

/** State of a group, as the Java client names it. */
export type ConsumerGroupState =
  | 'Unknown'
  | 'PreparingRebalance'
  | 'CompletingRebalance'
  | 'Stable'
  | 'Dead'
  | 'Empty'

/** A described group. */
export type GroupDescription = {
  /** Id of the group. */
  groupId: string
  /** Its members. */
  members: MemberDescription[]
  /** Name of the assigner in use. */
  protocol: string
  /** `'consumer'` for consumer groups. */
  protocolType: string
  /** `'Dead'` for a group that does not exist. */
  state: ConsumerGroupState
}

/** Described groups. */
export type GroupDescriptions = {
  /** One entry per group asked for. */
  groups: GroupDescription[]
}

/** A listed group. */
export type GroupOverview = {
  /** Id of the group. */
  groupId: string
  /** `'consumer'` for consumer groups. */
  protocolType: string
}

/** What became of a group to be deleted. */
export type DeleteGroupsResult = {
  /** Id of the group. */
  groupId: string
  /** 0 if it is deleted. */
  errorCode?: number
  /** Why it was not deleted. */
  error?: KafkaJSProtocolError
}

// Admin

/** Options of `kafka.admin`. */
export interface AdminConfig {
  /** How to retry; merged over the client's. */
  retry?: RetryOptions
}

/** A topic to create. */
export interface ITopicConfig {
  /** Name of the topic. */
  topic: string
  /** Default -1: the broker's `num.partitions`. */
  numPartitions?: number
  /** Default -1: the broker's `default.replication.factor`. */
  replicationFactor?: number
  /** Which brokers get which partitions, instead of the two above. Default: the broker decides. */
  replicaAssignment?: ReplicaAssignment[]
  /** Configs of the topic. Default: none. */
  configEntries?: IResourceConfigEntry[]
}

/** A topic that is to have more partitions. */
export interface ITopicPartitionConfig {
  /** Name of the topic. */
  topic: string
  /** Number of partitions it will have. */
  count: number
  /** Brokers of each new partition. Default: the broker decides. */
  assignments?: Array<Array<number>>
}

/** A topic and its partitions. */
export interface ITopicMetadata {
  /** Name of the topic. */
  name: string
  /** Its partitions. */
  partitions: PartitionMetadata[]
}

/** Brokers of a partition, the preferred leader first. */
export interface ReplicaAssignment {
  /** Number of the partition. */
  partition: number
  /** Node ids. */
  replicas: Array<number>
}

/** New brokers for partitions of a topic. */
export interface PartitionReassignment {
  /** Name of the topic. */
  topic: string
  /** Brokers by partition. */
  partitionAssignment: Array<ReplicaAssignment>
}

/** What an ACL protects. */
export enum AclResourceTypes {
  /** One that this library does not know. */
  UNKNOWN = 0,
  /** In a filter: each of them. */
  ANY = 1,
  /** A topic. */
  TOPIC = 2,
  /** A consumer group. */
  GROUP = 3,
  /** The cluster; its name is `kafka-cluster`. */
  CLUSTER = 4,
  /** A transactional id. */
  TRANSACTIONAL_ID = 5,
  /** A delegation token. */
  DELEGATION_TOKEN = 6,
}

/** What a config belongs to. */
export enum ConfigResourceTypes {
  /** One that this library does not know. */
  UNKNOWN = 0,
  /** A topic. */
  TOPIC = 2,
  /** A broker. */
  BROKER = 4,
  /** Levels of a broker's loggers. */
  BROKER_LOGGER = 8,
}

/** Where the value of a config comes from. */
export enum ConfigSource {
  /** One that this library does not know. */
  UNKNOWN = 0,
  /** Set for the topic. */
  TOPIC_CONFIG = 1,
  /** Set for the broker while it runs. */
  DYNAMIC_BROKER_CONFIG = 2,
  /** Set for all brokers while they run. */
  DYNAMIC_DEFAULT_BROKER_CONFIG = 3,
  /** From the broker's file. */
  STATIC_BROKER_CONFIG = 4,
  /** Set nowhere. */
  DEFAULT_CONFIG = 5,
  /** Level of one of the broker's loggers. */
  DYNAMIC_BROKER_LOGGER_CONFIG = 6,
}

/** Whether an ACL allows or denies. */
export enum AclPermissionTypes {
  /** One that this library does not know. */
  UNKNOWN = 0,
  /** In a filter: each of them. */
  ANY = 1,
  /** Denies; beats what allows. */
  DENY = 2,
  /** Allows. */
  ALLOW = 3,
}

/** What an ACL lets somebody do. */
export enum AclOperationTypes {
  /** One that this library does not know. */
  UNKNOWN = 0,
  /** In a filter: each of them. */
  ANY = 1,
  /** Every operation. */
  ALL = 2,
  /** Fetch from a topic; join a group and commit its offsets. */
  READ = 3,
  /** Produce to a topic; use a transactional id. */
  WRITE = 4,
  /** Create topics. */
  CREATE = 5,
  /** Delete topics, records or groups. */
  DELETE = 6,
  /** Change topics (partitions) or ACLs. */
  ALTER = 7,
  /** See metadata, offsets and members. */
  DESCRIBE = 8,
  /** What brokers do among each other. */
  CLUSTER_ACTION = 9,
  /** See configs. */
  DESCRIBE_CONFIGS = 10,
  /** Change configs. */
  ALTER_CONFIGS = 11,
  /** Produce idempotently; brokers since 2.8 need only WRITE. */
  IDEMPOTENT_WRITE = 12,
}

/** How the resource name of an ACL is compared. */
export enum ResourcePatternTypes {
  /** One that this library does not know. */
  UNKNOWN = 0,
  /** In a filter: whatever the type. */
  ANY = 1,
  /** In a filter: every ACL that applies to the name, whatever its type. */
  MATCH = 2,
  /** The name itself; `*` is each name. */
  LITERAL = 3,
  /** Each name that starts so. */
  PREFIXED = 4,
}

/** Whose configs to describe. */
export interface ResourceConfigQuery {
  /** Topic or broker. */
  type: ConfigResourceTypes
  /** Topic, or node id of the broker. */
  name: string
  /** Default: all. */
  configNames?: string[]
}

/** A config. */
export interface ConfigEntries {
  /** Name of the config. */
  configName: string
  /** Its value. */
  configValue: string
  /** Whether it is set nowhere. */
  isDefault: boolean
  /** Where the value comes from. */
  configSource: ConfigSource
  /** Its value is not told. */
  isSensitive: boolean
  /** Whether it cannot be changed. */
  readOnly: boolean
  /** Other places that set it; empty unless `includeSynonyms`. */
  configSynonyms: ConfigSynonyms[]
}

/** Another place that sets the same config. */
export interface ConfigSynonyms {
  /** Name of the config. */
  configName: string
  /** Its value. */
  configValue: string
  /** Where the value comes from. */
  configSource: ConfigSource
}

/** Configs by resource. */
export interface DescribeConfigResponse {
  /** One entry per resource asked for. */
  resources: {
    /** Its configs. */
    configEntries: ConfigEntries[]
    /** Kafka error code; 0 is none. */
    errorCode: number
    /** The broker's own text, if it sent one. */
    errorMessage: string
    /** Topic, or node id of the broker. */
    resourceName: string
    /** Topic or broker. */
    resourceType: ConfigResourceTypes
  }[]
  /** Not there at run time, as in kafkajs. */
  throttleTime: number
}

/** A config to set. */
export interface IResourceConfigEntry {
  /** Name of the config. */
  name: string
  /** Its value, as text. */
  value: string
}

/** Configs to set; what is not named goes back to its default. */
export interface IResourceConfig {
  /** Topic or broker. */
  type: ConfigResourceTypes
  /** Topic, or node id of the broker. */
  name: string
  /** Configs to set. */
  configEntries: IResourceConfigEntry[]
}

/** A position; for `setOffsets` and `deleteTopicRecords`. */
export type SeekEntry = PartitionOffset

/** A committed position; offset `'-1'` is none. */
export type FetchOffsetsPartition = PartitionOffset & { metadata: string | null }

/** Who may, or may not, do what. */
export interface Acl {
  /** E.g. `User:alice`. */
  principal: string
  /** Address of the client; `*` is each. */
  host: string
  /** What it allows or denies. */
  operation: AclOperationTypes
  /** Whether it allows or denies. */
  permissionType: AclPermissionTypes
}

/** To what an ACL applies. */
export interface AclResource {
  /** What the ACL protects. */
  resourceType: AclResourceTypes
  /** Name of the resource. */
  resourceName: string
  /** How the name is compared. */
  resourcePatternType: ResourcePatternTypes
}

/** An ACL and to what it applies. */
export type AclEntry = Acl & AclResource

/** A resource and its ACLs. */
export type DescribeAclResource = AclResource & {
  /** ACLs of the resource. */
  acls: Acl[]
}

/** ACLs by resource. At run time only `resources` is there, as in kafkajs. */
export interface DescribeAclResponse {
  /** Not there at run time, as in kafkajs. */
  throttleTime: number
  /** Not there at run time, as in kafkajs. */
  errorCode: number
  /** Not there at run time, as in kafkajs. */
  errorMessage?: string
  /** What matched. */
  resources: DescribeAclResource[]
}

/** Which ACLs; a name, principal or host that is left out is each of them. */
export interface AclFilter {
  /** `ANY` matches each. */
  resourceType: AclResourceTypes
  /** Left out: each name. */
  resourceName?: string
  /** `ANY` matches each; `MATCH` whatever applies to the name. */
  resourcePatternType: ResourcePatternTypes
  /** Left out: each principal. */
  principal?: string
  /** Left out: each host. */
  host?: string
  /** `ANY` matches each. */
  operation: AclOperationTypes
  /** `ANY` matches each. */
  permissionType: AclPermissionTypes
}

/** A deleted ACL, or one that could not be deleted. */
export interface MatchingAcl {
  /** Kafka error code; 0 is none. */
  errorCode: number
  /** The broker's own text, if it sent one. */
  errorMessage?: string
  /** What the ACL protects. */
  resourceType: AclResourceTypes
  /** Name of the resource. */
  resourceName: string
  /** How the name is compared. */
  resourcePatternType: ResourcePatternTypes
  /** Who, e.g. `User:alice`. */
  principal: string
  /** Address of the client; `*` is each. */
  host: string
  /** What it is about. */
  operation: AclOperationTypes
  /** Whether it allows or denies. */
  permissionType: AclPermissionTypes
}

/** What one filter has deleted. */
export interface DeleteAclFilterResponses {
  /** Kafka error code; 0 is none. */
  errorCode: number
  /** The broker's own text, if it sent one. */
  errorMessage?: string
  /** What matched the filter. */
  matchingAcls: MatchingAcl[]
}

/** What the filters have deleted. At run time only `filterResponses` is there, as in kafkajs. */
export interface DeleteAclResponse {
  /** Not there at run time, as in kafkajs. */
  throttleTime: number
  /** One entry per filter, in their order. */
  filterResponses: DeleteAclFilterResponses[]
}

/** Partitions that are being moved. */
export interface ListPartitionReassignmentsResponse {
  /** Topics with partitions that are being moved. */
  topics: OngoingTopicReassignment[]
}

/** Partitions of a topic that are being moved. At run time the topic is called `name`, as in kafkajs. */
export interface OngoingTopicReassignment {
  /** Name of the topic; at run time it is called `name`. */
  topic: string
  /** Its partitions that are being moved. */
  partitions: OngoingPartitionReassignment[]
}

/** A partition that is being moved. At run time the index is called `partition`, as in kafkajs. */
export interface OngoingPartitionReassignment {
  /** Number of the partition; at run time it is called `partition`. */
  partitionIndex: number
  /** Node ids. */
  replicas: number[]
  /** Node ids of those that are being added. */
  addingReplicas?: number[]
  /** Node ids of those that are being removed. */
  removingReplicas?: number[]
}

/** Names of an admin's events. */
export type AdminEvents = {
  /** `connect` has succeeded. */
  CONNECT: 'admin.connect'
  /** `disconnect` has ended. */
  DISCONNECT: 'admin.disconnect'
  /** A request was answered. */
  REQUEST: 'admin.network.request'
  /** A request was not answered in time. */
  REQUEST_TIMEOUT: 'admin.network.request_timeout'
  /** The number of requests that wait to be sent has changed. */
  REQUEST_QUEUE_SIZE: 'admin.network.request_queue_size'
}

/**
 * Administers a cluster.
 *
 * Methods connect by themselves. They reject with a KafkaJSNonRetriableError if an argument is bad, and with a
 * KafkaJSProtocolError if the broker refuses, unless their own comment says otherwise.
 */
export type Admin = {
  /** Connects. */
  connect(): Promise<void>
  /** Closes the connections. */
  disconnect(): Promise<void>
  /** Names of all topics, internal ones included. */
  listTopics(): Promise<string[]>
  /**
   * Creates topics.
   *
   * @returns `false` if all of them exist already
   * @throws KafkaJSAggregateError (rejection) of one KafkaJSCreateTopicError per topic that could not be created
   * @throws KafkaJSTimeout (rejection) if the topics do not have leaders in time
   */
  createTopics(options: {
    /** Only check. Default `false`. */
    validateOnly?: boolean
    /** Wait until all partitions have leaders. Default `true`. */
    waitForLeaders?: boolean
    /** How long the broker may take, ms. Default 5000. */
    timeout?: number
    /** Topics to create; no name twice. */
    topics: ITopicConfig[]
  }): Promise<boolean>
  /** Deletes topics. `timeout`: how long the broker may take, ms; default 5000. */
  deleteTopics(options: { topics: string[]; timeout?: number }): Promise<void>
  /** Adds partitions. Resolves with `undefined` at run time, as in kafkajs. */
  createPartitions(options: {
    /** Only check. Default `false`. */
    validateOnly?: boolean
    /** How long the broker may take, ms. Default 5000. */
    timeout?: number
    /** Topics to enlarge; no name twice. */
    topicPartitions: ITopicPartitionConfig[]
  }): Promise<boolean>
  /** Partitions of these topics; without any, of all. */
  fetchTopicMetadata(options?: { topics: string[] }): Promise<{ topics: Array<ITopicMetadata> }>
  /** Committed offsets of a group: of these topics, or of all. */
  fetchOffsets(options: {
    /** Id of the group. Not empty. */
    groupId: string
    /** Topics to look at. Default: all that the group has offsets of. */
    topics?: string[]
    /** Turns a committed -1 or -2 into an offset and commits that. Default `false`. */
    resolveOffsets?: boolean
  }): Promise<Array<{ topic: string; partitions: FetchOffsetsPartition[] }>>
  /** Earliest and latest offset of each partition. */
  fetchTopicOffsets(topic: string): Promise<Array<SeekEntry & { high: string; low: string }>>
  /** Of each partition the first offset not before `timestamp`, ms since the epoch; the latest if there is none. */
  fetchTopicOffsetsByTimestamp(topic: string, timestamp?: number): Promise<Array<SeekEntry>>
  /** Brokers, controller and id of the cluster. */
  describeCluster(): Promise<{
    /** All brokers. */
    brokers: Array<{ nodeId: number; host: string; port: number }>
    /** Node id of the controller; `null` if there is none. */
    controller: number | null
    /** Id of the cluster. */
    clusterId: string
  }>
  /** Commits offsets for a group that has no running members. */
  setOffsets(options: { groupId: string; topic: string; partitions: SeekEntry[] }): Promise<void>
  /** Moves a group that has no running members to the latest offsets of a topic, or to the earliest. */
  resetOffsets(options: { groupId: string; topic: string; earliest: boolean }): Promise<void>
  /** Configs of topics and brokers. */
  describeConfigs(configs: {
    /** Topics and brokers to describe. */
    resources: ResourceConfigQuery[]
    /** Default `false`. */
    includeSynonyms: boolean
  }): Promise<DescribeConfigResponse>
  /** Replaces the configs of topics and brokers: what is not named goes back to its default. */
  alterConfigs(configs: { validateOnly: boolean; resources: IResourceConfig[] }): Promise<any>
  /** All groups. */
  listGroups(): Promise<{ groups: GroupOverview[] }>
  /**
   * Deletes groups that have no members.
   *
   * @throws KafkaJSDeleteGroupsError (rejection) that says in `groups` which could not be deleted
   */
  deleteGroups(groupIds: string[]): Promise<DeleteGroupsResult[]>
  /** Members and state of groups. */
  describeGroups(groupIds: string[]): Promise<GroupDescriptions>
  /** ACLs that match. */
  describeAcls(options: AclFilter): Promise<DescribeAclResponse>
  /** Deletes the ACLs that match one of the filters. */
  deleteAcls(options: { filters: AclFilter[] }): Promise<DeleteAclResponse>
  /** Creates ACLs. Resolves with `true`. */
  createAcls(options: { acl: AclEntry[] }): Promise<boolean>
  /**
   * Deletes the records before an offset of each partition; offset `'-1'` is all of them.
   *
   * @throws KafkaJSDeleteTopicRecordsError (rejection) that says in `partitions` which failed
   */
  deleteTopicRecords(options: { topic: string; partitions: SeekEntry[] }): Promise<void>
  /** Moves partitions to other brokers. */
  alterPartitionReassignments(request: {
    /** Partitions to move, by topic. */
    topics: PartitionReassignment[]
    /** How long the broker may take, ms. Default 5000. */
    timeout?: number
  }): Promise<void>
  /** Partitions that are being moved: of these topics, or of all. */
  listPartitionReassignments(request: {
    /** Topics to look at. Default: all. */
    topics?: TopicPartitions[]
    /** How long the broker may take, ms. Default 5000. */
    timeout?: number
  }): Promise<ListPartitionReassignmentsResponse>
  /** Logger of this admin. */
  logger(): Logger
  /**
   * Listens to an event.
   *
   * @returns a function that stops it
   * @throws KafkaJSNonRetriableError if there is no such event
   */
  on(
    eventName: AdminEvents['CONNECT'],
    listener: (event: ConnectEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: AdminEvents['DISCONNECT'],
    listener: (event: DisconnectEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: AdminEvents['REQUEST'],
    listener: (event: RequestEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: AdminEvents['REQUEST_QUEUE_SIZE'],
    listener: (event: RequestQueueSizeEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: AdminEvents['REQUEST_TIMEOUT'],
    listener: (event: RequestTimeoutEvent) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  on(
    eventName: ValueOf<AdminEvents>,
    listener: (event: InstrumentationEvent<any>) => void
  ): RemoveInstrumentationEventListener<typeof eventName>
  /** Names of the events. */
  readonly events: AdminEvents
}

// Events

/** What listeners get. */
export interface InstrumentationEvent<T> {
  /** Position among the events of the process that had a listener; a number at run time, as in kafkajs. */
  id: string
  /** Name of the event. */
  type: string
  /** When it was emitted, ms since the epoch. */
  timestamp: number
  /** What there is to tell. */
  payload: T
}

/** Ends a listener. */
// biome-ignore lint/correctness/noUnusedVariables: programs name this type with the parameter kafkajs gave it
export type RemoveInstrumentationEventListener<T> = () => void

/** A client connected. The payload is `undefined` at run time, as in kafkajs. */
export type ConnectEvent = InstrumentationEvent<null>

/** A client disconnected. The payload is `undefined` at run time, as in kafkajs. */
export type DisconnectEvent = InstrumentationEvent<null>

/** A request was answered. */
export type RequestEvent = InstrumentationEvent<{
  /** Number of the API, e.g. 0 for Produce. */
  apiKey: number
  /** Name of the API, e.g. `Produce`. */
  apiName: string
  /** Version of the API that was spoken. */
  apiVersion: number
  /** `host:port` */
  broker: string
  /** The option `clientId` of the client. */
  clientId: string
  /** Number of the request on its connection. */
  correlationId: number
  /** ms since the epoch */
  createdAt: number
  /** From sending to the answer, ms. */
  duration: number
  /** From creation to sending, ms. */
  pendingDuration: number
  /** ms since the epoch */
  sentAt: number
  /** Of the answer, bytes. */
  size: number
}>

/** A request was not answered in time. */
export type RequestTimeoutEvent = InstrumentationEvent<{
  /** Number of the API, e.g. 0 for Produce. */
  apiKey: number
  /** Name of the API, e.g. `Produce`. */
  apiName: string
  /** Version of the API that was spoken. */
  apiVersion: number
  /** `host:port` */
  broker: string
  /** The option `clientId` of the client. */
  clientId: string
  /** Number of the request on its connection. */
  correlationId: number
  /** ms since the epoch */
  createdAt: number
  /** From creation to sending, ms. */
  pendingDuration: number
  /** ms since the epoch */
  sentAt: number
}>

/** Requests wait to be sent. */
export type RequestQueueSizeEvent = InstrumentationEvent<{
  /** `host:port` */
  broker: string
  /** The option `clientId` of the client. */
  clientId: string
  /** How many requests wait. */
  queueSize: number
}>

/** A heartbeat was answered. */
export type ConsumerHeartbeatEvent = InstrumentationEvent<{
  /** Id of the group. */
  groupId: string
  /** Id of the member, given by the coordinator. */
  memberId: string
  /** Generation of the group: goes up by one with each rebalance. */
  groupGenerationId: number
}>

/** Offsets were committed. */
export type ConsumerCommitOffsetsEvent = InstrumentationEvent<{
  /** Id of the group. */
  groupId: string
  /** Id of the member, given by the coordinator. */
  memberId: string
  /** Generation of the group: goes up by one with each rebalance. */
  groupGenerationId: number
  /** What was committed. After an automatic commit `partition` is a string at run time, as in kafkajs. */
  topics: TopicOffsets[]
}>

/** Partitions by topic. */
export interface IMemberAssignment {
  [key: string]: number[]
}

/** The consumer joined its group, or joined it again. */
export type ConsumerGroupJoinEvent = InstrumentationEvent<{
  /** ms */
  duration: number
  /** Id of the group. */
  groupId: string
  /** Whether this member leads the group, and assigns. */
  isLeader: boolean
  /** Id of the member that leads the group. */
  leaderId: string
  /** Name of the assigner in use. */
  groupProtocol: string
  /** Id of the member, given by the coordinator. */
  memberId: string
  /** Partitions by topic. */
  memberAssignment: IMemberAssignment
}>

/** A fetch begins. */
export type ConsumerFetchStartEvent = InstrumentationEvent<{ nodeId: number }>

/** A fetch was answered. */
export type ConsumerFetchEvent = InstrumentationEvent<{
  /** Always 0 at run time, as in kafkajs. */
  numberOfBatches: number
  /** ms */
  duration: number
  /** Node id of the broker; a string at run time, as in kafkajs. */
  nodeId: number
}>

/** A batch on its way through the handlers. */
interface IBatchProcessEvent {
  /** Topic of the batch. */
  topic: string
  /** Partition of the batch. */
  partition: number
  /** Offset after the last message of the partition. */
  highWatermark: string
  /** How many offsets of the partition follow the last of the batch. */
  offsetLag: string
  /** How many offsets of the partition follow the first of the batch. */
  offsetLagLow: string
  /** Number of messages. */
  batchSize: number
  /** Offset of the first message. */
  firstOffset: string
  /** Offset of the last message. */
  lastOffset: string
}

/** A batch is about to be processed. */
export type ConsumerStartBatchProcessEvent = InstrumentationEvent<IBatchProcessEvent>

/** A batch was processed. `duration` in ms. */
export type ConsumerEndBatchProcessEvent = InstrumentationEvent<
  IBatchProcessEvent & { duration: number }
>

/** The consumer stopped because of an error. */
export type ConsumerCrashEvent = InstrumentationEvent<{
  /** Why. */
  error: Error
  /** Id of the group. */
  groupId: string
  /** Whether it will start again by itself. */
  restart: boolean
}>

/** The group rebalances; the consumer will join again. */
export type ConsumerRebalancingEvent = InstrumentationEvent<{
  /** Id of the group. */
  groupId: string
  /** Id of the member, given by the coordinator. */
  memberId: string
}>

/** The leader assigned topics that the consumer did not subscribe to; they are ignored. */
export type ConsumerReceivedUnsubcribedTopicsEvent = InstrumentationEvent<{
  /** Id of the group. */
  groupId: string
  /** Generation of the group: goes up by one with each rebalance. */
  generationId: number
  /** Id of the member, given by the coordinator. */
  memberId: string
  /** All topics that were assigned. */
  assignedTopics: string[]
  /** Topics that the consumer subscribed to. */
  topicsSubscribed: string[]
  /** Those of `assignedTopics` that it did not subscribe to. */
  topicsNotSubscribed: string[]
}>

// Logging

/** Levels of the logger. */
export enum logLevel {
  /** No entry. */
  NOTHING = 0,
  /** Something failed for good, or a handler threw. */
  ERROR = 1,
  /** Something is not as it should be, and is dealt with. */
  WARN = 2,
  /** Life of clients: joined, stopped, paused. */
  INFO = 4,
  /** Connections, requests, retries. */
  DEBUG = 5,
}

/** What a `logCreator`'s function gets. */
export interface LogEntry {
  /** Part of the library, e.g. `Consumer`; `undefined` at run time for the root logger. */
  namespace: string
  /** Level of the entry. */
  level: logLevel
  /** Name of the level. */
  label: string
  /** Text and fields. */
  log: LoggerEntryContent
}

/** A log entry's text and fields. */
export interface LoggerEntryContent {
  /** ISO 8601 */
  readonly timestamp: string
  /** The text. */
  readonly message: string
  [key: string]: any
}

/** Makes the function that log entries go to; called once, with the level in force. */
export type logCreator = (logLevel: logLevel) => (entry: LogEntry) => void

/** Writes log entries. */
export type Logger = {
  /** Writes at INFO. */
  info: (message: string, extra?: object) => void
  /** Writes at ERROR. */
  error: (message: string, extra?: object) => void
  /** Writes at WARN. */
  warn: (message: string, extra?: object) => void
  /** Writes at DEBUG. */
  debug: (message: string, extra?: object) => void

  /** A logger of another name; with a level of its own, if given. */
  namespace: (namespace: string, logLevel?: logLevel) => Logger
  /** Changes the level of all loggers of the same `Kafka` that have no level of their own. */
  setLogLevel: (logLevel: logLevel) => void
}

// Compression

/** Codecs of record batches. kafkajs-rs has all of them built in. */
export enum CompressionTypes {
  /** Not compressed. */
  None = 0,
  /** RFC 1952. */
  GZIP = 1,
  /** Raw Snappy; framed as Java does when it is read. */
  Snappy = 2,
  /** LZ4 frames. */
  LZ4 = 3,
  /** RFC 8878. */
  ZSTD = 4,
}

/**
 * Codec per compression type: a function that gives `{ compress(encoder), decompress(buffer) }`, both giving a
 * Buffer or a promise of one; `encoder.buffer` holds the bytes. Assign to replace one.
 */
export var CompressionCodecs: {
  /** Codec of GZIP. */
  [CompressionTypes.GZIP]: () => any
  /** Codec of Snappy. */
  [CompressionTypes.Snappy]: () => any
  /** Codec of LZ4. */
  [CompressionTypes.LZ4]: () => any
  /** Codec of ZSTD. */
  [CompressionTypes.ZSTD]: () => any
}

// Errors

/** Base of the errors. */
export class KafkaJSError extends Error {
  /** What went wrong. */
  readonly message: Error['message']
  /** Name of the class. */
  readonly name: string
  /** Whether the same call can succeed later. */
  readonly retriable: boolean
  /** A page about the problem. */
  readonly helpUrl?: string
  /** What led to this error. */
  readonly cause?: Error

  constructor(e: Error | string, metadata?: KafkaJSErrorMetadata)
}

/** Trying again is of no use. */
export class KafkaJSNonRetriableError extends KafkaJSError {
  constructor(e: Error | string, metadata?: { cause?: Error })
}

/** The broker answered with an error code. */
export class KafkaJSProtocolError extends KafkaJSError {
  /** The code; -99 for one that nobody knows. */
  readonly code: number
  /** Its name, e.g. `NOT_LEADER_FOR_PARTITION`. */
  readonly type: string
  /** Only kafkajs-rs: the broker's own text, if it sent one. */
  readonly brokerMessage?: string
  constructor(e: Error | string)
}

/** Several failures of one call. Not a KafkaJSError. */
export class KafkaJSAggregateError extends Error {
  /** The failures. */
  readonly errors: (Error | string)[]
  constructor(message: Error | string, errors: (Error | string)[])
}

/** A fetch asked for an offset that the partition does not have. */
export class KafkaJSOffsetOutOfRange extends KafkaJSProtocolError {
  /** Name of the topic. */
  readonly topic: string
  /** Number of the partition. */
  readonly partition: number
  constructor(e: Error | string, metadata?: KafkaJSOffsetOutOfRangeMetadata)
}

/** The replicas of one partition could not be moved. */
export class KafkaJSAlterPartitionReassignmentsError extends KafkaJSProtocolError {
  /** Name of the topic, if the failure is about one. */
  readonly topic?: string
  /** Number of the partition, if the failure is about one. */
  readonly partition?: number
  constructor(e: Error | string, topic?: string, partition?: number)
}

/** All attempts failed; `cause` is the last failure. */
export class KafkaJSNumberOfRetriesExceeded extends KafkaJSNonRetriableError {
  /** Stack of the last failure, below the name of the class. */
  readonly stack: string
  /** Attempts made after the first. */
  readonly retryCount: number
  /** Wait that would have come next, ms. */
  readonly retryTime: number
  constructor(e: Error | string, metadata?: KafkaJSNumberOfRetriesExceededMetadata)
}

/** A connection could not be opened, or broke. */
export class KafkaJSConnectionError extends KafkaJSError {
  /** `host:port` */
  readonly broker: string
  /** The system's code, e.g. `ECONNREFUSED`. */
  readonly code?: string
  constructor(e: Error | string, metadata?: KafkaJSConnectionErrorMetadata)
}

/** A connection was closed while requests waited for their answers. */
export class KafkaJSConnectionClosedError extends KafkaJSConnectionError {
  /** Host of the broker. */
  readonly host?: string
  /** Port of the broker. */
  readonly port?: number
  constructor(e: Error | string, metadata?: { host?: string; port?: number })
}

/** A request was not answered within `requestTimeout`. */
export class KafkaJSRequestTimeoutError extends KafkaJSError {
  /** `host:port` */
  readonly broker: string
  /** Number of the request on its connection. */
  readonly correlationId: number
  /** ms since the epoch */
  readonly createdAt: number
  /** ms since the epoch */
  readonly sentAt: number
  /** From creation to sending, ms. */
  readonly pendingDuration: number
  constructor(e: Error | string, metadata?: KafkaJSRequestTimeoutErrorMetadata)
}

/** Metadata was needed before it had been loaded. */
export class KafkaJSMetadataNotLoaded extends KafkaJSError {
  constructor(e?: Error | string)
}

/** Metadata of a topic was needed before it had been loaded. */
export class KafkaJSTopicMetadataNotLoaded extends KafkaJSMetadataNotLoaded {
  /** Name of the topic. */
  readonly topic: string
  constructor(e: Error | string, metadata?: KafkaJSTopicMetadataNotLoadedMetadata)
}

/** The group assigned partitions that this member's metadata does not know. */
export class KafkaJSStaleTopicMetadataAssignment extends KafkaJSError {
  /** Name of the topic. */
  readonly topic: string
  /** A list of numbers at run time, as in kafkajs. */
  readonly unknownPartitions: number
  constructor(e: Error | string, metadata?: KafkaJSStaleTopicMetadataAssignmentMetadata)
}

/** The broker does not speak an API. */
export class KafkaJSServerDoesNotSupportApiKey extends KafkaJSNonRetriableError {
  /** Number of the API, e.g. 0 for Produce. */
  readonly apiKey: number
  /** Name of the API, e.g. `Produce`. */
  readonly apiName: string
  constructor(e: Error | string, metadata?: KafkaJSServerDoesNotSupportApiKeyMetadata)
}

/** No broker with this id, or no broker at all. */
export class KafkaJSBrokerNotFound extends KafkaJSError {
  constructor(e?: Error | string)
}

/** A message was cut off. */
export class KafkaJSPartialMessageError extends KafkaJSNonRetriableError {
  constructor(e?: Error | string)
}

/** The broker refused the credentials, or they cannot be used. */
export class KafkaJSSASLAuthenticationError extends KafkaJSNonRetriableError {
  constructor(e?: Error | string)
}

/** A group has no coordinator. */
export class KafkaJSGroupCoordinatorNotFound extends KafkaJSNonRetriableError {
  constructor(e?: Error | string)
}

/** Something needs a part that nobody supplied. */
export class KafkaJSNotImplemented extends KafkaJSNonRetriableError {
  constructor(e?: Error | string)
}

/** Something did not happen in time. */
export class KafkaJSTimeout extends KafkaJSNonRetriableError {
  constructor(e?: Error | string)
}

/** A lock was not free in time. */
export class KafkaJSLockTimeout extends KafkaJSTimeout {
  constructor(e?: Error | string)
}

/** A message has a format that is not 0, 1 or 2. */
export class KafkaJSUnsupportedMagicByteInMessageSet extends KafkaJSNonRetriableError {
  constructor(e?: Error | string)
}

/** Some groups could not be deleted. */
export class KafkaJSDeleteGroupsError extends KafkaJSError {
  /** Groups that could not be deleted. */
  readonly groups: DeleteGroupsResult[]
  constructor(e: Error | string, groups?: KafkaJSDeleteGroupsErrorGroups[])
}

/** Records of some partitions could not be deleted. */
export class KafkaJSDeleteTopicRecordsError extends KafkaJSError {
  /** Partitions that failed. */
  readonly partitions?: KafkaJSDeleteTopicRecordsErrorPartition[]
  constructor(metadata: KafkaJSDeleteTopicRecordsErrorTopic)
}

/** The coordinator wants the next join to carry the member id it has given. */
export class KafkaJSMemberIdRequired extends KafkaJSProtocolError {
  /** The id to join with. */
  readonly memberId: string
  constructor(e: Error | string, metadata: { memberId: string })
}

/** One topic could not be created. */
export class KafkaJSCreateTopicError extends KafkaJSProtocolError {
  /** Name of the topic. */
  readonly topic: string
  constructor(e: Error | string, topicName: string)
}

/** The library caught itself in a state that must not be. */
export class KafkaJSInvariantViolation extends KafkaJSNonRetriableError {
  constructor(e: Error | string)
}

/** A variable-length integer was too long. Its `name` is `'KafkaJSNonRetriableError'`, as in kafkajs. */
export class KafkaJSInvalidVarIntError extends KafkaJSNonRetriableError {}

/** A variable-length 64-bit integer was too long. Its `name` is `'KafkaJSNonRetriableError'`, as in kafkajs. */
export class KafkaJSInvalidLongError extends KafkaJSNonRetriableError {}

/** A fetcher stopped because its group rebalances. Not a KafkaJSError. */
export class KafkaJSFetcherRebalanceError extends Error {}

/** No broker is left to ask. */
export class KafkaJSNoBrokerAvailableError extends KafkaJSError {
  constructor()
}

/** A group that could not be deleted. */
export interface KafkaJSDeleteGroupsErrorGroups {
  /** Id of the group. */
  groupId: string
  /** Kafka error code; 0 is none. */
  errorCode: number
  /** Why. */
  error: KafkaJSError
}

/** Partitions whose records could not be deleted. */
export interface KafkaJSDeleteTopicRecordsErrorTopic {
  /** Name of the topic. */
  topic: string
  /** Partitions that failed. */
  partitions: KafkaJSDeleteTopicRecordsErrorPartition[]
}

/** A partition whose records could not be deleted. */
export interface KafkaJSDeleteTopicRecordsErrorPartition {
  /** Number of the partition. */
  partition: number
  /** The offset given. */
  offset: string
  /** Why. */
  error: KafkaJSError
}

/** Second argument of KafkaJSError. */
export interface KafkaJSErrorMetadata {
  /** Default `true`. */
  retriable?: boolean
  /** Not used. */
  topic?: string
  /** Not used. */
  partitionId?: number
  /** Not used. */
  metadata?: PartitionMetadata
  /** What led to the error. */
  cause?: Error
}

/** Second argument of KafkaJSOffsetOutOfRange. */
export interface KafkaJSOffsetOutOfRangeMetadata {
  /** Name of the topic. */
  topic: string
  /** Number of the partition. */
  partition: number
}

/** Second argument of KafkaJSNumberOfRetriesExceeded. */
export interface KafkaJSNumberOfRetriesExceededMetadata {
  /** Attempts made after the first. */
  retryCount: number
  /** ms */
  retryTime: number
}

/** Second argument of KafkaJSConnectionError. */
export interface KafkaJSConnectionErrorMetadata {
  /** `host:port` */
  broker?: string
  /** The system's code, e.g. `ECONNREFUSED`. */
  code?: string
}

/** Second argument of KafkaJSRequestTimeoutError. */
export interface KafkaJSRequestTimeoutErrorMetadata {
  /** `host:port` */
  broker: string
  /** The option `clientId` of the client. */
  clientId: string
  /** Number of the request on its connection. */
  correlationId: number
  /** ms since the epoch */
  createdAt: number
  /** ms since the epoch */
  sentAt: number
  /** From creation to sending, ms. */
  pendingDuration: number
}

/** Second argument of KafkaJSTopicMetadataNotLoaded. */
export interface KafkaJSTopicMetadataNotLoadedMetadata {
  /** Name of the topic. */
  topic: string
}

/** Second argument of KafkaJSStaleTopicMetadataAssignment. */
export interface KafkaJSStaleTopicMetadataAssignmentMetadata {
  /** Name of the topic. */
  topic: string
  /** Partitions that are not known; numbers at run time. */
  unknownPartitions: PartitionMetadata[]
}

/** Second argument of KafkaJSServerDoesNotSupportApiKey. */
export interface KafkaJSServerDoesNotSupportApiKeyMetadata {
  /** Number of the API, e.g. 0 for Produce. */
  apiKey: number
  /** Name of the API, e.g. `Produce`. */
  apiName: string
}

/**
 * Ours: the message of the diagnostics channel `kafkajs-rs:producer:send`, one per call of `send` or `sendBatch` whose
 * arguments were in order. Subscribe with `diagnostics_channel.tracingChannel('kafkajs-rs:producer:send')`.
 */
export interface ProducerSendMessage {
  /** The option `clientId`. */
  clientId: string
  /** Of the transaction the call belongs to; `null` outside of one. */
  transactionalId: string | null
  /** -1: all replicas in sync, 1: the leader, 0: nobody. */
  acks: number
  /** One of CompressionTypes; `undefined`: none. */
  compression: CompressionTypes | undefined
  /**
   * One entry per topic. The entries are the channel's own: a tracer that adds headers replaces `messages` at `start` by
   * copies. The messages are the caller's.
   */
  topicMessages: { topic: string; messages: Message[] }[]
  /** What the call resolves with, from `asyncStart` on. */
  result?: RecordMetadata[]
  /** What the call rejects with, from `error` on. */
  error?: Error
}

/**
 * Ours: the message of the diagnostics channel `kafkajs-rs:consumer:process`, one per call of `eachMessage` or
 * `eachBatch`. Subscribe with `diagnostics_channel.tracingChannel('kafkajs-rs:consumer:process')`.
 */
export interface ConsumerProcessMessage {
  /** The option `clientId`. */
  clientId: string
  /** The consumer's group. */
  groupId: string
  /** Name of the topic. */
  topic: string
  /** Number of the partition. */
  partition: number
  /** What `eachMessage` is called with. */
  message?: KafkaMessage
  /** What `eachBatch` is called with. */
  batch?: Batch
  /** What the handler resolved with, from `asyncStart` on. */
  result?: unknown
  /** What the handler threw or rejected with, from `error` on. */
  error?: unknown
}
