'use strict'

/** kafkajs-behaviour.md 7.1 and 11 (37, 38, 40): how often is tried, and whose `retry` counts. */

const { contract, startPeer } = require('../harness')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const QUICK = { initialRetryTime: 20, maxRetryTime: 50 }

/** A peer that hangs up on everybody, and a client of it. */
async function refused({ kafka, onEnd }, retry) {
  const peer = await startPeer({ connected: socket => socket.end() })
  onEnd(() => peer.close())
  return { peer, client: kafka({ brokers: [peer.address], retry: { ...QUICK, ...retry } }) }
}

for (const retries of [0, 1, 3]) {
  contract(`7.1 retries ${retries}: one attempt more than that`, NO_TOPIC, async context => {
    const { peer, client } = await refused(context, { retries })
    const { name, retryCount, retriable } = await errorOf(() => client.admin().connect())
    context.record('error', { name, retryCount, retriable })
    context.record('attempts', peer.connections)
  })
}

for (const kind of ['producer', 'consumer', 'admin']) {
  contract(
    `11.38 ${kind}: its own retry does not count for connecting`,
    NO_TOPIC,
    async context => {
      const { peer, client } = await refused(context, { retries: 1 })
      const own = { retry: { retries: 4 } }
      const made = client[kind](kind === 'consumer' ? { groupId: context.group, ...own } : own)
      const { retryCount } = await errorOf(() => made.connect())
      context.record('retryCount', retryCount)
      context.record('attempts', peer.connections)
    }
  )
}

contract('7.1 retryTime: the wait that would come next, jittered', NO_TOPIC, async context => {
  const retry = {
    retries: 0,
    initialRetryTime: 100,
    factor: 0.1,
    multiplier: 2,
    maxRetryTime: 1000,
  }
  const { client } = await refused(context, retry)
  const { retryTime } = await errorOf(() => client.admin().connect())
  context.record('within', retryTime >= 90 && retryTime <= 110)
})
