'use strict'

/**
 * Connections that break, and answers that come too late, between an idempotent producer and three brokers: the whole
 * topic is read back, and each message has to be there, once, in its order.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { startProxied, subject, waitFor, within } = require('../../harness')
const { leaderOf, topicOnThree } = require('./brokers')
const { Ledger } = require('./ledger')

const PARTITIONS = [0, 1, 2]
const QUICK_RETRY = { initialRetryTime: 2, maxRetryTime: 50, retries: 10_000 }
/** More than a request or an answer of one short message has. */
const MOST_BYTES = 1000

let proxied
before(async () => {
  proxied = await startProxied({ nodes: 3 })
})
after(() => proxied?.stop())

/** A producer behind the proxies, and a ledger of what it sends to a topic of its own. */
async function start(t, options = {}, settings = {}) {
  const { cluster, proxies, brokers } = proxied
  const { Kafka, logLevel } = subject.load()
  const topic = await topicOnThree(cluster)
  const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING, ...settings })
  const producer = kafka.producer({ idempotent: true, retry: QUICK_RETRY, ...options })
  t.after(async () => {
    for (const proxy of proxies) proxy.pass()
    await producer.disconnect()
  })
  await producer.connect()
  const ledger = new Ledger({ topic, partitions: 3, producer })
  await ledger.send(PARTITIONS)
  return { ledger, proxies, cluster }
}

for (const [direction, what] of [
  ['toServer', 'request'],
  ['toClient', 'answer'],
]) {
  test(`cut after every byte of the ${what} of a produce exchange`, {
    timeout: 120_000,
  }, async t => {
    const { ledger, proxies, cluster } = await start(t)
    const proxy = proxies[(await leaderOf(cluster, ledger.topic, 0)) - 1]
    let cuts = 0
    for (let bytes = 0; bytes < MOST_BYTES; bytes++) {
      const connections = proxy.accepted
      proxy.cutAfter(bytes, direction)
      // The second one stands behind the first, whatever becomes of it.
      const sends = [ledger.send([0]), ledger.send([0])]
      await within(20_000, Promise.all(sends), `a cut after ${bytes} bytes`)
      if (proxy.accepted === connections) break
      cuts += 1
    }
    t.diagnostic(`${cuts} cuts`)
    assert.ok(cuts > 40 && cuts < MOST_BYTES, `${cuts} cuts`)
    proxy.cutAfter(undefined, direction)
    await ledger.assertComplete(cluster.brokers, { exactly: true })
    assert.equal(ledger.next[0], 1 + 2 * (cuts + 1))
  })
}

for (const idempotent of [true, false]) {
  test(`answers later than requestTimeout, idempotent ${idempotent}`, {
    timeout: 120_000,
  }, async t => {
    const requestTimeout = 400
    const { ledger, proxies, cluster } = await start(t, { idempotent }, { requestTimeout })
    let timeouts = 0
    ledger.producer.on(ledger.producer.events.REQUEST_TIMEOUT, () => {
      timeouts += 1
    })
    let stopping = false
    const loop = async partition => {
      while (!stopping) await ledger.send([partition], 3)
    }
    const looping = Promise.all(PARTITIONS.map(loop))
    for (let round = 1; round <= 3; round++) {
      for (const proxy of proxies) proxy.delay(3 * requestTimeout, 'toClient')
      await waitFor(() => timeouts >= 3 * round, { deadline: 30_000, message: 'timeouts' })
      for (const proxy of proxies) proxy.pass()
      const before = ledger.acknowledged.size
      await waitFor(() => ledger.acknowledged.size >= before + 100, {
        deadline: 30_000,
        message: 'sends to be acknowledged again',
      })
    }
    stopping = true
    await within(30_000, looping, 'the loops')
    t.diagnostic(`${ledger.sent} sent, ${timeouts} timeouts`)
    await ledger.assertComplete(cluster.brokers, { exactly: idempotent })
  })
}

for (const [name, options] of [
  ['batches as they come', {}],
  ['small batches, several of a partition under way', { batchSize: 2000 }],
]) {
  test(`20,000 un-awaited sends over connections that are cut every 100 ms, ${name}`, {
    timeout: 120_000,
  }, async t => {
    const { ledger, proxies, cluster } = await start(t, options)
    // Slow enough for many cuts while they are under way.
    for (const proxy of proxies) proxy.limit(300_000, 'toServer')
    let cuts = 0
    const cutting = setInterval(() => {
      cuts += 1
      for (const proxy of proxies) proxy.cut()
    }, 100)
    const sends = Array.from({ length: 20_000 }, (_, i) => ledger.send([i % 3]))
    // A batch has to fit between two cuts, or there is no end: afterwards they come more rarely.
    const calm = setTimeout(() => {
      for (const proxy of proxies) proxy.pass()
    }, 3000)
    try {
      await within(90_000, Promise.all(sends), 'the sends')
    } finally {
      clearInterval(cutting)
      clearTimeout(calm)
    }
    t.diagnostic(`${cuts} cuts`)
    assert.ok(cuts >= 5, `${cuts} cuts`)
    await ledger.assertComplete(cluster.brokers, { exactly: true })
  })
}
