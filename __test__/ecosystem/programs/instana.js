'use strict'

const instana = require('@instana/collector')({
  serviceName: 'shop',
  reportUncaughtException: false,
  tracing: { transmissionDelay: 50 },
})

const kafkajs = require('kafkajs')
const { report, traffic } = require('./traffic')

const READY_DEADLINE_MS = 30_000

/** A task in an entry span of the user's. */
async function inSpan(name, task) {
  await instana.sdk.async.startEntrySpan(name)
  try {
    return await task()
  } finally {
    instana.sdk.async.completeEntrySpan()
  }
}

/** Until the agent has answered there are no spans. */
async function ready() {
  const end = Date.now() + READY_DEADLINE_MS
  const hasSpan = () => inSpan('ready', async () => instana.currentSpan().getSpanId() != null)
  while (!(await hasSpan())) {
    if (Date.now() > end) throw new Error('Instana has not connected to the agent')
    await new Promise(resolve => setTimeout(resolve, 20))
  }
}

/** Until the agent has so many spans of Kafka: what is not yet there when the process ends never comes. */
async function transmitted(count) {
  const end = Date.now() + READY_DEADLINE_MS
  const { INSTANA_AGENT_HOST: host, INSTANA_AGENT_PORT: port } = process.env
  for (;;) {
    const response = await fetch(`http://${host}:${port}/kafka-spans`)
    const { spans } = await response.json()
    if (spans >= count) return
    if (Date.now() > end) throw new Error(`The agent has ${spans} of ${count} spans`)
    await new Promise(resolve => setTimeout(resolve, 50))
  }
}

async function main() {
  await ready()
  const seen = await traffic(kafkajs, {
    inSpan,
    inHandler: () => instana.currentSpan().getSpanId(),
  })
  const calls = 3
  await transmitted(calls + seen.handled.length + seen.batches.length)
  report(seen)
}

main()
