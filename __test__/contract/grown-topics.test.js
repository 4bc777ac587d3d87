'use strict'

/** Contract 8.5: partitions that come while a group runs, as they are logged. */

const { contract, waitFor } = require('../harness')
const { SHORT_POLL } = require('./observe')

const DEADLINE = { deadline: 30_000 }

const linesOf = (logs, text) =>
  logs
    .filter(({ log }) => log.message.startsWith(text))
    .map(({ namespace, label, log }) => [namespace, label, log])

/** Resolves when every broker that is asked knows of so many partitions. */
async function grow(admin, topic, count) {
  await admin.createPartitions({ topicPartitions: [{ topic, count }] })
  await waitFor(async () => {
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] })
    return topics[0].partitions.length === count
  }, DEADLINE)
}

contract('8.5 a topic that grows: Topic has been updated, resync group', async context => {
  const { group, kafka, logs, record, topic } = context
  const client = kafka()
  const consumer = client.consumer({ groupId: group, metadataMaxAge: 200, ...SHORT_POLL })
  const assigned = []
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) =>
    assigned.push(payload.memberAssignment[topic])
  )
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => assigned.length > 0, DEADLINE)
  await grow(client.admin(), topic, 2)
  await waitFor(() => assigned.at(-1).length === 2, DEADLINE)
  const [namespace, label, { memberId, ...log }] = linesOf(logs, 'Topic has been updated')[0]
  record('line', [namespace, label, log, typeof memberId])
  record('assigned', [assigned[0], assigned.at(-1)])
})

contract('8.5 partitions that only the leader knew of', async context => {
  const { group, kafka, kafkajs, logs, record, topic } = context
  const client = kafka()
  const admin = client.admin()
  const { MemberAssignment, MemberMetadata } = kafkajs.AssignerProtocol
  let growing
  const assigner = () => ({
    name: 'Growing',
    version: 0,
    assign: async ({ members }) => {
      growing ??= grow(admin, topic, 2)
      await growing
      return members.map(({ memberId }) => ({
        memberId,
        memberAssignment: MemberAssignment.encode({ version: 0, assignment: { [topic]: [0, 1] } }),
      }))
    },
    protocol: ({ topics }) => ({
      name: 'Growing',
      metadata: MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }),
    }),
  })
  const options = { groupId: group, partitionAssigners: [assigner], ...SHORT_POLL }
  const consumer = client.consumer(options)
  await consumer.subscribe({ topic })
  await consumer.run({ eachMessage: async () => {} })
  const text = 'Consumer is not aware of all assigned partitions'
  await waitFor(() => linesOf(logs, text).length > 0, DEADLINE)
  const [namespace, label, log] = linesOf(logs, text)[0]
  const { memberId, groupId, generationId, ...fields } = log
  record('line', [namespace, label, fields])
  record('member', [typeof memberId, groupId === group])
})
