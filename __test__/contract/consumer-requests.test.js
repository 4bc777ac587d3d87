'use strict'

/** Contract 4.1, 4.2, 4.4, 4.7, 4.11: what a consumer asks brokers for; a scripted broker notes it. */

const { describe } = require('node:test')
const { contract, waitFor, within } = require('../harness')
const { API, write } = require('../consumer/scriptedBroker')
const { TOPIC, makeScripted } = require('./scriptedConsumer')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }
const UNKNOWN_MEMBER_ID = 25
const COORDINATOR_LOAD_IN_PROGRESS = 14

const readJoin = decoder => ({
  groupId: decoder.readString(),
  sessionTimeout: decoder.readInt32(),
  rebalanceTimeout: decoder.readInt32(),
  memberId: decoder.readString(),
  protocolType: decoder.readString(),
  protocols: decoder.readArray(d => [d.readString(), d.readBytes()]).map(([name]) => name),
})

const readFetchLimits = decoder => ({
  replicaId: decoder.readInt32(),
  maxWait: decoder.readInt32(),
  minBytes: decoder.readInt32(),
  maxBytes: decoder.readInt32(),
  isolationLevel: decoder.readInt8(),
})

const readCommit = decoder => ({
  groupId: decoder.readString(),
  generation: decoder.readInt32(),
  memberId: decoder.readString(),
  retention: decoder.readInt64().toString(),
  topics: decoder.readArray(d => ({
    topic: d.readString(),
    partitions: d.readArray(row => ({
      partition: row.readInt32(),
      offset: row.readInt64().toString(),
      metadata: row.readString(),
    })),
  })),
})

/** Notes the first request of each kind that says what options of a consumer become. */
function noteRequests() {
  const noted = {}
  const note = (name, read) => decoder => {
    noted[name] ??= read(decoder)
  }
  const answers = {
    [API.JOIN_GROUP]: note('JoinGroup', readJoin),
    [API.FETCH]: note('Fetch', readFetchLimits),
    [API.LIST_OFFSETS]: note('ListOffsets', decoder => {
      decoder.readInt32()
      return { isolationLevel: decoder.readInt8() }
    }),
    [API.METADATA]: note('Metadata', decoder => ({
      topics: decoder.readArray(d => d.readString()),
      allowAutoTopicCreation: decoder.readBoolean(),
    })),
  }
  return { noted, answers }
}

const SMALL_FIRST_FETCH = {
  reason:
    'a partition is asked for less until it is known how much its records grow when they are decompressed',
  kafkajs: [1_048_576],
  ours: [262_144],
}

describe('what consumers ask brokers for', { concurrency: 6 }, () => {
  for (const [name, options, differences] of [
    ['defaults', {}, { maxBytesPerPartition: SMALL_FIRST_FETCH }],
    [
      'as given',
      {
        sessionTimeout: 12_000,
        rebalanceTimeout: 20_000,
        heartbeatInterval: 1000,
        minBytes: 2,
        maxBytes: 20_000,
        maxBytesPerPartition: 1000,
        maxWaitTimeInMs: 50,
        readUncommitted: true,
        allowAutoTopicCreation: false,
        rackId: 'rack-a',
      },
      {},
    ],
  ]) {
    contract(`4.1 options on the wire, ${name}`, { ...NO_TOPIC, differences }, async context => {
      const { record } = context
      const { noted, answers } = noteRequests()
      const { broker, start } = await makeScripted(context, { answers }, options)
      await start()
      await waitFor(() => noted.Fetch && broker.asks.length > 0, DEADLINE)
      record('JoinGroup', noted.JoinGroup)
      record('Fetch', noted.Fetch)
      record('ListOffsets', noted.ListOffsets)
      record('Metadata', noted.Metadata)
      const [{ maxBytes, rack }] = broker.asks
      record('rack', rack)
      record('maxBytesPerPartition', maxBytes)
    })
  }

  contract('4.11 assigners are offered in order, by their names', NO_TOPIC, async context => {
    const { record, kafkajs } = context
    const { roundRobin } = kafkajs.PartitionAssigners
    const assigner = name => config => ({
      ...roundRobin(config),
      name,
      protocol: ({ topics }) => ({
        name,
        metadata: kafkajs.AssignerProtocol.MemberMetadata.encode({ version: 0, topics }),
      }),
    })
    const { noted, answers } = noteRequests()
    const partitionAssigners = [assigner('z'), roundRobin, assigner('a')]
    const { start } = await makeScripted(
      context,
      { answers },
      { partitionAssigners, maxWaitTimeInMs: 50 }
    )
    await start()
    record('protocols', noted.JoinGroup.protocols)
  })

  for (const [name, rebalanceTimeout, requestTimeout, least] of [
    ['rebalanceTimeout and 5 s', 1000, 1500, 5000],
    ['requestTimeout, if that is more,', 1, 7000, 5500],
  ]) {
    contract(`4.1 JoinGroup has ${name} for its answer`, NO_TOPIC, async context => {
      const { record } = context
      let askedAt
      const { consumer, start } = await makeScripted(
        context,
        {
          answers: {
            [API.JOIN_GROUP]: () => {
              askedAt ??= Date.now()
              return 'silence'
            },
          },
        },
        {
          rebalanceTimeout,
          retry: { retries: 0, restartOnFailure: async () => false },
          settings: { requestTimeout },
        }
      )
      const timedOut = new Promise(resolve => {
        consumer.on(consumer.events.REQUEST_TIMEOUT, ({ payload }) => {
          if (payload.apiName === 'JoinGroup') resolve(Date.now() - askedAt)
        })
      })
      const crashed = new Promise(resolve => {
        consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload))
      })
      await start()
      const elapsed = await within(30_000, timedOut, 'REQUEST_TIMEOUT')
      // The broker may hear of it late.
      record('about that', elapsed > least && elapsed < 20_000)
      record('restart', (await within(30_000, crashed, 'CRASH')).restart)
    })
  }

  contract('4.2 an error of LeaveGroup is swallowed', NO_TOPIC, async context => {
    const { record } = context
    let asked = 0
    const { consumer, start } = await makeScripted(
      context,
      {
        answers: {
          [API.LEAVE_GROUP]: () => {
            asked++
            return write(encoder => encoder.writeInt16(UNKNOWN_MEMBER_ID))
          },
        },
      },
      { maxWaitTimeInMs: 50 }
    )
    context.recordEvents(consumer, [consumer.events.STOP, consumer.events.DISCONNECT])
    await start()
    record('stop', await within(15_000, consumer.stop(), 'stop'))
    record('asked', asked)
  })

  for (const subscriptions of [
    [true, false],
    [false, true],
  ]) {
    const name = `4.3 the last fromBeginning of a topic counts: ${subscriptions}`
    contract(name, NO_TOPIC, async context => {
      const asked = new Set()
      const offsetAt = timestamp => {
        asked.add(timestamp)
        return 0
      }
      const { broker, consumer } = await makeScripted(
        context,
        { offsetAt },
        { maxWaitTimeInMs: 50 }
      )
      for (const fromBeginning of subscriptions) {
        await consumer.subscribe({ topic: TOPIC, fromBeginning })
      }
      await consumer.run({ eachMessage: async () => {} })
      await waitFor(() => broker.asks.length > 0, DEADLINE)
      context.record('timestamps', [...asked])
    })
  }

  contract(
    '4.4 brokers that lead nothing are asked nothing, and tell FETCH_START',
    NO_TOPIC,
    async context => {
      const { record } = context
      const nodes = new Set()
      const { broker, consumer, start } = await makeScripted(
        context,
        { nodes: 2 },
        { maxWaitTimeInMs: 50 }
      )
      consumer.on(consumer.events.FETCH_START, ({ payload }) => nodes.add(Number(payload.nodeId)))
      await start()
      await waitFor(() => broker.asks.length > 0 && nodes.size === 2, DEADLINE)
      record('asked', [...new Set(broker.asks.map(({ node }) => node))])
      record('FETCH_START', [...nodes].sort())
    }
  )

  contract(
    '4.7 a commit carries member, generation, and null as metadata',
    NO_TOPIC,
    async context => {
      const { record } = context
      const commits = []
      const { consumer, start } = await makeScripted(
        context,
        {
          answers: {
            [API.OFFSET_COMMIT]: decoder => {
              commits.push(readCommit(decoder))
            },
          },
        },
        { maxWaitTimeInMs: 50 }
      )
      await start()
      await consumer.commitOffsets([{ topic: TOPIC, partition: 0, offset: 7n }])
      await consumer.commitOffsets([{ topic: TOPIC, partition: 0, offset: '8', metadata: 'm' }])
      await consumer.commitOffsets([])
      record('commits', commits)
    }
  )

  contract('4.7 commitOffsets is tried again', NO_TOPIC, async context => {
    const { record } = context
    let asked = 0
    const { broker, consumer, start } = await makeScripted(
      context,
      {
        answers: {
          [API.OFFSET_COMMIT]: () => {
            asked++
            if (asked > 2) return undefined
            return write(encoder => {
              encoder.writeInt32(1).writeString(TOPIC).writeInt32(1)
              encoder.writeInt32(0).writeInt16(COORDINATOR_LOAD_IN_PROGRESS)
            })
          },
        },
      },
      { maxWaitTimeInMs: 50, retry: { retries: 4, initialRetryTime: 20 } }
    )
    await start()
    record('result', await consumer.commitOffsets([{ topic: TOPIC, partition: 0, offset: '7' }]))
    record('asked', asked)
    record('stored', broker.commits)
  })
})
