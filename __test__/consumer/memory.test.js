'use strict'

/** However much waits in a topic, a slow handler holds only what was read ahead. */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const path = require('node:path')
const { test } = require('node:test')
const { subject, within } = require('../harness')
const { ours } = require('./scene')

const MB = 1024 * 1024
const PARTITIONS = 3
const VALUE_BYTES = 1000
const PER_SEND = 800
/** What waits in the topic. */
const WAITING = 200 * MB
/** By how much a process may grow that reads it with a slow handler: half of what waits. */
const GROWTH = 100 * MB

/** Text that compresses as programs' data does, about four times. */
const makeValue = number => {
  const words = []
  for (let at = 0; at < 60; at++)
    words.push(`field${at % 12}=${(number * 7919 + at * 104729) % 99991}`)
  return words.join(' ').padEnd(VALUE_BYTES, '.').slice(0, VALUE_BYTES)
}

async function fillTopic({ kafka, topic, module }, codec) {
  const producer = kafka().producer()
  await producer.connect()
  const compression = module.CompressionTypes[codec]
  const values = Array.from({ length: PER_SEND }, (_, number) => makeValue(number))
  for (let sent = 0; sent < WAITING; sent += PARTITIONS * PER_SEND * VALUE_BYTES) {
    const sends = Array.from({ length: PARTITIONS }, (_, partition) =>
      producer.send({ topic, compression, messages: values.map(value => ({ value, partition })) })
    )
    await Promise.all(sends)
  }
  await producer.disconnect()
}

/** Reads in a process of its own with a handler of 10 ms; gives by how many bytes its peak exceeds where it began. */
async function growthOfReader({ brokers, topic, group }) {
  const text = `
    const { Kafka } = require(${JSON.stringify(path.join(__dirname, '../..'))})
    const peak = () => process.resourceUsage().maxRSS * 1024
    const main = async () => {
      const kafka = new Kafka({ brokers: ${JSON.stringify(brokers)}, logLevel: 1 })
      const consumer = kafka.consumer({ groupId: '${group}' })
      await consumer.connect()
      const before = peak()
      await consumer.subscribe({ topic: '${topic}', fromBeginning: true })
      let handled = 0
      await new Promise(resolve => consumer.run({
        eachMessage: async () => {
          await new Promise(done => setTimeout(done, 10))
          if (++handled === 150) resolve()
        },
      }))
      console.log(JSON.stringify(peak() - before))
      await consumer.disconnect()
    }
    main()`
  const child = spawn(process.execPath, ['-e', text], { stdio: ['ignore', 'pipe', 'inherit'] })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    output += chunk
  })
  const ended = new Promise(resolve => child.once('close', resolve))
  await within(60_000, ended, 'the reader').finally(() => child.kill('SIGKILL'))
  return JSON.parse(output)
}

for (const codec of ['None', 'ZSTD']) {
  test(`200 MB wait, a handler takes 10 ms a message: codec ${codec}`, {
    skip: subject.isStandIn && 'kafkajs has no such codec built in',
  }, async t => {
    const context = await ours(t, { partitions: PARTITIONS })
    await fillTopic(context, codec)
    const growth = await growthOfReader(context)
    t.diagnostic(`grew by ${Math.round(growth / MB)} MB`)
    assert.ok(growth < GROWTH, `grew by ${Math.round(growth / MB)} MB`)
  })
}
