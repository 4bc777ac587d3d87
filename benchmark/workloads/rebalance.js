'use strict'

const { performance } = require('node:perf_hooks')
const { setTimeout: sleep } = require('node:timers/promises')
const { connectRaw } = require('../clients/raw/connection')
const { encodeProduce } = require('../clients/raw/produce')
const { Latencies, startMeasurement } = require('../measurement')

const FEED_EVERY_MS = 5
const LOOK_EVERY_MS = 1
const DEADLINE_MS = 20000
/** Clients hear of a rebalance with the answer to a heartbeat: with their default of 3 s only that would be seen. */
const HEARTBEAT_MS = 100

/**
 * A third member joins a group of two, again and again. Each partition gets a message every few milliseconds; the
 * rebalance is over when the third member has had one and, since then, each partition has had one handled.
 *
 * @type {ReturnType<typeof import('.').runnerOf>}
 */
async function rebalance(client, _workload, { brokers, topic, partitions, groupId, size }) {
  const group = {
    client,
    where: { brokers, topic, groupId },
    /** By partition: who handled it last, and when. */
    handled: Array.from({ length: partitions }, () => ({ member: -1, at: 0 })),
    /** By member: when it handled its first message. */
    first: [],
    failure: null,
  }
  const feeder = await startFeeder({ brokers, topic, partitions, group })

  const members = [await join(group, 0)]
  await until(group, () => handledBy(group, 1, 0))
  members.push(await join(group, 1))
  await until(group, () => handledBy(group, 2, 0))

  const latencies = new Latencies()
  const end = startMeasurement()
  for (let time = 0; time < size.rebalances; time++) {
    const startedAt = performance.now()
    const [third, endedAt] = await Promise.all([
      join(group, 2),
      until(group, () => handledBy(group, 3, group.first[2])),
    ])
    latencies.add(endedAt - startedAt)
    await third.stop()
    const leftAt = performance.now()
    await until(group, () => handledBy(group, 2, leftAt))
  }
  const measured = await end(size.rebalances, latencies)

  await feeder.stop()
  await Promise.all(members.map(member => member.stop()))
  return { measured, inLog: feeder.sent() }
}

function join(group, member) {
  group.first[member] = undefined
  return group.client.startConsumer({
    ...group.where,
    heartbeatMs: HEARTBEAT_MS,
    take: 1,
    onMessage(partition) {
      const at = performance.now()
      group.first[member] ??= at
      group.handled[partition] = { member, at }
    },
    onError: error => {
      group.failure ??= error
    },
  })
}

/** Whether each partition was handled after `since`, and by so many members; undefined is not yet. */
function handledBy({ handled }, members, since) {
  return (
    since !== undefined &&
    handled.every(({ at }) => at >= since && at > 0) &&
    new Set(handled.map(({ member }) => member)).size === members
  )
}

async function until(group, holds) {
  const deadline = performance.now() + DEADLINE_MS
  while (!holds()) {
    if (group.failure) throw group.failure
    if (performance.now() > deadline) {
      throw new Error(`no message of each partition within ${DEADLINE_MS / 1000} s of a rebalance`)
    }
    await sleep(LOOK_EVERY_MS)
  }
  return performance.now()
}

/** One message to each partition every few milliseconds, by requests that are encoded once. */
async function startFeeder({ brokers, topic, partitions, group }) {
  const connection = await connectRaw(brokers[0])
  const all = Array.from({ length: partitions }, (_, partition) => partition)
  const messages = all.map(() => ({ value: 'x' }))
  const request = await encodeProduce({ topic, messages, partitions: all })
  let running = true
  let sent = 0
  const loop = (async () => {
    for (; running; sent += partitions) {
      await connection.ask(request)
      await sleep(FEED_EVERY_MS)
    }
  })().catch(error => {
    group.failure ??= error
  })
  return {
    sent: () => sent,
    async stop() {
      running = false
      await loop
      await connection.close()
    },
  }
}

module.exports = { rebalance }
