'use strict'

/**
 * How far groups are behind: committed offsets against the ends of the partitions.
 *
 *     node examples/lag.js [groupId...]
 *
 * Without a group it shows all of them. In a program of yours it is `require('kafkajs-rs')`.
 * KAFKA_BROKERS=host:port,... names the cluster; default localhost:9092.
 */

const { Kafka, logLevel } = require('..')

const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',')

/** @returns {Promise<{ groupId: string, topic: string, partition: number, behind: bigint }[]>} */
async function lagOf(admin, groupId) {
  const committed = await admin.fetchOffsets({ groupId })
  const lags = await Promise.all(
    committed.map(async ({ topic, partitions }) => {
      const ends = new Map(
        (await admin.fetchTopicOffsets(topic)).map(({ partition, high }) => [partition, high])
      )
      return partitions
        .filter(({ offset }) => offset !== '-1')
        .map(({ partition, offset }) => ({
          groupId,
          topic,
          partition,
          // Offsets are strings because they may exceed what a number can hold.
          behind: BigInt(ends.get(partition)) - BigInt(offset),
        }))
    })
  )
  return lags.flat()
}

async function main() {
  const admin = new Kafka({ clientId: 'lag', brokers, logLevel: logLevel.WARN }).admin()
  await admin.connect()
  try {
    const all = async () => (await admin.listGroups()).groups.map(({ groupId }) => groupId)
    const groups = process.argv.length > 2 ? process.argv.slice(2) : await all()
    const { groups: described } = await admin.describeGroups(groups)
    for (const { groupId, state, members } of described) {
      console.log(`${groupId}: ${state}, ${members.length} members`)
      for (const { topic, partition, behind } of await lagOf(admin, groupId)) {
        console.log(`  ${topic}/${partition} is ${behind} behind`)
      }
    }
  } finally {
    await admin.disconnect()
  }
}

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
