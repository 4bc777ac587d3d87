'use strict'

/** Groups with several members, also mixed of kafkajs and the library under test. Sections 4.8 and 4.11. */

const { contract, reference, waitFor, within } = require('../harness')
const { SHORT_POLL, committedOffsets, linesOf } = require('./observe')

const PARTITIONS = 4
const GROUP_OPTIONS = { ...SHORT_POLL, sessionTimeout: 10000, heartbeatInterval: 100 }
const DISCONNECT_MS = 5000

/** kafkajs itself, beside the library under test; as `context.kafka()` its clients end with the test. */
function referenceKafka({ brokers, onEnd }) {
  const { Kafka, logLevel } = reference.load()
  const kafka = new Kafka({ clientId: 'reference', brokers, logLevel: logLevel.NOTHING })
  return {
    consumer(options) {
      const consumer = kafka.consumer(options)
      onEnd(() => consumer.disconnect())
      return consumer
    },
  }
}

/**
 * Starts a member and notes what happens to it.
 *
 * @param {object} context
 * @param {object} [options]
 * @param {object} [options.kafka]  default: of the library under test
 * @param {(payload: object) => Promise<void>} [options.handle]  called before a message counts as handled
 */
async function startMember(context, { kafka = context.kafka(), handle = async () => {} } = {}) {
  const { topic, group } = context
  const consumer = kafka.consumer({ groupId: group, ...GROUP_OPTIONS })
  const member = {
    consumer,
    partitions: [],
    joins: 0,
    leader: false,
    rebalancing: 0,
    crashes: [],
    handled: [],
  }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
    member.joins++
    member.leader = payload.isLeader
    member.partitions = [...(payload.memberAssignment[topic] ?? [])].sort()
  })
  consumer.on(consumer.events.REBALANCING, () => member.rebalancing++)
  consumer.on(consumer.events.CRASH, ({ payload }) => member.crashes.push(payload.error))
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async payload => {
      await handle(payload)
      member.handled.push(String(payload.message.value))
    },
  })
  return member
}

/** Resolves when every member has a share of all partitions and none is in two hands. */
function shared(members, count = PARTITIONS / members.length) {
  return waitFor(
    () => {
      const all = members.flatMap(({ partitions }) => partitions)
      return (
        members.every(({ partitions }) => partitions.length === count) &&
        new Set(all).size === PARTITIONS
      )
    },
    { message: `${members.length} members with ${count} partitions each` }
  )
}

async function sendToEach({ kafka, topic }, label) {
  const producer = kafka().producer()
  await producer.connect()
  const values = Array.from({ length: PARTITIONS }, (_, partition) => `${label}-${partition}`)
  await producer.send({ topic, messages: values.map((value, partition) => ({ value, partition })) })
  await producer.disconnect()
  return values
}

function allHandled(members, values) {
  return waitFor(
    () => values.every(value => members.some(({ handled }) => handled.includes(value))),
    { message: `every message of ${values}` }
  )
}

contract(
  'two members share the partitions; one leaves, the other takes over',
  { partitions: PARTITIONS },
  async context => {
    const { record } = context
    const first = await startMember(context)
    await shared([first])
    record('alone', first.partitions)
    await allHandled([first], await sendToEach(context, 'alone'))

    const second = await startMember(context)
    await shared([first, second])
    record('leaders', [first.leader, second.leader])
    await allHandled([first, second], await sendToEach(context, 'both'))
    record(
      'each has handled',
      [first, second].map(({ handled }) => handled.filter(value => value.startsWith('both')).length)
    )

    await within(DISCONNECT_MS, second.consumer.disconnect(), 'disconnect')
    await shared([first])
    await allHandled([first], await sendToEach(context, 'again'))
    await within(DISCONNECT_MS, first.consumer.disconnect(), 'disconnect')

    record('again', first.handled.filter(value => value.startsWith('again')).sort())
    record('rebalancing', [first.rebalancing > 0, second.rebalancing])
    record(
      'crashes',
      [first, second].map(({ crashes }) => crashes)
    )
    record('committed', await committedOffsets(context))
  }
)

contract('more members than partitions: who has none waits', { partitions: 1 }, async context => {
  const { record, topic, kafka } = context
  const first = await startMember(context)
  const second = await startMember(context)
  await waitFor(() => first.joins > 1 && second.joins > 0)
  await waitFor(() => first.partitions.length + second.partitions.length === 1)
  const [owner, idle] = first.partitions.length ? [first, second] : [second, first]

  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'a' }] })
  await allHandled([owner], ['a'])
  record('idle', [idle.partitions, idle.handled])

  await within(DISCONNECT_MS, owner.consumer.disconnect(), 'disconnect')
  await waitFor(() => idle.partitions.length === 1)
  await producer.send({ topic, messages: [{ value: 'b' }] })
  await allHandled([idle], ['b'])
  record('idle takes over', idle.handled)
})

for (const leads of ['kafkajs', 'the library under test']) {
  contract(
    `a group mixed with kafkajs, ${leads} leads`,
    { partitions: PARTITIONS },
    async context => {
      const { record } = context
      const referenceFirst = leads === 'kafkajs'
      const kafkas = [referenceKafka(context), context.kafka()]
      if (!referenceFirst) kafkas.reverse()

      const first = await startMember(context, { kafka: kafkas[0] })
      await shared([first])
      const second = await startMember(context, { kafka: kafkas[1] })
      await shared([first, second])
      record('leaders', [first.leader, second.leader])

      await allHandled([first, second], await sendToEach(context, 'mixed'))
      record(
        'each has handled',
        [first, second].map(({ handled }) => handled.length)
      )

      // The leader goes, and with it the task to assign changes hands.
      await within(DISCONNECT_MS, first.consumer.disconnect(), 'disconnect')
      await shared([second])
      record('the other leads', second.leader)
      await allHandled([second], await sendToEach(context, 'rest'))
      await within(DISCONNECT_MS, second.consumer.disconnect(), 'disconnect')

      record(
        'crashes',
        [first, second].map(({ crashes }) => crashes)
      )
      record('committed', await committedOffsets(context))
    }
  )
}

contract(
  'a rebalance within a handler: heartbeat() throws, the message is handled again',
  { partitions: 2 },
  async context => {
    const { record, topic, kafka } = context
    const producer = kafka().producer()
    await producer.connect()
    await producer.send({
      topic,
      messages: [0, 1].map(partition => ({ value: `v${partition}`, partition })),
    })

    let second
    let thrown
    const first = await startMember(context, {
      handle: async ({ heartbeat }) => {
        if (thrown) return
        second ??= startMember(context)
        thrown = await waitFor(
          () =>
            heartbeat().then(
              () => null,
              error => error
            ),
          {
            message: 'a heartbeat that throws',
          }
        )
        throw thrown
      },
    })
    await waitFor(() => thrown, { message: 'the rebalance' })
    const other = await second
    await allHandled([first, other], ['v0', 'v1'])

    const { name, type, code, retriable, message, helpUrl } = thrown
    record('heartbeat threw', { name, type, code, retriable, message, helpUrl })
    record(
      'crashes',
      [first, other].map(({ crashes }) => crashes)
    )
  }
)

contract(
  'a topic that grows: the group takes the new partitions',
  { partitions: 1 },
  async context => {
    const { topic, kafka, record, onEnd } = context
    const consumer = kafka().consumer({
      groupId: context.group,
      ...GROUP_OPTIONS,
      metadataMaxAge: 200,
    })
    const assigned = []
    const seen = []
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => {
      assigned.push([...payload.memberAssignment[topic]].sort())
    })
    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    await consumer.run({ eachMessage: async ({ partition }) => seen.push(partition) })

    const { Kafka, logLevel } = reference.load()
    const admin = new Kafka({ brokers: context.brokers, logLevel: logLevel.NOTHING }).admin()
    await admin.connect()
    onEnd(() => admin.disconnect())
    await admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] })
    await waitFor(() => assigned.at(-1).length === 3, { message: 'three partitions' })

    const producer = kafka().producer()
    await producer.connect()
    await producer.send({
      topic,
      messages: [0, 1, 2].map(partition => ({ value: 'v', partition })),
    })
    await waitFor(() => new Set(seen).size === 3)
    record('assigned', [assigned[0], assigned.at(-1)])
    record('lines', linesOf(context, 'Topic has been updated').slice(0, 1))
  }
)
