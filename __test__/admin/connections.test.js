'use strict'

/** What becomes of a call when its connection breaks, stalls or is slow. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { startProxied, subject, uniqueTopic, waitFor, withAdmin } = require('../harness')
const { outcomeOf } = require('./outcome')

let proxied
before(async () => {
  proxied = await startProxied()
})
after(() => proxied?.stop())

async function withAdminBehindProxy(settings, task) {
  const [proxy] = proxied.proxies
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: proxied.brokers, logLevel: logLevel.NOTHING, ...settings })
  const admin = kafka.admin()
  await admin.connect()
  try {
    return await task(admin, proxy)
  } finally {
    proxy.pass()
    await admin.disconnect()
  }
}

const exists = topic =>
  withAdmin(proxied.cluster.brokers, async admin => (await admin.listTopics()).includes(topic))

test('createTopics: leaders that do not come in time', async () => {
  await withAdminBehindProxy({}, async (admin, proxy) => {
    // The broker makes the topic within the timeout; its answers take longer than that to arrive.
    proxy.delay(300)
    const call = () => admin.createTopics({ topics: [{ topic: uniqueTopic() }], timeout: 250 })
    const { error } = await outcomeOf(call)
    assert.deepEqual(
      [error.class, error.message, error.retriable],
      ['KafkaJSTimeout', 'Timed out while waiting for topic leaders', false]
    )
  })
})

test('createTopics is not asked twice when its answer is lost', async () => {
  await withAdminBehindProxy({}, async (admin, proxy) => {
    const topic = uniqueTopic()
    // Time enough to cut the line between what the broker does and what it says.
    proxy.delay(1500, 'toClient')
    const call = outcomeOf(() => admin.createTopics({ topics: [{ topic }] }))
    await waitFor(() => exists(topic), { message: 'the topic' })
    proxy.cut()
    proxy.pass()

    // A second request would have been told that the topic exists: `false`.
    const { error } = await call
    assert.ok(['KafkaJSConnectionError', 'KafkaJSConnectionClosedError'].includes(error?.class))
  })
})

test('what only reads is asked again on a new connection', { skip: standIn() }, async () => {
  await withAdminBehindProxy({}, async (admin, proxy) => {
    const topic = uniqueTopic()
    await admin.createTopics({ topics: [{ topic }] })
    const calls = {
      listTopics: () => admin.listTopics(),
      fetchTopicMetadata: () => admin.fetchTopicMetadata({ topics: [topic] }),
      fetchTopicOffsets: () => admin.fetchTopicOffsets(topic),
      fetchOffsets: () => admin.fetchOffsets({ groupId: topic, topics: [topic] }),
      describeGroups: () => admin.describeGroups([topic]),
      listGroups: () => admin.listGroups(),
      describeConfigs: () => admin.describeConfigs({ resources: [{ type: 2, name: topic }] }),
      describeCluster: () => admin.describeCluster(),
    }
    for (const [name, call] of Object.entries(calls)) {
      proxy.halfOpen('toClient')
      const held = () => [...proxy.connections].some(({ flows }) => flows[1].queuedBytes > 0)
      const outcome = outcomeOf(call)
      await waitFor(held, { message: 'an answer that is held back' })
      proxy.cut()
      proxy.pass()
      const { error } = await outcome
      assert.equal(error, undefined, `${name}: ${error?.message}`)
    }
  })
})

test('disconnect does not wait for a call that hangs', async () => {
  await withAdminBehindProxy({}, async (admin, proxy) => {
    await admin.describeCluster()
    proxy.halfOpen()
    const call = outcomeOf(() => admin.listTopics())
    const started = Date.now()
    await admin.disconnect()
    const took = Date.now() - started
    assert.ok(took < 7000, `${took} ms`)
    const { error } = await call
    assert.ok(error, 'the call is rejected')
  })
})

function standIn() {
  return subject.isStandIn && 'kafkajs rejects'
}
