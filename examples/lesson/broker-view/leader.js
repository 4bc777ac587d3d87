'use strict'

const { Writer, ask } = require('./connection')

const METADATA = 3

/**
 * @param {string} broker - `host:port` of any broker of the cluster
 * @param {string} topic
 * @param {number} partition
 * @returns {Promise<string>} `host:port` of the partition's leader
 */
async function findLeader(broker, topic, partition) {
  const body = new Writer().int32(1).string(topic)
  const answer = await ask(broker, { apiKey: METADATA, apiVersion: 1, body })

  const addresses = new Map(
    answer.array(() => {
      const nodeId = answer.int32()
      const address = `${answer.string()}:${answer.int32()}`
      answer.string() // rack
      return [nodeId, address]
    })
  )
  answer.int32() // controller
  const topics = answer.array(() => {
    answer.int16() // error code: such a topic has no partitions
    const name = answer.string()
    answer.boolean() // internal
    const leaders = answer.array(() => {
      answer.int16()
      const entry = [answer.int32(), answer.int32()]
      answer.array(() => answer.int32()) // replicas
      answer.array(() => answer.int32()) // in-sync replicas
      return entry
    })
    return { name, leaders: new Map(leaders) }
  })

  const leader = topics.find(({ name }) => name === topic)?.leaders.get(partition)
  const address = addresses.get(leader)
  if (!address) throw new Error(`${broker} knows no leader of ${topic}/${partition}`)
  return address
}

module.exports = { findLeader }
