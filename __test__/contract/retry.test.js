'use strict'

/** Contract 7.1 and 11 (37, 38, 40): how often is tried, and whose `retry` counts. */

const { contract, response, startPeer, waitFor, within } = require('../harness')
const { API, answerVersions, list, metadataBody, write } = require('../harness/wire')
const { counted } = require('./countedSockets')
const { errorOf } = require('./observe')
const { TOPIC, makeScripted } = require('./scriptedConsumer')

const NO_TOPIC = { partitions: 0 }
const QUICK = { initialRetryTime: 20, maxRetryTime: 50 }

/** A peer that hangs up on everybody, and a client of it. */
async function refused({ kafka, onEnd }, retry) {
  const peer = await startPeer({ connected: socket => socket.end() })
  onEnd(() => peer.close())
  return { peer, client: kafka({ brokers: [peer.address], retry: { ...QUICK, ...retry } }) }
}

for (const retries of [0, 1, 3]) {
  contract(`7.1 retries ${retries}: one attempt more than that`, NO_TOPIC, async context => {
    const { peer, client } = await refused(context, { retries })
    const { name, retryCount, retriable } = await errorOf(() => client.admin().connect())
    context.record('error', { name, retryCount, retriable })
    context.record('attempts', peer.connections)
  })
}

for (const kind of ['producer', 'consumer', 'admin']) {
  contract(
    `11.38 ${kind}: its own retry does not count for connecting`,
    NO_TOPIC,
    async context => {
      const { peer, client } = await refused(context, { retries: 1 })
      const own = { retry: { retries: 4 } }
      const made = client[kind](kind === 'consumer' ? { groupId: context.group, ...own } : own)
      const { retryCount } = await errorOf(() => made.connect())
      context.record('retryCount', retryCount)
      context.record('attempts', peer.connections)
    }
  )
}

contract('7.1 retryTime: the wait that would come next, jittered', NO_TOPIC, async context => {
  const retry = {
    retries: 0,
    initialRetryTime: 100,
    factor: 0.1,
    multiplier: 2,
    maxRetryTime: 1000,
  }
  const { client } = await refused(context, retry)
  const { retryTime } = await errorOf(() => client.admin().connect())
  context.record('within', retryTime >= 90 && retryTime <= 110)
})

/** Without jitter (factor 0) each wait can be told: `retryTime` is the one that would come after the last attempt. */
const WAITS = {
  'multiplied each time': { initialRetryTime: 10, multiplier: 3, retries: 3, maxRetryTime: 1000 },
  'capped by maxRetryTime': { initialRetryTime: 10, multiplier: 4, retries: 3, maxRetryTime: 50 },
  'first of all initialRetryTime, uncapped': {
    initialRetryTime: 70,
    multiplier: 2,
    retries: 0,
    maxRetryTime: 50,
  },
  'rounded up, then multiplied': {
    initialRetryTime: 10.5,
    multiplier: 1.5,
    retries: 2,
    maxRetryTime: 1000,
  },
}

for (const [name, retry] of Object.entries(WAITS)) {
  contract(`7.1 waits are ${name}`, NO_TOPIC, async context => {
    const { client } = await refused(context, { factor: 0, ...retry })
    const { retryTime, retryCount } = await errorOf(() => client.admin().connect())
    context.record('next wait', retryTime)
    context.record('retryCount', retryCount)
  })
}

contract('7.1 the waits are kept', NO_TOPIC, async context => {
  const retry = { factor: 0, initialRetryTime: 200, multiplier: 2, retries: 2, maxRetryTime: 1000 }
  const { client } = await refused(context, retry)
  const began = Date.now()
  await errorOf(() => client.admin().connect())
  const took = Date.now() - began
  context.record('200 and 400 ms', took >= 580 && took < 20_000)
})

contract(
  '7.1 an admin goes by its own retry, and by the client’s without one',
  NO_TOPIC,
  async context => {
    const client = context.kafka({ retry: { ...QUICK, retries: 1 } })
    for (const own of [undefined, { retries: 3 }, { initialRetryTime: 5 }]) {
      const admin = client.admin({ retry: own })
      await admin.connect()
      const error = await errorOf(() => admin.fetchTopicOffsets(`missing-${context.group}`))
      context.record('admin', [error.name, error.retryCount])
    }
  }
)

for (const [name, thrown] of [
  ['plain Error', new Error('not today')],
  ['TypeError', new TypeError('not today')],
  ['error that is not retriable', Object.assign(new Error('not today'), { retriable: false })],
]) {
  contract(`7.1 a handler throws: ${name}`, async context => {
    const { kafka, topic, group, record } = context
    const producer = kafka().producer()
    await producer.connect()
    await producer.send({ topic, messages: [{ value: 'v' }] })
    const retry = { ...QUICK, retries: 2, restartOnFailure: async () => false }
    const consumer = kafka().consumer({ groupId: group, maxWaitTimeInMs: 100, retry })
    const crashed = new Promise(resolve => {
      consumer.on(consumer.events.CRASH, ({ payload }) => resolve(payload.error))
    })
    let calls = 0
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachMessage: async () => {
        calls += 1
        throw thrown
      },
    })
    const error = await crashed
    record('calls', calls)
    record('error', [error.constructor.name, error.message, error.retryCount, error.retriable])
    record('cause', error.cause === thrown)
  })
}

const GROUP_LOAD_IN_PROGRESS = 14
const REBALANCE_IN_PROGRESS = 27

/** A consumer of a broker that gives the same answer to one API, whose requests are counted. */
async function refusedConsumer(context, { apiKey, answer, versions }, retry) {
  const asked = { times: 0 }
  const answers = {
    [apiKey]: (...request) => {
      asked.times += 1
      return answer(...request)
    },
  }
  const settings = { retry: { ...QUICK, retries: 1, restartOnFailure: async () => false } }
  const { consumer, start } = await makeScripted(
    context,
    { answers, versions },
    { maxWaitTimeInMs: 50, retry, settings }
  )
  return { asked, consumer, start }
}

const ANSWERS = {
  commitOffsets: {
    apiKey: API.OFFSET_COMMIT,
    answer: () =>
      write(encoder => {
        list(encoder, [TOPIC], name => {
          encoder.writeString(name)
          list(encoder, [0], partition =>
            encoder.writeInt32(partition).writeInt16(GROUP_LOAD_IN_PROGRESS)
          )
        })
      }),
    act: async ({ consumer, start }) => {
      const joined = new Promise(resolve => consumer.on(consumer.events.GROUP_JOIN, resolve))
      await start()
      await within(30_000, joined, 'the join')
      return errorOf(() => consumer.commitOffsets([{ topic: TOPIC, partition: 0, offset: '1' }]))
    },
  },
  describeGroup: {
    apiKey: API.DESCRIBE_GROUPS,
    versions: { [API.DESCRIBE_GROUPS]: [0, 0] },
    answer: decoder => {
      const [group] = decoder.readArray(d => d.readString())
      return write(encoder => {
        list(encoder, [group], name => {
          encoder.writeInt16(GROUP_LOAD_IN_PROGRESS).writeString(name).writeString('')
          encoder.writeString('').writeString('').writeInt32(0)
        })
      })
    },
    act: async ({ consumer }) => {
      await consumer.connect()
      return errorOf(() => consumer.describeGroup())
    },
  },
}

for (const [name, { act, ...answers }] of Object.entries(ANSWERS)) {
  for (const [label, own] of Object.entries({
    'the client’s': {},
    'its own': { retries: 2 },
    'five of its own by default': undefined,
  })) {
    contract(`7.1 ${name}: retries are ${label}`, NO_TOPIC, async context => {
      const { asked, ...made } = await refusedConsumer(context, answers, own)
      const { name: error, message, retryCount, cause } = await act(made)
      context.record('error', [error, message, retryCount, cause?.name, cause?.type])
      context.record('asked', asked.times)
    })
  }
}

/** What a broker of one topic answers that takes whatever it is sent. */
const ANSWERED = {
  [API.PRODUCE]: () =>
    write(encoder => {
      list(encoder, [TOPIC], name => {
        encoder.writeString(name)
        list(encoder, [0], partition =>
          encoder.writeInt32(partition).writeInt16(0).writeInt64(0).writeInt64(-1)
        )
      })
      encoder.writeInt32(0)
    }),
  [API.METADATA]: (_, { port }) =>
    metadataBody({ brokers: { 1: port }, topics: [{ name: TOPIC }] }),
  [API.API_VERSIONS]: answerVersions({
    [API.PRODUCE]: [3, 3],
    [API.METADATA]: [4, 4],
    [API.API_VERSIONS]: [0, 0],
  }),
}

/** More rounds than a consumer has retries in these tests. */
const ROUNDS = 8

contract(
  '7.1 a join that is overtaken by rebalances again and again',
  {
    ...NO_TOPIC,
    differences: {
      'the client’s': {
        reason: 'JoinGroup waits for the other members, so a round is no failure',
        kafkajs: [['KafkaJSNumberOfRetriesExceeded', 1], 2],
        ours: ['joined', ROUNDS + 1],
      },
      'its own': {
        reason: 'as above',
        kafkajs: [['KafkaJSNumberOfRetriesExceeded', 2], 3],
        ours: ['joined', ROUNDS + 1],
      },
    },
  },
  async context => {
    for (const [label, own] of [
      ['the client’s', {}],
      ['its own', { retries: 2 }],
    ]) {
      let rounds = 0
      const sync = () => {
        rounds += 1
        if (rounds > ROUNDS) return undefined
        const nothing = Buffer.alloc(0)
        return write(encoder => encoder.writeInt16(REBALANCE_IN_PROGRESS).writeBytes(nothing))
      }
      const script = { apiKey: API.SYNC_GROUP, answer: sync }
      const { asked, consumer, start } = await refusedConsumer(context, script, own)
      const outcome = new Promise(resolve => {
        consumer.on(consumer.events.GROUP_JOIN, () => resolve('joined'))
        consumer.on(consumer.events.CRASH, ({ payload: { error } }) =>
          resolve([error.name, error.retryCount])
        )
      })
      await start()
      context.record(label, await within(30_000, outcome, 'the join, or the crash'))
      context.record(label, asked.times)
    }
  }
)

const ONE_BACK_OFF = {
  reason: 'one back-off, that of the call, not two in each other; each attempt connects once',
}

contract(
  '7.1 an attempt to send holds a whole cycle of attempts to connect',
  {
    ...NO_TOPIC,
    differences: {
      error: {
        ...ONE_BACK_OFF,
        kafkajs: ['KafkaJSNonRetriableError', 'KafkaJSNonRetriableError'],
        ours: ['KafkaJSNumberOfRetriesExceeded', 'KafkaJSNumberOfRetriesExceeded'],
      },
      'more than one connection without retries': {
        ...ONE_BACK_OFF,
        kafkajs: [true],
        ours: [false],
      },
    },
  },
  async context => {
    for (const retries of [0, 2]) {
      const { sockets, socketFactory } = counted()
      const accepted = []
      let isGone = false
      const peer = await startPeer({
        connected: socket => {
          accepted.push(socket)
          if (isGone) socket.end()
        },
        answer: request =>
          isGone ? 'hang up' : response(request, ANSWERED[request.apiKey](request, peer)),
      })
      context.onEnd(() => peer.close())
      const client = context.kafka({
        brokers: [peer.address],
        socketFactory,
        retry: { ...QUICK, retries: 2 },
      })
      const producer = client.producer({ retry: { retries } })
      const send = () => producer.send({ topic: TOPIC, messages: [{ value: 'v', partition: 0 }] })
      await producer.connect()
      await send()
      isGone = true
      const before = peer.connections
      for (const socket of accepted) socket.end()
      await waitFor(() => sockets.every(({ closed }) => closed), { message: 'the end of sockets' })
      const { name, cause } = await errorOf(send)
      context.record('error', name)
      context.record('cause', cause.name)
      const connections = peer.connections - before
      if (retries === 0) context.record('more than one connection without retries', connections > 1)
      else context.record('more than one connection with retries', connections > 1)
    }
  }
)
