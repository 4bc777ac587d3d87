'use strict'

/**
 * A network that is slow, cuts everything into single bytes, goes dead in one direction or delivers rubbish, between an
 * idempotent producer, a consumer and their broker: every message is in the log, once and in order, and with the handler.
 */

const assert = require('node:assert/strict')
const net = require('node:net')
const { once } = require('node:events')
const { randomBytes } = require('node:crypto')
const { after, before, test } = require('node:test')
const {
  createTopic,
  startProxied,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
} = require('../../harness')
const { Ledger } = require('../producer/ledger')

const PARTITIONS = [0, 1]
const RETRY = { initialRetryTime: 20, maxRetryTime: 300, retries: 200 }
const REQUEST_TIMEOUT_MS = 1500
const DEADLINE_MS = 60_000

let proxied
before(async () => {
  proxied = await startProxied()
})
after(() => proxied?.stop())

/** A producer with two sends of each partition under way, and a consumer. */
async function start(t, { socketFactory } = {}) {
  const { cluster, proxies, brokers } = proxied
  const [proxy] = proxies
  const { Kafka, logLevel } = subject.load()
  const topic = await createTopic(uniqueTopic(), {
    partitions: PARTITIONS.length,
    on: cluster.brokers,
  })
  const kafka = new Kafka({
    brokers,
    logLevel: logLevel.NOTHING,
    retry: RETRY,
    requestTimeout: REQUEST_TIMEOUT_MS,
    ...(socketFactory && { socketFactory }),
  })
  const consumer = kafka.consumer({
    groupId: uniqueGroup(),
    heartbeatInterval: 300,
    sessionTimeout: 20_000,
    maxWaitTimeInMs: 200,
    retry: RETRY,
  })
  const producer = kafka.producer({ idempotent: true })
  const ledger = new Ledger({ topic, partitions: PARTITIONS.length, producer })
  const handled = new Set()
  const news = { crashes: [], joins: 0, timeouts: 0 }
  let stopping = false
  t.after(async () => {
    stopping = true
    proxy.pass()
    await within(DEADLINE_MS, producer.disconnect(), 'the end of the producer')
    await within(DEADLINE_MS, consumer.disconnect(), 'the end of the consumer')
  })
  consumer.on(consumer.events.CRASH, ({ payload }) => news.crashes.push(`${payload.error}`))
  consumer.on(consumer.events.GROUP_JOIN, () => {
    news.joins += 1
  })
  producer.on(producer.events.REQUEST_TIMEOUT, () => {
    news.timeouts += 1
  })
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ message }) => handled.add(`${message.value}`) })
  await producer.connect()
  const loop = async partition => {
    while (!stopping) await ledger.send([partition])
  }
  const sending = Promise.all([...PARTITIONS, ...PARTITIONS].map(loop))
  const scene = {
    proxy,
    ledger,
    news,
    /** Waits until `count` more messages of each partition are acknowledged and handled. */
    async goesOn(what, count = 20) {
      const goals = ledger.next.map((next, partition) => `${partition}/${next + count}`)
      const done = () => goals.every(goal => ledger.acknowledged.has(goal) && handled.has(goal))
      await waitFor(done, { deadline: DEADLINE_MS, message: `the messages to go on ${what}` })
    },
    async finish() {
      proxy.pass()
      stopping = true
      await within(DEADLINE_MS, sending, 'the sends')
      await ledger.assertComplete(cluster.brokers, { exactly: true })
      await waitFor(() => [...ledger.acknowledged].every(text => handled.has(text)), {
        deadline: DEADLINE_MS,
        message: 'everything to be handled',
      })
      t.diagnostic(`${ledger.sent} sent, ${news.timeouts} requests timed out, ${news.joins} joins`)
      assert.deepEqual(news.crashes, [])
    },
  }
  await scene.goesOn('at first')
  return scene
}

test('a broker whose disk is slow: 20 KB a second, each answer 150 ms late', {
  timeout: 150_000,
}, async t => {
  const { proxy, goesOn, finish } = await start(t)
  proxy.change('both', { ...proxy.rules.toServer, delay: 150, rate: 20_000 })
  await goesOn('slowly')
  await finish()
})

test('every byte on its own, both ways', { timeout: 150_000 }, async t => {
  const { proxy, goesOn, finish } = await start(t)
  proxy.split(1)
  await goesOn('byte by byte', 5)
  await finish()
})

for (const direction of ['toServer', 'toClient', 'both']) {
  test(`half open: nothing arrives any more, ${direction}`, { timeout: 150_000 }, async t => {
    const { proxy, news, goesOn, finish } = await start(t)
    proxy.halfOpen(direction)
    await waitFor(() => news.timeouts > 0, { deadline: DEADLINE_MS, message: 'a timeout' })
    proxy.pass()
    await goesOn('when it passes again')
    await finish()
  })
}

test('connections that are reset, again and again', { timeout: 150_000 }, async t => {
  const { proxy, goesOn, finish } = await start(t)
  for (let round = 0; round < 20; round++) {
    proxy.cut()
    await goesOn(`after reset ${round}`, 3)
  }
  await finish()
})

/** Puts rubbish between the answers of a server, once, where `at` says: before an answer, or in the middle of one. */
async function startSpoiler(port, spoil) {
  const sockets = new Set()
  const server = net.createServer(client => {
    const upstream = net.connect(port, '127.0.0.1')
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => [client, upstream].forEach(each => void each.destroy()))
    }
    client.on('data', chunk => upstream.write(chunk))
    upstream.on('data', chunk => client.write(spoil(chunk)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: server.address().port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

const RUBBISH = {
  'random bytes before an answer': chunk => Buffer.concat([randomBytes(64), chunk]),
  'zeros before an answer': chunk => Buffer.concat([Buffer.alloc(64), chunk]),
  'a length of 2 GB': chunk => Buffer.concat([Buffer.from('7fffffff', 'hex'), chunk]),
  'a negative length': chunk => Buffer.concat([Buffer.from('ffffffff', 'hex'), chunk]),
  'an answer twice': chunk => Buffer.concat([chunk, chunk]),
  'an answer to nobody': chunk =>
    Buffer.concat([Buffer.from('00000008', 'hex'), Buffer.from('7ffffff000000000', 'hex'), chunk]),
  'the language of another server': () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'),
}

test('rubbish among the answers', { timeout: 250_000 }, async t => {
  let spoil
  const spoiler = await startSpoiler(proxied.proxies[0].port, chunk => {
    const spoiled = spoil ? spoil(chunk) : chunk
    spoil = undefined
    return spoiled
  })
  const socketFactory = ({ onConnect }) => net.connect(spoiler.port, '127.0.0.1', onConnect)
  const { goesOn, finish } = await start(t, { socketFactory })
  t.after(() => spoiler.close())
  for (const [what, how] of Object.entries(RUBBISH)) {
    for (let round = 0; round < 5; round++) {
      spoil = how
      await goesOn(`after ${what}`, 5)
      assert.equal(spoil, undefined)
    }
  }
  await finish()
})
