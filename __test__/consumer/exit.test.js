'use strict'

/** After disconnect a process ends by itself, whatever the consumer was doing. (kafkajs' often does not.) Section 4.2. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { startPeer, within } = require('../harness')
const { fill, ours } = require('./scene')

/** Runs `body`, the text of an async function that sees `Kafka`, `kafka`, `topic`, `group` and `peer`, to its end. */
async function runProgram({ brokers, topic, group, peer = null }, body) {
  const text = `
    const { Kafka } = require(${JSON.stringify(path.join(__dirname, '../..'))})
    const { brokers, topic, group, peer } = ${JSON.stringify({ brokers, topic, group, peer })}
    const kafka = new Kafka({ brokers, logLevel: 0 })
    process.on('unhandledRejection', error => { console.log('unhandled', error); process.exit(8) })
    const main = async () => { ${body} }
    main().then(() => console.log('end'), error => { console.log(error); process.exitCode = 9 })`
  const child = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    output += chunk
  })
  const closed = new Promise(resolve => child.once('close', resolve))
  const code = await within(30_000, closed, 'the process').finally(() => child.kill('SIGKILL'))
  return { code, output }
}

const CONSUMER = `
    const consumer = kafka.consumer({ groupId: group, retry: { retries: 0, initialRetryTime: 60_000 } })
    await consumer.subscribe({ topic, fromBeginning: true })`

const PROGRAMS = {
  'disconnect while it joins': `${CONSUMER}
    const running = consumer.run({ eachMessage: async () => {} })
    await consumer.disconnect()
    await running`,

  'disconnect awaited within the handler': `${CONSUMER}
    await new Promise(resolve => consumer.run({
      eachMessage: async () => { await consumer.disconnect(); resolve() },
    }))`,

  'disconnect within the handler, and twice more': `${CONSUMER}
    await new Promise(resolve => consumer.run({
      eachBatch: async () => { consumer.disconnect(); resolve() },
    }))
    await Promise.all([consumer.disconnect(), consumer.stop(), consumer.disconnect()])`,

  'disconnect between a crash and its restart': `${CONSUMER}
    await new Promise(resolve => {
      consumer.on(consumer.events.CRASH, resolve)
      consumer.run({ eachMessage: async () => { throw new Error('no luck') } })
    })
    await consumer.disconnect()`,

  'disconnect while a partition is paused and others are read': `${CONSUMER}
    await new Promise(resolve => consumer.run({
      eachMessage: async ({ pause }) => { pause(); resolve() },
    }))
    await consumer.disconnect()`,

  'disconnect while a broker is silent': `
    const consumer = new Kafka({ brokers: [peer], logLevel: 0, connectionTimeout: 60_000 })
      .consumer({ groupId: group })
    const running = consumer.run({ eachMessage: async () => {} })
    await new Promise(resolve => setTimeout(resolve, 200))
    await consumer.disconnect()
    await running`,
}

for (const [name, body] of Object.entries(PROGRAMS)) {
  test(name, async t => {
    const context = await ours(t)
    await fill(context, 3)
    const peer = await startPeer()
    t.after(() => peer.close())
    const { code, output } = await runProgram({ ...context, peer: peer.address }, body)
    assert.deepEqual([code, output], [0, 'end\n'])
  })
}
