'use strict'

/**
 * Worker threads, each with the package loaded anew: used and ended, terminated while connected, in turn and at once.
 * The main thread's own client works all along. Prints `WORKERS ok`.
 */

const assert = require('node:assert')
const path = require('node:path')
const { Worker } = require('node:worker_threads')
const kafkajs = require('../../..')
const { connectTo, makeTopic, read } = require('./client')

const IN_TURN = 20
const AT_ONCE = 4
const STEP_DEADLINE_MS = 20_000

const startWorker = workerData => new Worker(path.join(__dirname, 'worker.js'), { workerData })

/** The first thing a worker says; it fails if the worker fails. */
const firstMessage = worker =>
  new Promise((resolve, reject) => {
    const late = () => reject(new Error('The worker has said nothing'))
    const timer = setTimeout(late, STEP_DEADLINE_MS)
    worker.once('message', message => {
      clearTimeout(timer)
      resolve(message)
    })
    worker.once('error', reject)
  })

const exitOf = worker => new Promise(resolve => worker.once('exit', resolve))

async function useAndEnd(topic) {
  const worker = startWorker({ mode: 'once', topic })
  const exited = exitOf(worker)
  assert.equal(await firstMessage(worker), 'from a worker')
  // Disconnected clients hold nothing: it ends by itself.
  assert.equal(await exited, 0)
}

async function terminate(mode, topic) {
  const worker = startWorker({ mode, topic })
  const exited = exitOf(worker)
  assert.equal(await firstMessage(worker), mode === 'flood' ? 'busy' : 'connecting')
  await worker.terminate()
  await exited
}

async function main() {
  const topic = await makeTopic(kafkajs)
  const producer = connectTo(kafkajs).producer()
  await producer.connect()
  const sendFromMain = async () => {
    const [{ errorCode }] = await producer.send({ topic, messages: [{ value: 'from a worker' }] })
    assert.equal(errorCode, 0)
  }
  await sendFromMain()
  await useAndEnd(topic)
  for (let number = 0; number < IN_TURN; number++) {
    await terminate(number % 2 === 0 ? 'flood' : 'connecting', topic)
    await sendFromMain()
  }
  await Promise.all(
    Array.from({ length: AT_ONCE }, (_, number) =>
      number % 2 === 0 ? terminate('flood', topic) : useAndEnd(topic)
    )
  )
  await sendFromMain()
  assert.deepEqual(await read(kafkajs, topic, 1), ['from a worker'])
  await producer.disconnect()
  console.log('WORKERS ok')
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
