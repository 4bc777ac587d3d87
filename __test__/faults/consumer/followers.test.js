'use strict'

/** Reading from the replica that is nearest (KIP-392). */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const {
  createTopic,
  reference,
  startThree,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  withAdmin,
} = require('../../harness')

let cluster

before(async () => {
  cluster = await startThree({
    overrides: {
      'replica.selector.class': 'org.apache.kafka.common.replica.RackAwareReplicaSelector',
    },
  })
})

after(() => cluster?.stop())

test('the nearest replica is read, and the leader again when it is gone', {
  timeout: 120_000,
}, async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 1, on: cluster.brokers })
  const leader = await withAdmin(cluster.brokers, async admin => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions[0].leader
  })
  const follower = [1, 2, 3].find(node => node !== leader)

  const { Kafka } = reference.load()
  const producer = new Kafka({ brokers: cluster.brokers, logLevel: 0 }).producer()
  await producer.connect()
  t.after(() => producer.disconnect())
  let sent = 0
  const send = async count => {
    for (let index = 0; index < count; index++) {
      await producer.send({ topic, messages: [{ value: `${sent++}` }] })
    }
  }

  const logs = []
  const ours = subject.load()
  const kafka = new ours.Kafka({
    brokers: cluster.brokers,
    logCreator: () => entry => logs.push(entry),
  })
  const consumer = kafka.consumer({
    groupId: uniqueGroup(),
    rackId: `r${follower}`,
    maxWaitTimeInMs: 200,
    metadataMaxAge: 60_000,
  })
  t.after(() => consumer.disconnect())
  const seen = []
  const fetches = new Map()
  consumer.on(consumer.events.REQUEST, ({ payload }) => {
    if (payload.apiName !== 'Fetch') return
    fetches.set(payload.broker, (fetches.get(payload.broker) ?? 0) + 1)
  })
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => seen.push(String(message.value)) })

  await send(20)
  await waitFor(() => seen.length === sent)
  const news = () =>
    logs.filter(({ log }) => log.message === `Preferred read replica is now ${follower}`)
  await waitFor(() => news().length === 1)
  assert.deepEqual([news()[0].label, news()[0].namespace], ['INFO', 'ConsumerGroup'])
  fetches.clear()
  await send(20)
  await waitFor(() => seen.length === sent)
  assert.equal(fetches.size, 1, 'only the follower is asked')

  await cluster.kill(follower)
  await send(20)
  await waitFor(() => seen.length === sent, { deadline: 60_000 })
  assert.deepEqual(
    seen,
    Array.from({ length: sent }, (_, index) => `${index}`)
  )
})
