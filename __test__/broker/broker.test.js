'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const kafkajs = require('kafkajs')
const { probe, startSingle, startThree } = require('../../broker')
const { isRunning } = require('../../broker/process-table')
const { createTopic, uniqueTopic, waitFor, withAdmin } = require('../harness')

const STARTER = path.join(__dirname, 'fixtures', 'starter.js')

function portOf(address) {
  return Number(address.split(':')[1])
}

/** A cluster that is stopped when the test ends. */
async function started(t, start, options) {
  const cluster = await start(options)
  t.after(() => cluster.stop())
  return cluster
}

/** @returns {Promise<string>} the value that came back */
async function roundTrip(settings) {
  const kafka = new kafkajs.Kafka({
    clientId: 'broker-test',
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 3 },
    ...settings,
  })
  const topic = uniqueTopic()
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: topic })
  try {
    await producer.connect()
    await producer.send({ topic, messages: [{ value: topic }] })
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    return await new Promise((resolve, reject) => {
      const eachMessage = async ({ message }) => resolve(message.value.toString())
      consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error))
      consumer.run({ eachMessage }).catch(reject)
    })
  } finally {
    await Promise.all([producer.disconnect(), consumer.disconnect()])
  }
}

test('a single node: data survives kill, shutdown and restart', async t => {
  const cluster = await started(t, startSingle, { overrides: { 'num.partitions': 2 } })
  const port = portOf(cluster.brokers[0])
  const topic = await createTopic(uniqueTopic(), { on: cluster.brokers, partitions: -1 })
  const partitions = () =>
    withAdmin(cluster.brokers, async admin => {
      const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
      return topics[0].partitions.length
    })
  assert.equal(await partitions(), 2)

  await cluster.kill()
  assert.equal(await probe({ port }), 'closed')
  await assert.rejects(cluster.pause(), /node 1 does not run/)
  await cluster.restart()
  assert.equal(await partitions(), 2)

  await cluster.shutdown()
  assert.equal(await probe({ port }), 'closed')
  await cluster.restart(1, { overrides: { 'num.partitions': 5 } })
  const wider = await createTopic(uniqueTopic(), { on: cluster.brokers, partitions: -1 })
  const { topics } = await withAdmin(cluster.brokers, admin =>
    admin.fetchTopicMetadata({ topics: [wider] })
  )
  assert.equal(topics[0].partitions.length, 5)

  await cluster.pause()
  assert.equal(await probe({ port, timeout: 200 }), 'other')
  await cluster.resume()
  await waitFor(async () => (await probe({ port })) === 'kafka')

  await cluster.stop()
  await cluster.stop()
  assert.equal(await probe({ port }), 'closed')
  assert.ok(!fs.existsSync(cluster.directory))
})

test('the secured node takes each kind of client and refuses strangers', async t => {
  const { listeners, tls, users } = await started(t, startSingle, { secured: true })
  const { alice, admin } = users
  const sasl = (mechanism, { password }, username) => ({ mechanism, username, password })
  const { ca, cert, key, otherCa } = tls
  const admitted = {
    plaintext: { brokers: listeners.plaintext },
    plain: { brokers: listeners.saslPlaintext, sasl: sasl('plain', admin, 'admin') },
    scram: { brokers: listeners.saslSsl, ssl: { ca }, sasl: sasl('scram-sha-512', admin, 'admin') },
    ssl: { brokers: listeners.ssl, ssl: { ca } },
    mtls: { brokers: listeners.mtls, ssl: { ca, cert, key } },
    reauth: {
      brokers: listeners.saslReauth,
      sasl: sasl('scram-sha-256', admin, 'admin'),
      reauthenticationThreshold: 1000,
    },
  }
  for (const [name, settings] of Object.entries(admitted)) {
    const value = await roundTrip(settings)
    assert.match(value, /^topic-/, name)
  }
  const refused = {
    password: {
      brokers: listeners.saslPlaintext,
      sasl: { mechanism: 'plain', username: 'admin', password: 'no' },
    },
    authority: { brokers: listeners.ssl, ssl: { ca: otherCa } },
    certificate: { brokers: listeners.mtls, ssl: { ca } },
    permission: { brokers: listeners.saslPlaintext, sasl: sasl('plain', alice, 'alice') },
  }
  for (const [name, settings] of Object.entries(refused)) {
    await assert.rejects(roundTrip({ ...settings, retry: { retries: 0 } }), undefined, name)
  }
})

test('three nodes: a leader that is killed is replaced, and comes back', async t => {
  const { brokers, kill, restart } = bound(await started(t, startThree))
  assert.equal(brokers.length, 3)
  const topic = await createTopic(uniqueTopic(), { on: brokers, partitions: 3 })
  const metadata = async () => {
    const { topics } = await withAdmin(brokers, admin =>
      admin.fetchTopicMetadata({ topics: [topic] })
    )
    return topics[0].partitions
  }
  const [{ leader, replicas }] = await metadata()
  assert.equal(replicas.length, 3)
  await kill(leader)
  await waitFor(async () => (await metadata()).every(partition => partition.leader !== leader), {
    message: 'new leaders',
    deadline: 30_000,
  })
  await restart(leader)
  await waitFor(async () => (await metadata()).every(({ isr }) => isr.length === 3), {
    message: 'the node to be in sync again',
    deadline: 30_000,
  })
  await assert.rejects(kill(4), { message: 'Node 4 does not exist: this cluster has 1 to 3' })
})

function bound(cluster) {
  const { brokers } = cluster
  return { brokers, kill: n => cluster.kill(n), restart: n => cluster.restart(n) }
}

test('nothing is left of a node whose starter is gone, however it went', async t => {
  for (const ending of ['SIGKILL', 'SIGINT', 'exit', 'throw']) {
    const starter = spawn(process.execPath, [STARTER, ending], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    t.after(() => starter.kill('SIGKILL'))
    const exited = once(starter, 'exit')
    const [line] = await once(starter.stdout, 'data')
    const { mark, port, directory } = JSON.parse(line)
    assert.ok(isRunning(mark), ending)
    assert.ok(fs.existsSync(directory), ending)
    if (ending.startsWith('SIG')) starter.kill(ending)
    await exited
    await waitFor(async () => (await probe({ port })) === 'closed', { message: ending })
    await waitFor(() => !fs.existsSync(directory), { message: ending })
    assert.ok(!isRunning(mark), ending)
  }
})

test('a port that is taken is named, and nothing is left behind', async t => {
  const holder = net.createServer(socket => socket.destroy())
  holder.listen({ host: '127.0.0.1', port: 0 })
  await once(holder, 'listening')
  t.after(() => holder.close())
  const { port } = holder.address()
  const parent = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-broker-'))
  t.after(() => fs.rmSync(parent, { recursive: true, force: true }))
  const start = startSingle({ port, directory: path.join(parent, 'cluster') })
  await assert.rejects(start, /node 1 did not start[\s\S]*Address already in use/)
  assert.deepEqual(fs.readdirSync(parent), [])
})
