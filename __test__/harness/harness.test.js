'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const test = require('node:test')
const { execFile } = require('node:child_process')
const kafkajs = require('kafkajs')
const { brokers, createTopic, shapeOf, uniqueGroup, uniqueTopic, waitFor, within, withAdmin } =
  require('./index')
const { compare } = require('./contract')
const { Recording } = require('./recording')

test('names are new each time', () => {
  assert.notEqual(uniqueTopic(), uniqueTopic())
  assert.match(uniqueGroup('orders'), /^orders-/)
})

test('waitFor gives the truthy answer, and says what it waited for in vain', async () => {
  let asked = 0
  const third = () => {
    asked += 1
    if (asked === 1) throw new Error('not yet')
    return asked === 3 && 'third'
  }
  assert.equal(await waitFor(third), 'third')
  await assert.rejects(
    waitFor(() => 0, { deadline: 30, message: 'a leader' }),
    {
      message: 'Waited 30 ms for a leader, in vain; it was: 0',
    }
  )
  const broken = () => {
    throw new Error('boom')
  }
  await assert.rejects(waitFor(broken, { deadline: 30 }), /it threw: boom/)
  const never = new Promise(() => {})
  await assert.rejects(
    waitFor(() => never, { deadline: 30 }),
    /did not settle/
  )
  await assert.rejects(within(20, never, 'disconnect'), /disconnect did not settle within 20 ms/)
})

test('createTopic makes the partitions and settings asked for', async () => {
  const topic = await createTopic(uniqueTopic(), {
    partitions: 3,
    config: { 'cleanup.policy': 'compact' },
  })
  const { topics } = await withAdmin(await brokers(), admin =>
    admin.fetchTopicMetadata({ topics: [topic] })
  )
  assert.deepEqual(topics[0].partitions.map(({ partitionId }) => partitionId).sort(), [0, 1, 2])
  const { resources } = await withAdmin(undefined, admin =>
    admin.describeConfigs({
      includeSynonyms: false,
      resources: [
        {
          type: kafkajs.ConfigResourceTypes.TOPIC,
          name: topic,
          configNames: ['cleanup.policy'],
        },
      ],
    })
  )
  assert.equal(resources[0].configEntries[0].configValue, 'compact')
})

test('a recording keeps what was true then, with errors and Buffers in readable form', () => {
  const recording = new Recording({ 'topic-1': '<topic>' })
  const value = { topic: 'topic-1', key: Buffer.from('a'), raw: Buffer.from([0xff]) }
  recording.record('message', value)
  value.key = undefined
  recording.mask(4711, '<port>')
  const error = new kafkajs.KafkaJSConnectionError('no topic-1 at 4711', {
    broker: 'localhost:4711',
    code: 'ECONNREFUSED',
  })
  recording.record('error', error)
  recording.record('port', 4711)
  assert.deepEqual(recording.toObject(), {
    message: [{ topic: '<topic>', key: { buffer: 'a' }, raw: { buffer: '0xff' } }],
    error: [
      {
        class: 'KafkaJSConnectionError',
        message: 'no <topic> at <port>',
        name: 'KafkaJSConnectionError',
        retriable: true,
        helpUrl: undefined,
        broker: 'localhost:<port>',
        code: 'ECONNREFUSED',
      },
    ],
    port: ['<port>'],
  })
})

test('shapeOf keeps the form and drops the content', () => {
  assert.deepEqual(shapeOf({ a: 1, b: '12', c: 'x', d: [null, true], e: Buffer.alloc(1) }), {
    a: 'number',
    b: 'digits',
    c: 'string',
    d: [null, 'boolean'],
    e: 'Buffer',
  })
})

test('compare takes equal recordings and refuses others', () => {
  compare({ a: [1], b: [{ x: 1 }] }, { b: [{ x: 1 }], a: [1] }, {})
  assert.throws(() => compare({ a: [1] }, { a: [2] }, {}), /"a" is not what kafkajs gives/)
  assert.throws(() => compare({ a: [1] }, {}, {}), /"a" is not what kafkajs gives/)
  assert.throws(() => compare({}, { a: [1] }, {}), /"a" is not what kafkajs gives/)
  assert.throws(() => compare({ a: [1, 2] }, { a: [2, 1] }, {}), /"a" is not what kafkajs gives/)
})

test('compare takes a stated difference as long as it is there', () => {
  const difference = { reason: 'lost there', kafkajs: [1], ours: [2] }
  compare({ a: [1] }, { a: [2] }, { a: difference })
  compare({ a: [1] }, { a: [2] }, { a: { reason: 'lost there' } })
  assert.throws(() => compare({ a: [2] }, { a: [2] }, { a: difference }), /no longer differs/)
  assert.throws(() => compare({ a: [3] }, { a: [2] }, { a: difference }), /kafkajs does not do/)
  assert.throws(() => compare({ a: [1] }, { a: [3] }, { a: difference }), /ours does not do/)
  assert.throws(() => compare({ a: [1] }, { a: [2] }, { a: {} }), /has no reason/)
  assert.throws(() => compare({}, {}, { a: difference }), /recorded by neither/)
})

/** A test file run by itself, with kafkajs in place of ours. */
async function runAlone(name, env) {
  const file = path.join(__dirname, 'fixtures', name)
  const { NODE_TEST_CONTEXT, KAFKA_BROKERS, ...clean } = process.env
  const options = { env: { ...clean, KAFKA_CLIENT: 'kafkajs', ...env } }
  return new Promise(resolve => {
    execFile(process.execPath, ['--test', '--test-reporter=tap', file], options, (error, stdout) =>
      resolve({ code: error?.code ?? 0, stdout })
    )
  })
}

test('contract runs a body on both libraries and compares', async () => {
  const shared = (await brokers()).join(',')
  const { code, stdout } = await runAlone('contracts.js', { KAFKA_BROKERS: shared })
  assert.match(stdout, /^\s*ok \d+ - what is the same passes/m)
  assert.match(stdout, /^\s*not ok \d+ - what differs fails/m)
  assert.match(stdout, /^\s*not ok \d+ - what throws fails/m)
  assert.match(stdout, /on kafkajs: from the body/)
  assert.equal(code, 1)
})

test('a test file that is run alone gets a Kafka of its own, which ends with it', async () => {
  const { code, stdout } = await runAlone('alone.js', {})
  assert.equal(code, 0, stdout)
  const [, address] = /own broker: 127\.0\.0\.1:(\d+)/.exec(stdout)
  const { probe } = require('../../broker')
  await waitFor(async () => (await probe({ port: Number(address) })) === 'closed')
})
