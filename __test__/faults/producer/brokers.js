'use strict'

/** Three brokers, and what tests of the producer do to them. */

const { createTopic, uniqueTopic, waitFor, withAdmin } = require('../../harness')

/** A broker that was killed is found gone after 3 s, an active controller that was killed after 6. */
const RECOVERY_MS = 60_000

/**
 * @param {import('../../../broker/cluster').Cluster} cluster
 * @param {string} topic
 * @returns {Promise<{ partition: number, leader: number, isr: number[] }[]>} by partition, of brokers that run
 */
function partitionsOf(cluster, topic) {
  return withAdmin(runningBrokers(cluster), async admin => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions
      .map(({ partitionId, leader, isr }) => ({ partition: partitionId, leader, isr }))
      .sort((a, b) => a.partition - b.partition)
  })
}

/** @returns {string[]} addresses of the nodes that run */
function runningBrokers(cluster) {
  return cluster.nodes.filter(({ running }) => running).map(({ port }) => `127.0.0.1:${port}`)
}

/** @returns {Promise<number>} node id of the partition's leader */
async function leaderOf(cluster, topic, partition) {
  return (await partitionsOf(cluster, topic))[partition].leader
}

/** Waits until every replica of every partition is in sync, as it has to be before the next broker may die. */
async function waitForReplicas(cluster, topic) {
  await waitFor(
    async () => (await partitionsOf(cluster, topic)).every(({ isr }) => isr.length === 3),
    { deadline: RECOVERY_MS, message: `all replicas of ${topic} in sync` }
  )
}

/** A topic of three partitions, each led by another broker. */
async function topicOnThree(cluster, config = {}) {
  return waitFor(
    async () => {
      const topic = uniqueTopic()
      await createTopic(topic, { partitions: 3, replicationFactor: 3, config, on: cluster.brokers })
      await waitForReplicas(cluster, topic)
      const leaders = new Set((await partitionsOf(cluster, topic)).map(({ leader }) => leader))
      return leaders.size === 3 && topic
    },
    { deadline: RECOVERY_MS, message: 'a topic led by three brokers' }
  )
}

module.exports = {
  RECOVERY_MS,
  leaderOf,
  partitionsOf,
  runningBrokers,
  topicOnThree,
  waitForReplicas,
}
