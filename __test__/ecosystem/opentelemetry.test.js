'use strict'

/** @opentelemetry/instrumentation-kafkajs: spans of both sides, linked; metrics from the REQUEST events. */

const assert = require('node:assert/strict')
const { before, test } = require('node:test')
const { brokers, createTopic, uniqueGroup, uniqueTopic, withAdmin } = require('../harness')
const { runProgram } = require('./scene')

const PRODUCER = 3
const CONSUMER = 4
const CLIENT = 2

let topics
let found
let clusterId

before(
  async () => {
    const names = ['topic', 'batchTopic', 'transactionTopic']
    const made = await Promise.all(names.map(() => createTopic(uniqueTopic())))
    topics = Object.fromEntries(names.map((name, index) => [name, made[index]]))
    clusterId = (await withAdmin(undefined, admin => admin.describeCluster())).clusterId
    found = await runProgram('opentelemetry.js', { ...topics, group: uniqueGroup() })
  },
  { timeout: 90_000 }
)

const spansNamed = name => found.spans.filter(span => span.name === name)
const withKind = (name, kind) => spansNamed(name).filter(span => span.kind === kind)
const parentOf = span => found.spans.find(({ spanId }) => spanId === span.parentId)

test('each message that is sent has a span below the user’s', () => {
  const [user] = spansNamed('sending')
  const spans = [topics.topic, topics.batchTopic].flatMap(topic =>
    withKind(`send ${topic}`, PRODUCER).filter(span => !span.isError)
  )
  assert.equal(spans.length, 5)
  for (const span of spans) {
    assert.equal(span.traceId, user.traceId)
    assert.equal(span.parentId, user.spanId)
    assert.equal(span.attributes['messaging.system'], 'kafka')
  }
  // Before the first send nothing is known of the cluster.
  for (const span of withKind(`send ${topics.batchTopic}`, PRODUCER)) {
    assert.equal(span.attributes['messaging.kafka.cluster.id'], clusterId)
  }
  const keys = spans.map(span => span.attributes['messaging.kafka.message.key']).filter(Boolean)
  assert.deepEqual(keys, ['k'])
})

test('a send that fails has a span with the class of the error', () => {
  const failed = spansNamed(`send ${topics.topic}`).filter(span => span.isError)
  assert.equal(found.failure, 'KafkaJSNonRetriableError')
  assert.deepEqual(
    failed.map(span => span.attributes['error.type']),
    ['KafkaJSNonRetriableError']
  )
})

test('the span of eachMessage is a child of the span that sent the message', () => {
  const spans = withKind(`process ${topics.topic}`, CONSUMER)
  assert.equal(spans.length, 3)
  for (const span of spans) {
    const parent = parentOf(span)
    assert.equal(parent.name, `send ${topics.topic}`)
    assert.equal(span.traceId, parent.traceId)
    assert.equal(span.attributes['messaging.kafka.cluster.id'], clusterId)
  }
  assert.deepEqual(spans.map(span => span.attributes['messaging.kafka.offset']).sort(), [
    '0',
    '1',
    '2',
  ])
  assert.equal(new Set(spans.map(span => span.parentId)).size, 3)
})

test('the span of eachMessage is the active one in the handler, after an await as well', () => {
  const spans = withKind(`process ${topics.topic}`, CONSUMER)
  assert.deepEqual(
    found.handled.map(({ noted }) => noted).sort(),
    spans.map(({ spanId }) => spanId).sort()
  )
  assert.ok(found.handled.every(({ headers }) => /^00-/.test(headers.traceparent)))
  assert.equal(found.handled.find(({ value }) => value === 'c').headers.origin, 'user')
})

test('eachBatch has a span, and one per message below it, linked to the one that sent it', () => {
  const receiving = withKind(`poll ${topics.batchTopic}`, CLIENT)
  const processing = withKind(`process ${topics.batchTopic}`, CONSUMER)
  const count = receiving.reduce(
    (sum, span) => sum + span.attributes['messaging.batch.message_count'],
    0
  )
  assert.equal(count, 2)
  assert.equal(processing.length, 2)
  const senders = withKind(`send ${topics.batchTopic}`, PRODUCER).map(({ spanId }) => spanId)
  assert.deepEqual(processing.flatMap(({ links }) => links).sort(), senders.sort())
  const parents = receiving.map(({ spanId }) => spanId)
  assert.ok(processing.every(({ parentId }) => parents.includes(parentId)))
  assert.ok(found.batches.every(({ noted }) => parents.includes(noted)))
})

test('sends of a transaction are below the transaction’s span', () => {
  const [transaction] = spansNamed('transaction')
  const sends = spansNamed(`send ${topics.transactionTopic}`)
  assert.equal(parentOf(transaction).name, 'in a transaction')
  assert.deepEqual(
    sends.map(({ parentId }) => parentId),
    [transaction.spanId, transaction.spanId]
  )
})

test('metrics count messages, and requests by name and broker', async () => {
  const pointsOf = name => found.measured.find(metric => metric.name === name).points
  const sum = points => points.reduce((total, { value }) => total + value, 0)
  const sentTo = topic =>
    sum(
      pointsOf('messaging.client.sent.messages').filter(
        ({ attributes }) =>
          attributes['messaging.destination.name'] === topic && !attributes['error.type']
      )
    )
  assert.equal(sentTo(topics.topic), 3)
  assert.equal(sentTo(topics.batchTopic), 2)
  assert.equal(sentTo(topics.transactionTopic), 2)
  assert.equal(sum(pointsOf('messaging.client.consumed.messages')), 5)
  assert.ok(sum(pointsOf('messaging.process.duration')) >= 4)

  const requests = pointsOf('messaging.client.operation.duration')
  const [host, port] = (await brokers())[0].split(':')
  for (const { attributes } of requests) {
    assert.equal(attributes['server.address'], host)
    assert.equal(attributes['server.port'], Number(port))
  }
  const names = new Set(requests.map(({ attributes }) => attributes['messaging.operation.name']))
  for (const name of ['ApiVersions', 'Metadata', 'Produce', 'Fetch', 'JoinGroup', 'OffsetCommit']) {
    assert.ok(names.has(name), `no duration of ${name} among ${[...names]}`)
  }
})
