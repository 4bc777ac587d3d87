'use strict'

/** When a process with clients ends by itself. Section 11, row 53. */

const { spawn } = require('node:child_process')
const path = require('node:path')
const { contract, within } = require('../harness')

const TOP = path.join(__dirname, '../..')
const PROGRAM_MS = 15000
/** From the last disconnect to the end of the process. */
const EXIT_MS = 5000

/**
 * Runs `body` in a process of its own: an async function's text that sees kafka, topic, group, kafkajs.
 *
 * @returns {Promise<{ code: number | null, signal: string | null, output: string, afterEnd: number }>} afterEnd: ms
 *   from the end of `body` to the end of the process
 */
async function runProgram({ library, brokers, topic, group, onEnd }, body) {
  const settings = JSON.stringify({ brokers, topic, group })
  const text = `
    const kafkajs = require(${JSON.stringify(library === 'kafkajs' ? 'kafkajs' : './')})
    const { brokers, topic, group } = ${settings}
    const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING, retry: { retries: 1 } })
    const main = async () => { ${body} }
    main().then(() => console.log('end of body'), error => {
      console.log(error.stack)
      process.exitCode = 9
    })`
  const child = spawn(process.execPath, ['-e', text], {
    cwd: TOP,
    env: { ...process.env, KAFKAJS_NO_PARTITIONER_WARNING: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onEnd(() => child.kill('SIGKILL'))

  let output = ''
  let endedAt
  child.stdout.setEncoding('utf8').on('data', chunk => {
    output += chunk
    if (output.includes('end of body')) endedAt ??= Date.now()
  })
  const [code, signal] = await within(
    PROGRAM_MS,
    new Promise(resolve => child.once('close', (...result) => resolve(result))),
    'the process'
  )
  return { code, signal, output, afterEnd: Date.now() - endedAt }
}

/** @type {[name: string, body: string][]} */
const PROGRAMS = [
  [
    'clients made but never connected',
    `
    kafka.producer(); kafka.consumer({ groupId: group }); kafka.admin()`,
  ],
  [
    'a producer that has sent',
    `
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'v' }] })
    await producer.disconnect()`,
  ],
  [
    'a producer with acks 0',
    `
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, acks: 0, messages: [{ value: 'v' }] })
    await producer.disconnect()`,
  ],
  [
    'an admin',
    `
    const admin = kafka.admin()
    await admin.connect()
    await admin.listTopics()
    await admin.disconnect()`,
  ],
  [
    'a consumer that has consumed',
    `
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'v' }] })
    await producer.disconnect()
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise((resolve, reject) => {
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      consumer.run({ eachMessage: async () => resolve() })
    })
    await consumer.disconnect()`,
  ],
  [
    'a consumer that is idle',
    `
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic] })
    await consumer.run({ eachMessage: async () => {} })
    await consumer.disconnect()`,
  ],
  [
    'a connection that was refused',
    `
    const producer = new kafkajs.Kafka({
      brokers: ['127.0.0.1:1'],
      logLevel: kafkajs.logLevel.NOTHING,
      retry: { retries: 0 },
    }).producer()
    await producer.connect().then(() => { throw new Error('connected') }, () => {})`,
  ],
  [
    'a consumer that has crashed for good',
    `
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'v' }] })
    await producer.disconnect()
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await new Promise(resolve => {
      consumer.on(consumer.events.CRASH, resolve)
      consumer.run({ eachMessage: () => { throw new TypeError('a bug') } })
    })`,
  ],
]

for (const [name, body] of PROGRAMS) {
  contract(`the process ends by itself: ${name}`, async context => {
    const { code, signal, output, afterEnd } = await runProgram(context, body)

    context.record('exit', { code, signal, output })
    context.record(`within ${EXIT_MS} ms`, afterEnd < EXIT_MS)
  })
}

contract('the process stays while a client is connected', async context => {
  const { code, output } = await runProgram(
    context,
    `
    const producer = kafka.producer()
    await producer.connect()
    setTimeout(() => console.log('still here'), 300).unref()
    process.on('exit', () => console.log('exit'))
    setTimeout(() => producer.disconnect(), 600).unref()`
  )

  context.record('exit', { code, output })
})
