'use strict'

/** A program that is an ES module, under tracers that hook into what it imports. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { createTopic, uniqueGroup, uniqueTopic } = require('../harness')
const { startCollector } = require('./collector')
const { runProgram } = require('./scene')

const tracers = [
  { name: 'no tracer', nodeOptions: [], headers: [] },
  {
    name: 'OpenTelemetry',
    nodeOptions: ['--import', './programs/esm-opentelemetry.mjs'],
    headers: ['traceparent'],
  },
  {
    name: 'Datadog',
    nodeOptions: ['--import', 'dd-trace/initialize.mjs'],
    headers: ['x-datadog-trace-id'],
  },
  {
    name: 'Sentry',
    nodeOptions: ['--import', './programs/esm-sentry.mjs'],
    headers: ['sentry-trace', 'baggage'],
  },
]

for (const { name, nodeOptions, headers } of tracers) {
  test(`import { Kafka } from 'kafkajs', with ${name}`, { timeout: 90_000 }, async t => {
    const agent = await startCollector()
    t.after(() => agent.close())
    const [topic, batchTopic] = await Promise.all([0, 1].map(() => createTopic(uniqueTopic())))
    const env = {
      DD_TRACE_AGENT_URL: `http://127.0.0.1:${agent.port}`,
      DD_TRACE_STARTUP_LOGS: 'false',
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
      DD_REMOTE_CONFIGURATION_ENABLED: 'false',
      DD_CRASHTRACKING_ENABLED: 'false',
    }
    const settings = { topic, batchTopic, group: uniqueGroup() }
    const { failure, handled } = await runProgram('esm.mjs', settings, { env, nodeOptions })
    assert.equal(failure, 'KafkaJSNonRetriableError')
    assert.deepEqual(
      handled.map(({ value }) => value),
      ['a', 'b', 'c']
    )
    for (const message of handled) {
      for (const header of headers) assert.ok(message.headers[header], JSON.stringify(message))
    }
    if (headers.length === 0) assert.deepEqual(handled[0].headers, {})
  })
}
