'use strict'

/**
 * Brokers die, restart, freeze and lose their partitions to others, all under an idempotent producer and a group of
 * three: every message is in the log, once and in order, and with a handler in time.
 */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { setTimeout: sleep } = require('node:timers/promises')
const { createTopic, startThree, uniqueTopic, waitFor, withAdmin } = require('../../harness')
const {
  RECOVERY_MS,
  partitionsOf,
  runningBrokers,
  waitForReplicas,
} = require('../producer/brokers')
const { startLoad } = require('./load')
const { activeController, electPreferredLeaders } = require('./requests')

const NODES = [1, 2, 3]
const PARTITIONS = 6
const FREEZE_MS = 9000
/** How often it is every broker's turn to be killed, and to freeze: FAULT_ROUNDS=5 is a long version. */
const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 1)

let cluster
before(async () => {
  cluster = await startThree()
})
after(() => cluster?.stop())

/** The scene of each test: a topic of its own and what runs on it. */
async function start(t, { replicationFactor = 3 } = {}) {
  const topic = await createTopic(uniqueTopic(), {
    partitions: PARTITIONS,
    replicationFactor,
    on: cluster.brokers,
  })
  return { topic, load: await startLoad(t, cluster, { topic, partitions: PARTITIONS }) }
}

const controller = () => waitFor(() => activeController(runningBrokers(cluster)[0]))

async function killInTurn(topic, load) {
  const first = await controller()
  for (const node of [first, ...NODES.filter(other => other !== first)]) {
    await cluster.kill(node)
    await load.goesOn(`without node ${node}`)
    if (node === first) assert.notEqual(await controller(), first)
    await cluster.restart(node)
    await waitForReplicas(cluster, topic)
    await load.goesOn(`with node ${node} again`)
  }
}

async function freezeLeader(topic, load) {
  const [{ leader }] = await partitionsOf(cluster, topic)
  await cluster.pause(leader)
  try {
    await sleep(FREEZE_MS)
  } finally {
    await cluster.resume(leader)
  }
  await waitForReplicas(cluster, topic)
  await load.goesOn('after the freeze')
}

test('each broker is killed in turn, the active controller first; then one freezes for 9 s', {
  timeout: ROUNDS * 280_000,
}, async t => {
  const { topic, load } = await start(t)
  for (let round = 0; round < ROUNDS; round++) {
    await killInTurn(topic, load)
    await freezeLeader(topic, load)
  }
  t.diagnostic(await load.finish())
})

test('each broker restarts in turn', { timeout: 180_000 }, async t => {
  const { topic, load } = await start(t)
  for (const node of NODES) {
    await cluster.restart(node)
    await waitForReplicas(cluster, topic)
    await load.goesOn(`after the restart of node ${node}`)
  }
  t.diagnostic(await load.finish())
})

/** @returns {Promise<void>} when the partitions are where they are to be */
async function reassign(topic, replicasOf) {
  const partitionAssignment = Array.from({ length: PARTITIONS }, (_, partition) => ({
    partition,
    replicas: replicasOf(partition),
  }))
  await withAdmin(cluster.brokers, async admin => {
    await admin.alterPartitionReassignments({ topics: [{ topic, partitionAssignment }] })
    await waitFor(
      async () => {
        const { topics } = await admin.listPartitionReassignments({})
        return !topics.some(({ topic: name }) => name === topic)
      },
      { deadline: RECOVERY_MS, message: 'the end of the reassignment' }
    )
  })
}

const leadersOf = async topic => (await partitionsOf(cluster, topic)).map(({ leader }) => leader)

/** The node that many after this one. */
const node = (partition, step) => 1 + ((partition + step) % 3)

test('partitions move to other brokers, and preferred leaders are elected', {
  timeout: 180_000,
}, async t => {
  const { topic, load } = await start(t, { replicationFactor: 2 })
  for (const step of [1, 2, 3]) {
    // One replica goes, one comes, and the leader changes.
    await reassign(topic, partition => [node(partition, step), node(partition, step + 1)])
    await load.goesOn(`after move ${step}`)
    await reassign(topic, partition => [node(partition, step + 1), node(partition, step)])
    const preferred = Array.from({ length: PARTITIONS }, (_, i) => node(i, step + 1))
    await waitFor(
      async () => {
        await electPreferredLeaders(cluster.brokers[0], topic, PARTITIONS)
        return `${await leadersOf(topic)}` === `${preferred}`
      },
      { deadline: RECOVERY_MS, message: `leaders ${preferred}` }
    )
    await load.goesOn(`after election ${step}`)
  }
  t.diagnostic(await load.finish())
})
