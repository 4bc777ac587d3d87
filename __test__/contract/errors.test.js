'use strict'

/** Contract 6 and 11 (41 to 44): errors as a program catches them. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { test } = require('node:test')

const {
  brokers,
  contract,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  withAdmin,
} = require('../harness')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const QUICK = { retries: 1, initialRetryTime: 20, maxRetryTime: 50 }

/** All of an error that a program can look at, and its classes. */
function anatomy(error) {
  const classes = []
  for (let at = Object.getPrototypeOf(error); at !== null; at = Object.getPrototypeOf(at)) {
    classes.push(at.constructor.name)
  }
  const isOwn = name => Object.hasOwn(error, name)
  const isEnumerable = name => Object.prototype.propertyIsEnumerable.call(error, name)
  return {
    classes,
    keys: Object.keys(error).filter(key => key !== 'brokerMessage'),
    text: String(error),
    stackBegins: error.stack.split('\n')[0],
    hidden: ['message', 'stack', 'cause'].map(name => [name, isOwn(name), isEnumerable(name)]),
    cause: error.cause && anatomy(error.cause),
  }
}

/** Ways to an error of each family that need nothing but a broker. */
const WAYS = {
  'an argument that is refused': async ({ kafka }) => kafka().admin().createTopics({ topics: 1 }),
  'a producer that is not connected': async ({ kafka, topic }) =>
    kafka()
      .producer()
      .send({ topic, messages: [{ value: 'a' }] }),
  'a broker’s error, as it came': async ({ kafka }) =>
    kafka()
      .admin()
      .fetchTopicMetadata({ topics: [uniqueTopic('missing')] }),
  'a broker’s error, after all attempts': async ({ kafka }) =>
    kafka({ retry: QUICK }).admin().fetchTopicOffsets('missing-topic'),
  'several errors in one': async ({ kafka }) =>
    kafka()
      .admin()
      .createTopics({ topics: [{ topic: 'not a name!', numPartitions: 1 }] }),
  'groups that cannot be deleted': async ({ kafka, group }) => {
    // kafkajs does not wait until a broker that has just begun is ready to keep groups.
    await withAdmin(undefined, admin =>
      waitFor(() => admin.describeGroups([group]), { message: 'a coordinator' })
    )
    await kafka({ retry: QUICK }).admin().deleteGroups([group])
  },
  'nobody listens': async ({ kafkajs }) =>
    new kafkajs.Kafka({ brokers: ['127.0.0.1:1'], retry: QUICK, logLevel: 0 }).admin().connect(),
  'a function for brokers that throws': async ({ kafkajs }) => {
    const failing = () => {
      throw new Error('no brokers today')
    }
    await new kafkajs.Kafka({ brokers: failing, retry: QUICK, logLevel: 0 }).admin().connect()
  },
  'a consumer that does not run': async ({ kafka, group }) =>
    kafka().consumer({ groupId: group }).commitOffsets([]),
}

/** The broker's own text is kept beside kafkajs', which drops it. */
const TOLD_BY_BROKER = {
  'several errors in one': { own: { reason: 'brokerMessage says what the broker said' } },
}

for (const [name, way] of Object.entries(WAYS)) {
  const options = { ...NO_TOPIC, differences: TOLD_BY_BROKER[name] }
  contract(`6 ${name}`, options, async context => {
    const error = await errorOf(() => way(context))
    context.record('anatomy', anatomy(error))
    // The wait that would have come next is jittered.
    if ('retryTime' in error) error.retryTime = typeof error.retryTime
    context.record('own', error)
    context.record('isError', error instanceof Error)
    context.record('isKafkaJSError', error instanceof context.kafkajs.KafkaJSError)
  })
}

contract(
  '6 after disconnect: what a client still does',
  NO_TOPIC,
  async ({ kafka, record, group }) => {
    const producer = kafka().producer()
    await producer.connect()
    await producer.disconnect()
    const message = { topic: 'any', messages: [{ value: 'a' }] }
    record('producer', await errorOf(() => producer.send(message)))
    const consumer = kafka().consumer({ groupId: group })
    await consumer.connect()
    await consumer.disconnect()
    record('paused', consumer.paused())
    record('pause', await errorOf(() => consumer.pause([{ topic: 'any' }])))
    const place = { topic: 'any', partition: 0, offset: '0' }
    record('seek', await errorOf(() => consumer.seek(place)))
  }
)

test('6 stacks name the file of the caller', { skip: subject.isStandIn }, async t => {
  const { Kafka, logLevel } = subject.load()
  const kafka = new Kafka({ brokers: await brokers(), logLevel: logLevel.NOTHING, retry: QUICK })
  const dead = new Kafka({ brokers: ['127.0.0.1:1'], logLevel: logLevel.NOTHING, retry: QUICK })
  const producer = kafka.producer()
  await producer.connect()
  t.after(() => producer.disconnect())
  const admin = kafka.admin()
  t.after(() => admin.disconnect())
  const calls = {
    connect: () => dead.producer().connect(),
    send: () => producer.send({ topic: uniqueTopic(), messages: [{ partition: 99, value: 'a' }] }),
    fetchTopicMetadata: () => admin.fetchTopicMetadata({ topics: [uniqueTopic()] }),
    subscribe: () => dead.consumer({ groupId: uniqueGroup() }).subscribe({ topic: 't' }),
  }
  for (const [name, call] of Object.entries(calls)) {
    const theCaller = async () => {
      await call()
    }
    await assert.rejects(theCaller, ({ stack }) => {
      assert.match(stack, /theCaller/, name)
      assert.ok(stack.includes(path.basename(__filename)), name)
      return true
    })
  }
})
