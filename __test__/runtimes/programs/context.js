'use strict'

/**
 * The package loaded inside a vm context, as test runners do: what a program gets are objects of that context.
 * Prints `CONTEXT ok`.
 */

const assert = require('node:assert')
const fs = require('node:fs')
const path = require('node:path')
const vm = require('node:vm')
const { connectTo, makeTopic, read, send } = require('./client')

const ROOT = path.join(__dirname, '../../..')

/** Evaluates our files in the context; Node's own modules and the addon come from outside. */
function loadIn(context) {
  const cache = new Map()
  const load = file => {
    if (cache.has(file)) return cache.get(file).exports
    const module = { exports: {} }
    cache.set(file, module)
    const isOurs = file.startsWith(path.join(ROOT, 'src')) || file === path.join(ROOT, 'index.js')
    if (!isOurs) {
      module.exports = require(file)
      return module.exports
    }
    const wrapper = `(function (exports, require, module, __filename, __dirname) {${fs.readFileSync(file, 'utf8')}\n})`
    const evaluate = vm.runInContext(wrapper, context, { filename: file })
    const folder = path.dirname(file)
    const requireFrom = request => {
      if (!request.startsWith('.')) return require(request)
      return load(require.resolve(path.resolve(folder, request)))
    }
    evaluate.call(module.exports, module.exports, requireFrom, module, file, folder)
    return module.exports
  }
  return load(path.join(ROOT, 'index.js'))
}

async function main() {
  // No more than kafkajs needs: test environments like jsdom lack the rest.
  const timers = { setTimeout, clearTimeout, setInterval, clearInterval }
  const context = vm.createContext({ Buffer, console, process, ...timers })
  const kafkajs = loadIn(context)
  const intrinsics = vm.runInContext('({ Array, Error, Object, Promise, TypeError })', context)
  const isOf = (value, name) => value instanceof intrinsics[name]

  const topic = await makeTopic(kafkajs)
  await send(kafkajs, topic, ['a', 'b'])
  assert.deepEqual(await read(kafkajs, topic, 2), ['a', 'b'])

  const kafka = connectTo(kafkajs)
  const producer = kafka.producer()
  const admin = kafka.admin()
  const consumer = kafka.consumer({ groupId: topic, maxWaitTimeInMs: 100 })
  const events = []
  producer.on(producer.events.REQUEST, event => events.push(event))
  const connecting = producer.connect()
  assert.ok(isOf(connecting, 'Promise'))
  await connecting
  await admin.connect()
  const sent = await producer.send({ topic, messages: [{ value: 'c', headers: { h: 'x' } }] })
  assert.ok(isOf(sent, 'Array') && isOf(sent[0], 'Object'))
  const failure = await producer.send({ topic, messages: [{}] }).catch(error => error)
  assert.ok(isOf(failure, 'Error') && failure instanceof kafkajs.KafkaJSError)
  const offsets = await admin.fetchTopicOffsets(topic)
  assert.ok(isOf(offsets, 'Array') && isOf(offsets[0], 'Object'))
  const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
  assert.ok(isOf(topics[0].partitions[0].replicas, 'Array'))
  assert.ok(events.length > 0 && isOf(events[0].payload, 'Object'))
  assert.throws(
    () => new kafkajs.Kafka(),
    error => isOf(error, 'TypeError')
  )

  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  const batch = await new Promise((resolve, reject) => {
    consumer.run({ eachBatch: async payload => resolve(payload.batch) }).catch(reject)
  })
  assert.ok(isOf(batch, 'Object') && isOf(batch.messages, 'Array'))
  const [message] = batch.messages
  assert.ok(isOf(message, 'Object') && isOf(message.headers, 'Object'))
  assert.ok(Buffer.isBuffer(message.value))
  await Promise.all([producer, admin, consumer].map(client => client.disconnect()))
  console.log('CONTEXT ok')
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
