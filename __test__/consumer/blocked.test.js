'use strict'

/** A program that blocks the event loop while its consumer joins the group. Sections 4.8 and 4.11. */

const assert = require('node:assert/strict')
const { once } = require('node:events')
const path = require('node:path')
const { test } = require('node:test')
const { Worker } = require('node:worker_threads')
const { subject, waitFor } = require('../harness')

const BLOCKED_MS = 30_000

test('a generation that is over before the program hears of it is not the last one', async t => {
  const wake = new Int32Array(new SharedArrayBuffer(4))
  const worker = new Worker(path.join(__dirname, 'rebalancingBroker.js'), {
    workerData: wake.buffer,
  })
  const [brokers] = await once(worker, 'message')
  const { AssignerProtocol, Kafka, logLevel } = subject.load()
  let woken
  const assigner = () => ({
    name: 'RoundRobinAssigner',
    version: 0,
    assign: async () => [],
    protocol: ({ topics }) => {
      // From the moment on that the join is on its way.
      if (!woken) queueMicrotask(() => (woken = Atomics.wait(wake, 0, 0, BLOCKED_MS)))
      const metadata = AssignerProtocol.MemberMetadata.encode({ version: 0, topics })
      return { name: 'RoundRobinAssigner', metadata }
    },
  })
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
  const consumer = kafka.consumer({
    groupId: 'g',
    partitionAssigners: [assigner],
    heartbeatInterval: 50,
    maxWaitTimeInMs: 50,
  })
  t.after(async () => {
    await consumer.disconnect()
    const exited = once(worker, 'exit')
    worker.postMessage('close')
    await exited
  })
  const events = []
  for (const name of ['GROUP_JOIN', 'REBALANCING']) {
    consumer.on(consumer.events[name], ({ type }) => events.push(type))
  }
  await consumer.subscribe({ topic: 't' })
  await consumer.run({ eachMessage: async () => {} })
  assert.equal(woken, 'ok', 'heartbeats were sent while the program was blocked')
  await waitFor(() => events.length >= 3, { deadline: 30_000, message: 'another join' })
  assert.deepEqual(events, ['consumer.group_join', 'consumer.rebalancing', 'consumer.group_join'])
})
