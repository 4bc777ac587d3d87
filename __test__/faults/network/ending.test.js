'use strict'

/** A consumer that ends while its broker is gone lets its process go. */

const assert = require('node:assert/strict')
const { fork } = require('node:child_process')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const {
  createTopic,
  startProxied,
  subject,
  uniqueGroup,
  uniqueTopic,
  within,
} = require('../../harness')

const SESSION_TIMEOUT_MS = 6000
/** As promised: nothing is stuck for longer than a session and 10 s. */
const LONGEST_END_MS = SESSION_TIMEOUT_MS + 10_000

test('a process whose commit cannot be stored ends', { timeout: 120_000 }, async t => {
  const { cluster, proxies, brokers, stop } = await startProxied()
  t.after(stop)
  const topic = await createTopic(uniqueTopic(), { on: cluster.brokers })
  const { Kafka, logLevel } = subject.load()
  const producer = new Kafka({ brokers: cluster.brokers, logLevel: logLevel.NOTHING }).producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'a' }, { value: 'b' }] })
  await producer.disconnect()

  const program = path.join(__dirname, 'ending.js')
  const child = fork(program, [brokers[0], topic, uniqueGroup(), `${SESSION_TIMEOUT_MS}`])
  t.after(() => child.kill('SIGKILL'))
  await within(30_000, once(child, 'message'), 'the first message')
  await proxies[0].refuse()
  const told = once(child, 'message')
  const exit = once(child, 'exit')
  const began = performance.now()
  child.send('cut')
  const ended = Promise.all([told, exit])
  const [[word], [code]] = await within(LONGEST_END_MS, ended, 'the end of the process')
  t.diagnostic(`ended after ${Math.round(performance.now() - began)} ms`)
  assert.deepEqual([word, code], ['disconnected', 0])
})
