'use strict'

/** Who may go on with a transaction: the last producer of an id, and the members that a group has now (KIP-447). */

const assert = require('node:assert/strict')
const test = require('node:test')
const {
  brokers,
  contract,
  createTopic,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
  withAdmin,
} = require('../harness')
const { committedOffsets, errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')

const FENCED = ['PRODUCER_FENCED', 'INVALID_PRODUCER_EPOCH']
const texts = read => read.map(({ value }) => `${value}`)

test('a producer whose id was taken over: every call says so, and nothing of it is stored', async t => {
  const topic = await createTopic(uniqueTopic())
  const options = { transactionalId: topic }
  const producer = await connectProducer(t, await brokers(), options)
  const transaction = await producer.transaction()
  const send = (to, value) => to.send({ topic, messages: [{ value }] })
  await send(transaction, 'of the first')

  const other = await connectProducer(t, await brokers(), options)
  const taken = await other.transaction()
  await send(taken, 'of the second')
  await taken.commit()

  const late = await errorOf(() => send(transaction, 'late'))
  assert.ok(FENCED.includes(late.type), `${late}`)
  assert.equal(late.retriable, false)
  const ended = await errorOf(() => transaction.commit())
  assert.ok(
    [ended.type, ended.cause?.type].some(type => FENCED.includes(type)),
    `${ended}`
  )
  const aborted = await errorOf(() => transaction.abort())
  assert.ok(FENCED.includes(aborted.type), `${aborted}`)
  for (const call of [() => send(transaction, 'later'), () => transaction.commit()]) {
    assert.equal((await errorOf(call)).type, aborted.type, 'it is of no more use, and says why')
  }
  // The one that took over is not disturbed by any of this.
  const next = await other.transaction()
  await send(next, 'of the second, again')
  await next.commit()
  assert.deepEqual(texts(await readTopic(await brokers(), topic)), [
    'of the second',
    'of the second, again',
  ])
})

test('sendOffsets with the metadata of the member: taken now, refused for an older generation', async t => {
  const topic = await createTopic(uniqueTopic())
  const groupId = uniqueGroup()
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 100 })
  t.after(() => consumer.disconnect())
  let beat
  consumer.on(consumer.events.HEARTBEAT, ({ payload }) => {
    beat = payload
  })
  await consumer.subscribe({ topics: [topic] })
  await consumer.run({ autoCommit: false, eachMessage: async () => {} })
  await waitFor(() => beat, { message: 'a heartbeat' })

  const producer = await connectProducer(t, await brokers(), { transactionalId: topic })
  const sendOffsets = (transaction, offset, generationId) =>
    transaction.sendOffsets({
      consumerGroupId: groupId,
      topics: [{ topic, partitions: [{ partition: 0, offset }] }],
      groupMetadata: { memberId: beat.memberId, generationId },
    })
  const transaction = await producer.transaction()
  await sendOffsets(transaction, '7', beat.groupGenerationId)
  await transaction.commit()

  const zombie = await producer.transaction()
  const error = await errorOf(() => sendOffsets(zombie, '3', beat.groupGenerationId - 1))
  assert.equal(error.type, 'ILLEGAL_GENERATION')
  await zombie.abort()
  const [{ partitions }] = await withAdmin(undefined, admin =>
    admin.fetchOffsets({ groupId, topics: [topic] })
  )
  assert.equal(partitions[0].offset, '7')
})

contract(
  '3.9 sendOffsets: a consumer of the same Kafka instance does not commit them again',
  async context => {
    const { kafka, topic, group, record } = context
    const client = kafka()
    const producer = client.producer({ transactionalId: `tx-${topic}` })
    await producer.connect()
    const messages = ['a', 'b', 'c'].map(value => ({ value }))
    await producer.send({ topic, messages })
    const consumer = client.consumer({ groupId: group })
    const commits = []
    consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => commits.push(payload.topics))
    await consumer.connect()
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    let handled = 0
    const processed = new Promise(resolve => {
      consumer.on(consumer.events.END_BATCH_PROCESS, () => {
        if (handled === messages.length) resolve()
      })
    })
    await consumer.run({
      // One transaction: kafkajs fails when the broker is not done with the one before.
      eachBatch: async ({ batch }) => {
        const transaction = await producer.transaction()
        const offset = String(Number(batch.lastOffset()) + 1)
        const topics = [{ topic, partitions: [{ partition: batch.partition, offset }] }]
        await transaction.sendOffsets({ consumerGroupId: group, topics })
        await transaction.commit()
        handled += batch.messages.length
      },
    })
    await within(30_000, processed, 'the messages')
    await consumer.disconnect()
    record('commits', commits)
    record('committed', await committedOffsets(context))
  }
)
