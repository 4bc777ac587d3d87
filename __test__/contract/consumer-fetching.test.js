'use strict'

/**
 * Contract 4.1, 4.2, 4.4, 4.8, 4.11, 4.12: when a consumer asks brokers for something, and what it tells of
 * it; a scripted broker notes it.
 */

const { describe } = require('node:test')
const { contract, waitFor, within } = require('../harness')
const { API, startScriptedBroker, write } = require('../consumer/scriptedBroker')
const { consumerOptions } = require('../../src/options')
const { linesOf } = require('./observe')
const { TOPIC, consumeScripted, makeScripted, serve } = require('./scriptedConsumer')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }
const REBALANCE_IN_PROGRESS = 27
const CONSUMER_GROUP_HEARTBEAT = 68
const MEMBER = 'member-1'

/** Answers as `serve` does, and counts what is asked for by API key. */
function counted(keys, script = {}) {
  const counts = Object.fromEntries(keys.map(key => [key, 0]))
  const answers = { ...script.answers }
  for (const key of keys) {
    const answer = script.answers?.[key]
    answers[key] = (...args) => {
      counts[key]++
      return answer?.(...args)
    }
  }
  return { counts, script: { ...script, answers } }
}

describe('when consumers ask for something, and what they tell', { concurrency: 6 }, () => {
  contract('4.1 metadataMaxAge is five minutes when left out', NO_TOPIC, async context => {
    const { kafka, group, library } = context
    let theirs
    const assigner = ({ cluster }) => {
      theirs = cluster.brokerPool?.metadataMaxAge
      return { name: 'a', version: 0, assign: async () => [], protocol: () => ({}) }
    }
    kafka().consumer({ groupId: group, partitionAssigners: [assigner] })
    const { metadataMaxAge } = consumerOptions({ groupId: group })
    context.record('milliseconds', library === 'kafkajs' ? theirs : metadataMaxAge)
  })

  for (const [name, options] of [
    ['left out', {}],
    ['100 ms', { metadataMaxAge: 100 }],
  ]) {
    contract(`4.1 metadataMaxAge ${name}: is metadata asked for again`, NO_TOPIC, async context => {
      const { counts, script } = counted([API.METADATA])
      const { broker } = await consumeScripted(context, script, options)
      await waitFor(() => broker.asks.length > 0, DEADLINE)
      const before = counts[API.METADATA]
      const since = broker.asks.length
      const isAgain = () => counts[API.METADATA] > before
      // 1.5 s and more, in fetches: metadata is looked after by the second.
      const isOver = () => broker.asks.length > since + 30
      await waitFor(() => (options.metadataMaxAge ? isAgain() : isOver()), DEADLINE)
      context.record('again', isAgain())
    })

    contract(
      `4.1 metadataMaxAge ${name}: how long a read replica is kept`,
      NO_TOPIC,
      async context => {
        const give = serve(1)
        const fetch = ask => (ask.node === 1 ? { end: 1, replica: 2 } : give(ask))
        const { broker } = await consumeScripted(context, { nodes: 2, fetch }, options)
        const asked = node => broker.asks.filter(ask => ask.node === node).length
        await waitFor(() => asked(2) > 0, DEADLINE)
        const before = asked(1)
        const isAgain = () => asked(1) > before
        const isOver = () => asked(2) > 20
        await waitFor(() => (options.metadataMaxAge ? isAgain() : isOver()), DEADLINE)
        context.record('the leader is asked again', isAgain())
        context.record('lines', linesOf(context, 'Preferred read replica is now').slice(0, 1))
      }
    )
  }

  contract('4.2 run resolves after the first FETCH_START', NO_TOPIC, async context => {
    const { consumer, start } = await makeScripted(context, {}, { maxWaitTimeInMs: 50 })
    const order = []
    const { CONNECT, GROUP_JOIN, FETCH_START } = consumer.events
    for (const name of [CONNECT, GROUP_JOIN, FETCH_START]) {
      consumer.on(name, ({ type }) => order.push(type))
    }
    await start()
    order.push('run resolved')
    context.record('order', order.slice(0, order.indexOf(FETCH_START) + 1))
    context.record(
      'before run resolved',
      order.indexOf(FETCH_START) < order.indexOf('run resolved')
    )
  })

  contract(
    '4.3 a pattern with the flag g',
    {
      ...NO_TOPIC,
      differences: {
        subscribed: {
          reason: 'whether a topic matches is a matter of its name, not of those before it',
          kafkajs: [['a-1', 'a-3']],
          ours: [['a-1', 'a-2', 'a-3']],
        },
      },
    },
    async context => {
      const { kafkajs, group, kafka, onEnd } = context
      const broker = await startScriptedBroker({
        topic: 'other',
        otherTopics: ['a-1', 'a-2', 'a-3'],
        fetch: () => ({}),
      })
      onEnd(() => broker.close())
      let subscribed
      const assigner = config => ({
        ...kafkajs.PartitionAssigners.roundRobin(config),
        protocol: ({ topics }) => {
          subscribed = topics
          const metadata = kafkajs.AssignerProtocol.MemberMetadata.encode({ version: 0, topics })
          return { name: 'RoundRobinAssigner', metadata }
        },
      })
      const consumer = kafka({ brokers: broker.brokers }).consumer({
        groupId: group,
        partitionAssigners: [assigner],
        maxWaitTimeInMs: 50,
      })
      await consumer.subscribe({ topic: /^a-/g })
      const running = consumer.run({ eachMessage: async () => {} })
      await waitFor(() => subscribed, DEADLINE)
      context.record('subscribed', [...subscribed].sort())
      await running
    }
  )

  contract(
    '4.4 with nothing to ask for, a fetch lasts maxWaitTimeInMs',
    NO_TOPIC,
    async context => {
      const { record } = context
      const { broker, consumer } = await consumeScripted(context, {}, { maxWaitTimeInMs: 200 })
      await waitFor(() => broker.asks.length > 0, DEADLINE)
      consumer.pause([{ topic: TOPIC }])
      const durations = []
      let asks
      consumer.on(consumer.events.FETCH, ({ payload }) => {
        durations.push(payload.duration)
        // That before may have begun before the pause.
        if (durations.length === 2) asks = broker.asks.length
      })
      await waitFor(() => durations.length >= 5, DEADLINE)
      // Timers may be a little early.
      record(
        'long enough',
        durations.slice(2, 5).every(duration => duration >= 190)
      )
      record('asked', broker.asks.length - asks)
    }
  )

  contract(
    '4.4 no partition waits for ever behind the others of its fetch',
    NO_TOPIC,
    async context => {
      // As a broker whose answer is full with the first partition.
      const fetch = async ask => {
        if (ask.place > 0) return { end: 1_000_000 }
        const { records } = await serve(ask.offset + 1)(ask)
        return { records, end: 1_000_000 }
      }
      const partitions = new Set()
      const eachMessage = async ({ partition }) => partitions.add(partition)
      await consumeScripted(context, { partitions: 4, fetch }, { run: { eachMessage } })
      await waitFor(() => partitions.size === 4, DEADLINE)
      context.record('partitions', [...partitions].sort())
    }
  )

  contract('4.8 heartbeat() before its time: no request, no HEARTBEAT', NO_TOPIC, async context => {
    const { record } = context
    const { counts, script } = counted([API.HEARTBEAT], { fetch: serve(3) })
    const events = []
    const results = []
    const options = { heartbeatInterval: 20_000, sessionTimeout: 60_000 }
    const { consumer, start } = await makeScripted(context, script, {
      ...options,
      maxWaitTimeInMs: 50,
      run: { eachMessage: async ({ heartbeat }) => results.push(await heartbeat()) },
    })
    consumer.on(consumer.events.HEARTBEAT, ({ type }) => events.push(type))
    await start()
    await waitFor(() => results.length === 3, DEADLINE)
    await consumer.disconnect()
    record('results', results)
    record('requests', counts[API.HEARTBEAT])
    record('events', events)
  })

  contract('4.8 HEARTBEAT tells of requests that were sent', NO_TOPIC, async context => {
    const { record } = context
    const { counts, script } = counted([API.HEARTBEAT])
    const { consumer, start } = await makeScripted(context, script, {
      heartbeatInterval: 50,
      maxWaitTimeInMs: 50,
    })
    const payloads = []
    let tooMany = 0
    consumer.on(consumer.events.HEARTBEAT, ({ payload }) => {
      payloads.push(payload)
      if (payloads.length > counts[API.HEARTBEAT]) tooMany++
    })
    await start()
    await waitFor(() => payloads.length >= 5, DEADLINE)
    record('payload', payloads[0])
    record('more than requests', tooMany)
    await waitFor(() => payloads.length === counts[API.HEARTBEAT], DEADLINE)
  })

  contract('4.11 no static member, eager, the classic protocol', NO_TOPIC, async context => {
    const { record } = context
    const joins = []
    const readJoin = decoder => ({
      groupId: decoder.readString(),
      timeouts: [decoder.readInt32(), decoder.readInt32()],
      memberId: decoder.readString(),
      groupInstanceId: decoder.readString(),
      protocolType: decoder.readString(),
      protocols: decoder.readArray(d => ({ name: d.readString(), metadata: d.readBytes() })),
    })
    const offsetsAskedFor = []
    let refusals = 1
    const { counts, script } = counted([CONSUMER_GROUP_HEARTBEAT, API.OFFSET_FETCH], {
      partitions: 2,
      versions: { [API.JOIN_GROUP]: [5, 5], [CONSUMER_GROUP_HEARTBEAT]: [0, 1] },
      answers: {
        [API.JOIN_GROUP]: decoder => {
          const join = readJoin(decoder)
          joins.push(join)
          const [{ name, metadata }] = join.protocols
          return write(encoder => {
            encoder.writeInt32(0).writeInt16(0).writeInt32(joins.length).writeString(name)
            encoder.writeString(MEMBER).writeString(MEMBER).writeInt32(1)
            encoder.writeString(MEMBER).writeString(null).writeBytes(metadata)
          })
        },
        [API.HEARTBEAT]: () =>
          refusals-- > 0 ? write(encoder => encoder.writeInt16(REBALANCE_IN_PROGRESS)) : undefined,
        [API.OFFSET_FETCH]: decoder => {
          decoder.readString()
          const topics = decoder.readArray(d => ({
            topic: d.readString(),
            partitions: d.readArray(row => row.readInt32()),
          }))
          offsetsAskedFor.push(...topics.map(({ partitions }) => partitions.sort()))
        },
      },
    })
    const { seen } = await consumeScripted(context, script)
    await waitFor(() => seen.joins === 2 && offsetsAskedFor.length === 2, DEADLINE)
    record('joins', joins)
    // All partitions are given back, and begun anew.
    record('offsets asked for', offsetsAskedFor)
    record('of KIP-848', counts[CONSUMER_GROUP_HEARTBEAT])
  })

  contract('4.12 the events of a life, in order', NO_TOPIC, async context => {
    const { record } = context
    const { consumer, start } = await makeScripted(
      context,
      { fetch: serve(2) },
      { maxWaitTimeInMs: 50, heartbeatInterval: 50 }
    )
    const events = []
    const keys = new Map()
    for (const [name, type] of Object.entries(consumer.events)) {
      if (type.startsWith('consumer.network')) continue
      consumer.on(type, ({ payload }) => {
        events.push(name)
        if (!keys.has(name)) keys.set(name, payload && Object.keys(payload))
      })
    }
    await consumer.connect()
    await start()
    await waitFor(() => events.includes('COMMIT_OFFSETS') && events.includes('HEARTBEAT'), DEADLINE)
    await within(15_000, consumer.disconnect(), 'disconnect')
    const heartbeats = events.flatMap((name, at) => (name === 'HEARTBEAT' ? [at] : []))
    record('heartbeats only while it is a member', [
      heartbeats[0] > events.indexOf('GROUP_JOIN'),
      heartbeats.at(-1) < events.indexOf('STOP'),
    ])
    // Fetches go on and on.
    const once = events.filter(
      (name, at) =>
        name !== 'HEARTBEAT' && (!name.startsWith('FETCH') || events.indexOf(name) === at)
    )
    record('order', once)
    record('keys', [...keys].sort())
  })
})
