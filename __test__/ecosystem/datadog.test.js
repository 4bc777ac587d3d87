'use strict'

/** dd-trace: its kafkajs plugin over our files, reporting to an agent of the test's. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { decode, decodeMulti } = require('@msgpack/msgpack')
const { createTopic, uniqueGroup, uniqueTopic, waitFor, withAdmin } = require('../harness')
const { startCollector } = require('./collector')
const { runProgram } = require('./scene')

let topics
let found
let agent
let group
let clusterId

before(
  async () => {
    const [topic, batchTopic] = await Promise.all([0, 1].map(() => createTopic(uniqueTopic())))
    topics = { topic, batchTopic }
    group = uniqueGroup()
    clusterId = (await withAdmin(undefined, admin => admin.describeCluster())).clusterId
    agent = await startCollector({
      answer: ({ path }) =>
        path === '/info'
          ? { version: '7.65.0', endpoints: ['/v0.4/traces', '/v0.1/pipeline_stats'] }
          : { rate_by_service: {} },
    })
    const env = {
      DD_TRACE_AGENT_URL: `http://127.0.0.1:${agent.port}`,
      DD_SERVICE: 'shop',
      DD_DATA_STREAMS_ENABLED: 'true',
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
      DD_REMOTE_CONFIGURATION_ENABLED: 'false',
      DD_CRASHTRACKING_ENABLED: 'false',
    }
    found = await runProgram('datadog.js', { ...topics, group }, { env })
  },
  { timeout: 90_000 }
)
after(() => agent?.close())

/** Ids are beyond what a number holds. */
const readSpans = () =>
  agent.received
    .filter(({ path }) => path === '/v0.4/traces')
    .flatMap(({ body }) => decode(body, { useBigInt64: true }))
    .flat()

const spansNamed = (name, topic) =>
  readSpans().filter(span => span.name === name && (topic === undefined || span.resource === topic))

test('each topic of each call has a span below the user’s, with offsets and the cluster', async () => {
  const spans = await waitFor(
    () => {
      const sends = spansNamed('kafka.produce')
      return sends.length === 4 && sends
    },
    { message: 'four kafka.produce' }
  )
  const [user] = spansNamed('sending')
  const good = spans.filter(({ error }) => Number(error) === 0)
  assert.deepEqual(good.map(({ resource }) => resource).sort(), [
    ...[topics.topic, topics.topic, topics.batchTopic].sort(),
  ])
  for (const span of good) {
    assert.equal(span.parent_id, user.span_id)
    assert.equal(span.meta['kafka.cluster_id'], clusterId)
    assert.equal(span.meta.component, 'kafkajs')
  }
  const offsets = good.map(({ meta }) => meta['kafka.messages.offsets']).sort()
  assert.deepEqual(
    offsets,
    ['0', '0', '2'].map(start => JSON.stringify([{ partition: 0, start_offset: start }]))
  )
})

test('a send that fails marks its span', async () => {
  const failed = spansNamed('kafka.produce').filter(({ error }) => Number(error) === 1)
  assert.equal(found.failure, 'KafkaJSNonRetriableError')
  assert.equal(failed.length, 1)
})

test('the span of eachMessage is a child of the one that sent, and active in the handler', async () => {
  const spans = await waitFor(
    () => {
      const consumed = spansNamed('kafka.consume', topics.topic)
      return consumed.length === 3 && consumed
    },
    { message: 'three kafka.consume' }
  )
  const senders = spansNamed('kafka.produce', topics.topic).map(({ span_id: id }) => id)
  assert.ok(spans.every(({ parent_id: parent }) => senders.includes(parent)))
  assert.deepEqual(
    found.handled.map(({ noted }) => noted).sort(),
    spans.map(({ span_id: id }) => String(id)).sort()
  )
  assert.ok(found.handled.every(({ headers }) => headers['x-datadog-trace-id']))
})

test('eachBatch has a span', async () => {
  const spans = await waitFor(
    () => {
      const consumed = spansNamed('kafka.consume', topics.batchTopic)
      return consumed.length === found.batches.length && consumed
    },
    { message: 'the spans of the batches' }
  )
  assert.deepEqual(
    found.batches.map(({ noted }) => noted).sort(),
    spans.map(({ span_id: id }) => String(id)).sort()
  )
})

test('data streams: what was produced and what was committed', async () => {
  const readBacklogs = () =>
    agent.received
      .filter(({ path }) => path === '/v0.1/pipeline_stats')
      .flatMap(({ body }) => [...decodeMulti(body, { useBigInt64: true })])
      .flatMap(({ Stats }) => Stats)
      .flatMap(({ Backlogs }) => Backlogs ?? [])
      .map(({ Tags, Value }) => ({ tags: Tags, value: Number(Value) }))
  const find = (...tags) =>
    readBacklogs()
      .filter(backlog => tags.every(tag => backlog.tags.includes(tag)))
      .map(({ value }) => value)
  const isCommitted = () =>
    Math.max(
      ...find(
        'type:kafka_commit',
        `topic:${topics.topic}`,
        `consumer_group:${group}-message`,
        'partition:0',
        `kafka_cluster_id:${clusterId}`
      )
    ) === 3
  await waitFor(isCommitted, { message: 'the committed offset 3' })
  const produced = find('type:kafka_produce', `topic:${topics.topic}`, 'partition:0')
  assert.ok(produced.length > 0)
  assert.ok(found.handled.every(({ headers }) => headers['dd-pathway-ctx-base64']))
})
