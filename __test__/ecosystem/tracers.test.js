'use strict'

/**
 * Tracers that replace our files, rewrite their text as it loads, or wrap the clients: Sentry, New Relic, Elastic APM,
 * Instana. Each sees one and the same program (programs/traffic.js), through what it hooks.
 */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { brokers, createTopic, uniqueGroup, uniqueTopic } = require('../harness')
const { startCollector } = require('./collector')
const { runProgram } = require('./scene')

const OPTIONS = { timeout: 90_000 }

async function scene() {
  const [topic, batchTopic] = await Promise.all([0, 1].map(() => createTopic(uniqueTopic())))
  return { topic, batchTopic, group: uniqueGroup() }
}

const sorted = list => [...list].sort()

test('Sentry: sendBatch and run are found in the text of our files', OPTIONS, async () => {
  const settings = await scene()
  const { topic, batchTopic } = settings
  const { batches, handled, spans } = await runProgram('sentry.js', settings)
  const named = (name, status = 'ok') =>
    spans.filter(span => span.name === name && span.status === status)
  const idsOf = list => list.map(({ spanId }) => spanId)

  const [sending] = named('sending')
  const sends = named(`send ${topic}`)
  assert.equal(sends.length, 3)
  assert.ok(sends.every(({ parentId }) => parentId === sending.spanId))
  const [failed] = named(`send ${topic}`, 'error')
  assert.equal(failed.attributes['error.type'], 'KafkaJSNonRetriableError')

  const processed = named(`process ${topic}`)
  assert.deepEqual(sorted(processed.map(({ parentId }) => parentId)), sorted(idsOf(sends)))
  assert.deepEqual(sorted(handled.map(({ noted }) => noted)), sorted(idsOf(processed)))
  assert.ok(handled.every(({ headers }) => headers['sentry-trace'] && headers.baggage))

  const received = named(`receive ${batchTopic}`)
  assert.deepEqual(sorted(idsOf(received)), sorted(batches.map(({ noted }) => noted)))
  assert.deepEqual(
    sorted(named(`process ${batchTopic}`).flatMap(({ links }) => links)),
    sorted(idsOf(named(`send ${batchTopic}`)))
  )
})

test('New Relic: the constructor of Client is found in the text of our file', OPTIONS, async () => {
  const settings = await scene()
  const { topic } = settings
  const env = {
    NEW_RELIC_NO_CONFIG_FILE: 'true',
    NEW_RELIC_APP_NAME: 'shop',
    NEW_RELIC_LICENSE_KEY: '0'.repeat(40),
    NEW_RELIC_LOG_ENABLED: 'false',
    NEW_RELIC_FEATURE_FLAG_KAFKAJS_INSTRUMENTATION: 'true',
    // In this mode it traces without a collector.
    NEW_RELIC_SERVERLESS_MODE_ENABLED: 'true',
    NEW_RELIC_ACCOUNT_ID: '1',
    NEW_RELIC_TRUSTED_ACCOUNT_KEY: '1',
    NEW_RELIC_PRIMARY_APPLICATION_ID: '1',
  }
  const { handled, metrics, transactions } = await runProgram('newrelic.js', settings, { env })
  const consume = `OtherTransaction/Message/Kafka/Topic/Consume/Named/${topic}`
  const consumed = transactions.filter(({ name }) => name === consume)
  assert.deepEqual(sorted(handled.map(({ noted }) => noted)), sorted(consumed.map(({ id }) => id)))
  for (const { attributes } of consumed) {
    assert.deepEqual(attributes, {
      'kafka.consume.byteCount': 1,
      'kafka.consume.client_id': 'traced',
    })
  }
  const [sending] = transactions.filter(({ name }) => name.endsWith('/sending'))
  assert.ok(consumed.every(({ traceId }) => traceId === sending.traceId))

  const [broker] = await brokers()
  assert.deepEqual(
    [
      'Supportability/Features/Instrumentation/kafkajs/send',
      'Supportability/Features/Instrumentation/kafkajs/sendBatch',
      'Supportability/Features/Instrumentation/kafkajs/eachMessage',
      `MessageBroker/Kafka/Nodes/${broker}/Produce/${topic}`,
      `MessageBroker/Kafka/Nodes/${broker}/Consume/${topic}`,
      `Message/Kafka/Topic/Named/${topic}/Received/Messages`,
      `Message/Kafka/Topic/Named/${topic}/Received/Bytes`,
    ].map(name => metrics[name]),
    [2, 1, 3, 3, 3, 3, 3]
  )
})

test('Elastic APM: producers and consumers are wrapped', OPTIONS, async t => {
  const settings = await scene()
  const { topic, batchTopic } = settings
  const server = await startCollector()
  t.after(() => server.close())
  const env = { ELASTIC_APM_SERVER_URL: `http://127.0.0.1:${server.port}` }
  const { batches, handled } = await runProgram('elastic.js', settings, { env })
  const events = server.received
    .filter(({ path }) => path === '/intake/v2/events')
    .flatMap(({ body }) => String(body).split('\n'))
    .filter(line => line !== '')
    .map(line => JSON.parse(line))
  const named = (kind, name) =>
    events.map(event => event[kind]).filter(event => event?.name === name)

  const [sending] = named('transaction', 'sending')
  const sends = named('span', `Kafka SEND to ${topic}`)
  assert.deepEqual(sorted(sends.map(({ outcome }) => outcome)), ['failure', 'success'])
  const [batchSend] = named('span', 'Kafka SEND')
  const good = [...sends.filter(({ outcome }) => outcome === 'success'), batchSend]
  assert.ok(good.every(({ parent_id: parent }) => parent === sending.id))

  const received = named('transaction', `Kafka RECEIVE from ${topic}`)
  assert.deepEqual(sorted(handled.map(({ noted }) => noted)), sorted(received.map(({ id }) => id)))
  const senders = good.map(({ id }) => id)
  assert.ok(received.every(({ parent_id: parent }) => senders.includes(parent)))
  assert.ok(received.every(({ context }) => Number.isInteger(context.message.age.ms)))
  const inBatches = named('transaction', `Kafka RECEIVE from ${batchTopic}`)
  assert.deepEqual(sorted(batches.map(({ noted }) => noted)), sorted(inBatches.map(({ id }) => id)))
  assert.ok(inBatches.every(({ links }) => links[0].span_id === batchSend.id))
})

test('Instana: messageProducer.js and runner.js are replaced', OPTIONS, async t => {
  const settings = await scene()
  const { topic, batchTopic } = settings
  const kafkaSpans = () =>
    agent.received
      .filter(({ path }) => path.includes('/traces.'))
      .flatMap(({ body }) => JSON.parse(body))
      .filter(({ n }) => n === 'kafka')
  const answer = ({ path, body }) => {
    if (path === '/') return { version: '1.1.999' }
    if (path === '/kafka-spans') return { spans: kafkaSpans().length }
    if (path.endsWith('.discovery')) return { pid: JSON.parse(body).pid, agentUuid: 'agent' }
    return []
  }
  const agent = await startCollector({ answer })
  t.after(() => agent.close())
  const env = { INSTANA_AGENT_HOST: '127.0.0.1', INSTANA_AGENT_PORT: `${agent.port}` }
  const { batches, handled } = await runProgram('instana.js', settings, { env })

  const spans = kafkaSpans()
  const described = spans
    .filter(({ data }) => data.kafka.access === 'send')
    .map(({ b, data, ec }) => ({ to: data.kafka.service, messages: b.s, errors: ec }))
  const byTopic = (one, other) => one.to.length - other.to.length || one.errors - other.errors
  assert.deepEqual(described.sort(byTopic), [
    { to: topic, messages: 2, errors: 0 },
    { to: topic, messages: 1, errors: 1 },
    { to: `${topic},${batchTopic}`, messages: 3, errors: 0 },
  ])
  const consumed = spans.filter(({ data }) => data.kafka.access === 'consume')
  const senders = spans.filter(({ data }) => data.kafka.access === 'send').map(({ s }) => s)
  assert.deepEqual(
    sorted(consumed.map(({ s }) => s)),
    sorted([...handled, ...batches].map(({ noted }) => noted))
  )
  assert.ok(consumed.every(({ p }) => senders.includes(p)))
  // It removes its own headers before the handler sees them, and only those.
  assert.deepEqual(
    handled.map(({ headers }) => headers),
    [{}, {}, { origin: 'user' }]
  )
})
