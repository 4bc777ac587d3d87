'use strict'

const { MemberAssignment, MemberMetadata } = require('kafkajs/src/consumer/assignerProtocol')
const { connectRaw, encodeRequest } = require('./connection')
const { countFetched, encodeFetch } = require('./fetch')

const MEMBER_METADATA_VERSION = 1
const SESSION_TIMEOUT_MS = 30000
const PROTOCOL = 'raw'
/** A timestamp that stands for the first offset there is. */
const EARLIEST = -2

/** Joins a group of one; a broker refuses the first attempt, to give the member its id (KIP-394). */
async function join(ask, groupId, topic) {
  const metadata = MemberMetadata.encode({ version: MEMBER_METADATA_VERSION, topics: [topic] })
  const request = memberId => ({
    groupId,
    memberId,
    sessionTimeout: SESSION_TIMEOUT_MS,
    rebalanceTimeout: SESSION_TIMEOUT_MS,
    protocolType: 'consumer',
    groupProtocols: [{ name: PROTOCOL, metadata }],
  })
  try {
    return await ask('joinGroup', 5, request(''))
  } catch (error) {
    if (error.memberId === undefined) throw error
    return ask('joinGroup', 5, request(error.memberId))
  }
}

/**
 * What a consumer has to ask a broker, one after the other, before it has the first message of a new group: nothing of
 * it can be left out, and each answer is needed for the next question.
 *
 * @type {import('..').Client['startConsumer']}
 */
async function startRawConsumer({ brokers, topic, groupId, onMessage }) {
  const connection = await connectRaw(brokers[0])
  const ask = async (api, version, fields) => {
    const { protocol } = require(`kafkajs/src/protocol/requests/${api}`)
    const { request, response } = protocol({ version })(fields)
    const answer = await connection.ask(await encodeRequest({ request }))
    return response.parse(await response.decode(answer))
  }

  await ask('apiVersions', 2, {})
  const { topicMetadata } = await ask('metadata', 6, {
    topics: [topic],
    allowAutoTopicCreation: false,
  })
  const partitions = topicMetadata[0].partitionMetadata.map(({ partitionId }) => partitionId)
  await ask('findCoordinator', 2, { groupId })
  const { generationId, memberId } = await join(ask, groupId, topic)
  const memberAssignment = MemberAssignment.encode({
    version: MEMBER_METADATA_VERSION,
    assignment: { [topic]: partitions },
  })
  await ask('syncGroup', 2, {
    groupId,
    generationId,
    memberId,
    groupAssignment: [{ memberId, memberAssignment }],
  })
  const wanted = partitions.map(partition => ({ partition }))
  await ask('offsetFetch', 4, { groupId, topics: [{ topic, partitions: wanted }] })
  const { responses } = await ask('listOffsets', 3, {
    topics: [{ topic, partitions: wanted.map(each => ({ ...each, timestamp: EARLIEST })) }],
  })
  const offsets = []
  for (const { partition, offset } of responses[0].partitions) offsets[partition] = Number(offset)
  while (countFetched(await connection.ask(await encodeFetch(topic, offsets)), offsets) === 0);
  onMessage()

  return {
    async stop() {
      await ask('leaveGroup', 2, { groupId, memberId })
      await connection.close()
    },
  }
}

module.exports = { startRawConsumer }
