'use strict'

/** Contract 8 and 11 (47, 48): log entries as a program gets them from clients that work. */

const { mock } = require('node:test')

const { contract } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const METHODS = ['error', 'warn', 'info', 'debug']
const sayAll = logger => {
  for (const method of METHODS) logger[method](method, { some: 'field' })
}

contract(
  '8.3 without a logCreator: one line of JSON each, on the console',
  NO_TOPIC,
  async context => {
    const { kafkajs, record, brokers, onEnd } = context
    onEnd(async () => mock.restoreAll())
    for (const method of ['error', 'warn', 'info', 'log']) {
      mock.method(console, method, line => {
        const { timestamp, ...rest } = JSON.parse(line)
        record('lines', [method, rest, Object.keys(JSON.parse(line))])
        record('timestamps', new Date(timestamp).toISOString() === timestamp)
      })
    }
    const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.DEBUG })
    sayAll(kafka.logger())
    sayAll(kafka.admin().logger())
  }
)

contract(
  '8.2 logCreator: called once, entries above the level never reach it',
  NO_TOPIC,
  async context => {
    const { kafkajs, record, brokers } = context
    const kafka = new kafkajs.Kafka({
      brokers,
      logLevel: kafkajs.logLevel.WARN,
      logCreator: level => {
        record('created with', level)
        return entry => {
          const { timestamp, ...log } = entry.log
          record('entries', { ...entry, log })
          record('timestamp', typeof timestamp)
        }
      },
    })
    for (const client of [kafka, kafka.admin(), kafka.consumer({ groupId: 'g' })]) {
      sayAll(client.logger())
    }
    sayAll(kafka.logger().namespace('Own').namespace('Other'))
  }
)

contract('8.3 setLogLevel of one client is that of all', NO_TOPIC, async context => {
  const { kafka, kafkajs, record, logs } = context
  const client = kafka()
  const admin = client.admin()
  admin.logger().setLogLevel(kafkajs.logLevel.ERROR)
  for (const logger of [
    client.logger(),
    admin.logger(),
    client.consumer({ groupId: 'g' }).logger(),
  ]) {
    sayAll(logger)
  }
  record(
    'written',
    logs.map(({ namespace, label }) => [namespace, label])
  )
})

contract('8.4 KAFKAJS_LOG_LEVEL beats the code, in any case', NO_TOPIC, async context => {
  const { kafka, kafkajs, record, logs, onEnd } = context
  onEnd(async () => delete process.env.KAFKAJS_LOG_LEVEL)
  process.env.KAFKAJS_LOG_LEVEL = 'wArN'
  const client = kafka({ logLevel: kafkajs.logLevel.NOTHING })
  sayAll(client.logger())
  sayAll(client.admin().logger())
  record(
    'written',
    logs.map(({ namespace, label }) => [namespace, label])
  )
})

contract('2 logCreator: what is no function', NO_TOPIC, async ({ kafkajs, record }) => {
  for (const logCreator of [null, 5, {}]) {
    record('error', await errorOf(() => new kafkajs.Kafka({ brokers: [], logCreator })))
  }
})

contract('8.5 what a consumer says from start to end', async context => {
  const { kafka, group, topic, record, logs } = context
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  const joined = new Promise(resolve => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload))
  })
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  const { memberId } = await joined
  context.mask(memberId, '<member>')
  consumer.pause([{ topic }])
  consumer.resume([{ topic }])
  await consumer.run({ eachMessage: async () => {} })
  await consumer.disconnect()
  const said = logs.filter(({ level }) => level <= 4)
  record(
    'said',
    said.map(({ namespace, label, log: { duration: _duration, ...log } }) => [
      namespace,
      label,
      log,
    ])
  )
})
