'use strict'

/** Transactions: section 3.9 of kafkajs' behaviour, on a real broker. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { brokers, contract, createTopic, uniqueGroup, uniqueTopic } = require('../harness')
const { committedOffsets, errorOf } = require('../contract/observe')
const { connectProducer } = require('./clients')
const { readTopic } = require('./readTopic')

async function transactionalProducer({ kafka, topic }, options) {
  const producer = kafka().producer({ transactionalId: `tx-${topic}`, ...options })
  await producer.connect()
  return producer
}

const describe = error => [error.constructor.name, error.message, error.code, error.retriable]
const texts = read => read.map(({ value }) => `${value}`)

const STATE = /^Cannot continue|state exception/

contract('3.9 transaction: own members, in order', async context => {
  const producer = await transactionalProducer(context)
  const transaction = await producer.transaction()
  context.record('members', Object.keys(transaction))
  context.record('isActive', transaction.isActive())
  await transaction.abort()
  context.record('isActive', transaction.isActive())
})

contract('3.9 no transactional id', async context => {
  const producer = context.kafka().producer()
  await producer.connect()
  context.record('error', await errorOf(() => producer.transaction()))
})

contract(
  '3.9 no transactional id: said before anything is asked',
  { partitions: 0 },
  async context => {
    for (const transactionalId of [undefined, null, '']) {
      const producer = context.kafka({ brokers: ['127.0.0.1:1'] }).producer({ transactionalId })
      context.record('error', await errorOf(() => producer.transaction()))
    }
  }
)

contract('3.9 one transaction at a time', async context => {
  const producer = await transactionalProducer(context)
  const first = await producer.transaction()
  context.record('second', await errorOf(() => producer.transaction()))
  await first.commit()
  const second = await producer.transaction()
  context.record('active', [first.isActive(), second.isActive()])
  await second.abort()
})

contract('3.9 transaction works before connect, its sends do not', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer({ transactionalId: `tx-${topic}` })
  const transaction = await producer.transaction()
  record('active', transaction.isActive())
  record('send', await errorOf(() => transaction.send({ topic, messages: [{ value: 'v' }] })))
  await producer.connect()
  record('sent', (await transaction.send({ topic, messages: [{ value: 'v' }] })).length)
  record('commit', await transaction.commit())
})

for (const end of ['commit', 'abort']) {
  contract(`3.9 ${end}: what was sent and what is seen`, { partitions: 2 }, async context => {
    const { topic, record } = context
    const producer = await transactionalProducer(context)
    const transaction = await producer.transaction()
    const [sent] = await transaction.send({ topic, messages: [{ value: 'a', partition: 0 }] })
    record('sent', sent)
    await transaction.sendBatch({
      topicMessages: [
        {
          topic,
          messages: [
            { value: 'b', partition: 0 },
            { value: 'c', partition: 1 },
          ],
        },
      ],
    })
    record('end', await transaction[end]())
    record('committed', texts(await readTopic(context.brokers, topic)).sort())
    const all = await readTopic(context.brokers, topic, { readUncommitted: true })
    record('all', texts(all).sort())
  })

  contract(`3.9 ${end} of an empty transaction`, async context => {
    const producer = await transactionalProducer(context)
    for (let i = 0; i < 2; i++) {
      const transaction = await producer.transaction()
      context.record('end', await transaction[end]())
      context.record('active', transaction.isActive())
    }
  })

  contract(`3.9 after ${end} nothing can be done with it`, async context => {
    const { topic, group, record } = context
    const producer = await transactionalProducer(context)
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'v' }] })
    await transaction[end]()
    const offsets = { consumerGroupId: group, topics: [] }
    record('send', await errorOf(() => transaction.send({ topic, messages: [{ value: 'v' }] })))
    record('sendBatch', await errorOf(() => transaction.sendBatch({ topicMessages: [] })))
    record('sendOffsets', await errorOf(() => transaction.sendOffsets(offsets)))
    record('commit', await errorOf(() => transaction.commit()))
    record('abort', await errorOf(() => transaction.abort()))
    // Not even with what would be refused: its end is said first.
    record('bad send', await errorOf(() => transaction.send({})))
    record('bad offsets', await errorOf(() => transaction.sendOffsets({})))
  })

  contract(`3.9 ${end} twice at once`, async context => {
    const { topic, record } = context
    const producer = await transactionalProducer(context)
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'v' }] })
    const outcomes = await Promise.allSettled([transaction[end](), transaction[end]()])
    record(
      'outcomes',
      outcomes.map(({ status, reason }) => [status, reason && describe(reason)])
    )
    record('next', (await producer.transaction()).isActive())
  })
}

contract('3.9 send: checks are those of an idempotent producer', async context => {
  const { topic, record } = context
  const producer = await transactionalProducer(context)
  const transaction = await producer.transaction()
  for (const bad of [
    {},
    { topic },
    { topic, acks: 1, messages: [] },
    { topic, acks: 0, messages: [{ value: 'v' }] },
    { topic, messages: [{}] },
    { topic, messages: [{ value: 5 }] },
  ]) {
    record('error', describe(await errorOf(() => transaction.send(bad))))
  }
  record('still active', transaction.isActive())
  record('sent', (await transaction.send({ topic, messages: [{ value: 'v' }] })).length)
  await transaction.commit()
  record('stored', texts(await readTopic(context.brokers, topic)))
})

contract('3.9 sendOffsets: what is missing', async context => {
  const { group, record } = context
  const producer = await transactionalProducer(context)
  const transaction = await producer.transaction()
  for (const bad of [
    {},
    { topics: [] },
    { consumerGroupId: group },
    { consumerGroupId: '', topics: [] },
  ]) {
    const error = await errorOf(() => transaction.sendOffsets(bad))
    record('error', [error.name, error.code, error.message, error.actual, error.expected])
  }
  record('still active', transaction.isActive())
  await transaction.abort()
})

for (const end of ['commit', 'abort']) {
  contract(`3.9 sendOffsets and ${end}`, { partitions: 2 }, async context => {
    const { topic, group, record } = context
    const producer = await transactionalProducer(context)
    const commit = async offset => {
      const transaction = await producer.transaction()
      await transaction.send({ topic, messages: [{ value: 'v', partition: 0 }] })
      const partitions = [
        { partition: 0, offset },
        { partition: 1, offset: String(Number(offset) + 1), metadata: 'noted' },
      ]
      const topics = [{ topic, partitions }]
      record('sent', await transaction.sendOffsets({ consumerGroupId: group, topics }))
      return transaction
    }
    await (await commit('5')).commit()
    record('committed', await committedOffsets(context))
    await (await commit('9'))[end]()
    record('committed', await committedOffsets(context))
  })
}

contract('3.9 sendOffsets alone is a transaction, too', async context => {
  const { topic, group, record } = context
  const producer = await transactionalProducer(context)
  const transaction = await producer.transaction()
  const topics = [{ topic, partitions: [{ partition: 0, offset: '3' }] }]
  await transaction.sendOffsets({ consumerGroupId: group, topics })
  await transaction.commit()
  record('committed', await committedOffsets(context))
})

contract('3.9 producer.send is an ordinary one, at any time', async context => {
  const { topic, record } = context
  const producer = await transactionalProducer(context)
  await producer.send({ topic, messages: [{ value: 'before' }] })
  const transaction = await producer.transaction()
  await producer.send({ topic, acks: 1, messages: [{ value: 'beside' }] })
  await transaction.send({ topic, messages: [{ value: 'inside' }] })
  await transaction.abort()
  await producer.send({ topic, messages: [{ value: 'after' }] })
  record('seen', texts(await readTopic(context.brokers, topic)))
})

contract('3.9 the next producer of the same id ends what the last one left open', async context => {
  const { topic, record } = context
  const left = await transactionalProducer(context)
  const open = await left.transaction()
  await open.send({ topic, messages: [{ value: 'left open' }] })

  const next = await transactionalProducer(context)
  const transaction = await next.transaction()
  await transaction.send({ topic, messages: [{ value: 'of the next' }] })
  await transaction.commit()
  record('seen', texts(await readTopic(context.brokers, topic)))

  const fenced = await errorOf(() => open.send({ topic, messages: [{ value: 'late' }] }))
  record('fenced', [fenced.constructor.name, fenced.retriable])
  await errorOf(() => open.commit())
  record('seen', texts(await readTopic(context.brokers, topic)))
})

contract('3.9 connect again, and go on with transactions', async context => {
  const { topic, record } = context
  const producer = await transactionalProducer(context)
  for (const value of ['a', 'b']) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value }] })
    await transaction.commit()
    await producer.disconnect()
    await producer.connect()
  }
  record('seen', texts(await readTopic(context.brokers, topic)))
})

contract('3.9 a send that is refused does not end the transaction', async context => {
  const { topic, record } = context
  const producer = await transactionalProducer(context, { retry: { retries: 1 } })
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ value: 'a' }] })
  const large = 'x'.repeat(2_000_000)
  record(
    'error',
    describe(await errorOf(() => transaction.send({ topic, messages: [{ value: large }] })))
  )
  record('active', transaction.isActive())
  await transaction.send({ topic, messages: [{ value: 'b' }] })
  record('commit', await transaction.commit())

  const next = await producer.transaction()
  await next.send({ topic, messages: [{ value: 'c' }] })
  await next.commit()
  record('seen', texts(await readTopic(context.brokers, topic)))
})

contract('3.9 a transaction whose only send was refused can be ended', async context => {
  const { topic, record } = context
  const producer = await transactionalProducer(context, { retry: { retries: 1 } })
  for (const end of ['commit', 'abort']) {
    const transaction = await producer.transaction()
    const large = 'x'.repeat(2_000_000)
    await errorOf(() => transaction.send({ topic, messages: [{ value: large }] }))
    record(end, await transaction[end]())
  }
  const transaction = await producer.transaction()
  await transaction.send({ topic, messages: [{ value: 'v' }] })
  await transaction.commit()
  record('seen', texts(await readTopic(context.brokers, topic)))
})

contract(
  '3.9 transactionTimeout: the coordinator aborts; commit fails',
  {
    differences: {
      commit: {
        reason:
          'what the coordinator says to a transaction of version 2, which kafkajs does not speak',
        kafkajs: [['KafkaJSProtocolError', 'INVALID_PRODUCER_EPOCH']],
        ours: [['KafkaJSProtocolError', 'INVALID_TXN_STATE']],
      },
    },
  },
  async context => {
    const { topic, record } = context
    const producer = await transactionalProducer(context, { transactionTimeout: 1000 })
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'too slow' }] })
    // To the end of a topic one can read only when no transaction is open.
    record('seen', texts(await readTopic(context.brokers, topic)))
    const error = await errorOf(() => transaction.commit())
    record('commit', [error.constructor.name, error.type])
  }
)

for (const [late, type] of Object.entries({
  commit: 'INVALID_TXN_STATE',
  send: 'INVALID_PRODUCER_EPOCH',
  sendOffsets: 'INVALID_PRODUCER_EPOCH',
})) {
  test(`a transaction that took too long: ${late} fails, abort works, and so does the next one`, async t => {
    const topic = await createTopic(uniqueTopic())
    const options = { transactionalId: topic, transactionTimeout: 1000 }
    const producer = await connectProducer(t, await brokers(), options)
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: 'too slow' }] })
    await readTopic(await brokers(), topic)
    const attempt = {
      commit: () => transaction.commit(),
      send: () => transaction.send({ topic, messages: [{ value: 'late' }] }),
      sendOffsets: () =>
        transaction.sendOffsets({
          consumerGroupId: uniqueGroup(),
          topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
        }),
    }[late]
    assert.equal((await errorOf(attempt)).type, type)
    if (late !== 'commit') {
      assert.match((await errorOf(attempt)).message, /^The transaction has to be aborted: /)
      assert.match((await errorOf(() => transaction.commit())).message, /has to be aborted/)
    }
    await transaction.abort()

    const next = await producer.transaction()
    await next.send({ topic, messages: [{ value: 'in time' }] })
    await next.commit()
    assert.deepEqual(texts(await readTopic(await brokers(), topic)), ['in time'])
  })
}

contract('3.9 transactionTimeout above what the broker allows', async context => {
  const { kafka, topic, record } = context
  const producer = kafka().producer({ transactionalId: topic, transactionTimeout: 100_000_000 })
  await producer.connect()
  const error = await errorOf(() => producer.transaction())
  record('error', [error.constructor.name, error.type, error.code])
})

test('un-awaited sends of a transaction are delivered by commit, in order', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 2 })
  const producer = await connectProducer(t, await brokers(), { transactionalId: topic })
  const transaction = await producer.transaction()
  const values = Array.from({ length: 500 }, (_, i) => String(i).padStart(3, '0'))
  const sends = values.map(value =>
    transaction.send({ topic, messages: [{ value, partition: 0 }] })
  )
  await transaction.commit()
  await Promise.all(sends)
  assert.deepEqual(texts(await readTopic(await brokers(), topic)), values)
})

test('un-awaited sends of an aborted transaction all settle, and none is seen', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 2 })
  const producer = await connectProducer(t, await brokers(), { transactionalId: topic })
  for (let round = 0; round < 3; round++) {
    const transaction = await producer.transaction()
    const sends = Array.from({ length: 200 }, (_, i) =>
      transaction.send({ topic, messages: [{ value: `${round}`, partition: i % 2 }] })
    )
    const settled = Promise.allSettled(sends)
    await transaction.abort()
    for (const { status, reason } of await settled) {
      if (status === 'rejected') assert.match(reason.message, /aborted/)
    }
  }
  const last = await producer.transaction()
  await last.send({ topic, messages: [{ value: 'committed', partition: 0 }] })
  await last.commit()
  assert.deepEqual(texts(await readTopic(await brokers(), topic)), ['committed'])
})

test('a hundred transactions in a row, every other one aborted', async t => {
  const topic = await createTopic(uniqueTopic(), { partitions: 3 })
  const producer = await connectProducer(t, await brokers(), { transactionalId: topic })
  const expected = []
  for (let i = 0; i < 100; i++) {
    const transaction = await producer.transaction()
    const values = [`${i}-a`, `${i}-b`, `${i}-c`]
    await Promise.all(
      values.map((value, partition) =>
        transaction.send({ topic, messages: [{ value, partition }] })
      )
    )
    if (i % 2 === 0) expected.push(...values)
    await transaction[i % 2 === 0 ? 'commit' : 'abort']()
  }
  assert.deepEqual(texts(await readTopic(await brokers(), topic)).sort(), expected.sort())
})

test('the next of two transactions waits until the partitions know of the end of the last one', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers(), { transactionalId: `tx-${topic}` })
  const requests = []
  producer.on(producer.events.REQUEST, ({ payload }) => requests.push(payload.apiName))
  const transactions = 20
  for (let i = 0; i < transactions; i++) {
    const transaction = await producer.transaction()
    await transaction.send({ topic, messages: [{ value: `${i}` }] })
    await transaction.commit()
  }
  const last = requests.lastIndexOf('EndTxn')
  const between = requests.slice(requests.indexOf('EndTxn'), last + 1)
  assert.match(between.join(' '), /DescribeTransactions Produce EndTxn/)
  const others = between.filter(name => name !== 'DescribeTransactions')
  const rounds = Array.from({ length: transactions - 1 }, () => ['Produce', 'EndTxn'])
  assert.deepEqual(others.filter(name => name !== 'Metadata').slice(1), rounds.flat())
  const read = await readTopic(await brokers(), topic)
  assert.equal(read.length, transactions)
})

test('sendOffsets with the metadata of a group that has moved on is refused (KIP-447)', async t => {
  const topic = await createTopic(uniqueTopic())
  const group = uniqueGroup()
  const producer = await connectProducer(t, await brokers(), { transactionalId: topic })
  const transaction = await producer.transaction()
  const error = await errorOf(() =>
    transaction.sendOffsets({
      consumerGroupId: group,
      topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
      groupMetadata: { groupId: group, generationId: 7, memberId: 'nobody' },
    })
  )
  assert.ok(['UNKNOWN_MEMBER_ID', 'ILLEGAL_GENERATION'].includes(error.type), error.type)
  assert.equal(transaction.isActive(), true)
  await transaction.abort()
})

test('two concurrent calls of transaction: one gets it', async t => {
  const topic = await createTopic(uniqueTopic())
  const producer = await connectProducer(t, await brokers(), { transactionalId: topic })
  const results = await Promise.allSettled([producer.transaction(), producer.transaction()])
  const got = results.filter(({ status }) => status === 'fulfilled')
  const refused = results.filter(({ status }) => status === 'rejected')
  assert.equal(got.length, 1)
  assert.match(refused[0].reason.message, STATE)
  await got[0].value.send({ topic, messages: [{ value: 'v' }] })
  await got[0].value.commit()
  assert.deepEqual(texts(await readTopic(await brokers(), topic)), ['v'])
})
