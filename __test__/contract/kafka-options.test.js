'use strict'

/** Contract 1 and 2: the exports, and `new Kafka` with its options, as a program sees them. */

const { EventEmitter } = require('node:events')
const net = require('node:net')

const { contract, freePorts, startPeer, waitFor } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')
const { startLoginPeer } = require('./loginPeer')

const NO_TOPIC = { partitions: 0 }
const NO_WAIT = { initialRetryTime: 10, maxRetryTime: 20 }

const ON_TOP = { reason: 'ours has the range assigner of Kafka on top' }

contract(
  '1 what the smaller exports hold',
  { ...NO_TOPIC, differences: { assigners: ON_TOP } },
  async ({ kafkajs, record }) => {
    const { AssignerProtocol, PartitionAssigners, Partitioners, logLevel } = kafkajs
    record('assigners', Object.keys(PartitionAssigners))
    record(
      'protocol',
      Object.entries(AssignerProtocol).map(([name, value]) => [name, Object.keys(value)])
    )
    record('one way', [logLevel[4], logLevel[3], Object.isFrozen(logLevel)])
    record('Java', Partitioners.JavaCompatiblePartitioner === Partitioners.DefaultPartitioner)
    const assigner = PartitionAssigners.roundRobin({ cluster: {}, groupId: 'g' })
    record('assigner', [Object.keys(assigner), assigner.name, assigner.version])
    record('subscription', assigner.protocol({ topics: ['a', 'b'] }))
    record('hidden', [
      kafkajs.isRebalancing,
      kafkajs.isKafkaJSError,
      kafkajs.Broker,
      kafkajs.Cluster,
    ])
  }
)

contract(
  '1 CompressionCodecs: what is not GZIP, and a codec of the user',
  {
    ...NO_TOPIC,
    differences: {
      others: {
        reason: 'Snappy, LZ4 and ZSTD are built in',
        kafkajs: Array(3).fill('KafkaJSNotImplemented'),
        ours: Array(3).fill('compress, decompress'),
      },
    },
  },
  async ({ kafkajs, record, onEnd }) => {
    const { CompressionCodecs, CompressionTypes } = kafkajs
    const { Snappy, LZ4, ZSTD } = CompressionTypes
    for (const type of [Snappy, LZ4, ZSTD]) {
      const made = await Promise.resolve()
        .then(() => CompressionCodecs[type]())
        .then(
          codec => Object.keys(codec).join(', '),
          ({ name }) => name
        )
      record('others', made)
    }
    const original = CompressionCodecs[ZSTD]
    onEnd(async () => {
      CompressionCodecs[ZSTD] = original
    })
    const own = () => ({})
    CompressionCodecs[ZSTD] = own
    record('replaced', kafkajs.CompressionCodecs[ZSTD] === own)
  }
)

contract(
  '2 new Kafka and its clients touch nothing until they connect',
  NO_TOPIC,
  async context => {
    const peer = await startPeer({ connected: socket => socket.end() })
    context.onEnd(() => peer.close())
    let asked = 0
    const brokers = () => {
      asked += 1
      return [peer.address]
    }
    const kafka = context.kafka({ brokers, retry: { retries: 0 }, nobody: 'knows' })
    const clients = [kafka.producer(), kafka.consumer({ groupId: context.group }), kafka.admin()]
    context.record('asked', asked)
    await errorOf(() => clients[2].connect())
    context.record('connections', peer.connections)
  }
)

contract('2 brokers: a function that throws is not asked again', NO_TOPIC, async context => {
  let asked = 0
  const brokers = () => {
    asked += 1
    throw new RangeError('no addresses today')
  }
  const admin = context.kafka({ brokers, retry: { ...NO_WAIT, retries: 3 } }).admin()
  const error = await errorOf(() => admin.connect())
  context.record('error', error)
  context.record('asked', asked)
  context.record('stack', error.stack.split('\n').slice(0, 2))
})

const ONE_ATTEMPT = {
  reason: 'kafkajs tries one seed per back-off; ours all of them in one attempt',
}
const ROUND = ['first', 'second']

contract(
  '2 brokers: seeds are tried in turn, the first one first',
  {
    ...NO_TOPIC,
    differences: {
      order: { ...ONE_ATTEMPT, kafkajs: [...ROUND, 'first'], ours: [...ROUND, ...ROUND, ...ROUND] },
    },
  },
  async context => {
    const ports = await freePorts(2)
    const socketFactory = ({ host, port, onConnect }) => {
      context.record('order', ROUND[ports.indexOf(port)])
      return net.connect({ host, port }, onConnect)
    }
    const brokers = ports.map(port => `127.0.0.1:${port}`)
    const options = { brokers, socketFactory, retry: { ...NO_WAIT, retries: 2 } }
    context.record('error', (await errorOf(() => context.kafka(options).admin().connect())).name)
  }
)

contract(
  '2 brokers: a first seed that hangs up on everybody',
  {
    ...NO_TOPIC,
    differences: {
      connect: {
        reason: 'kafkajs turns to the next seed after a refusal only; ours after any failure',
        kafkajs: ['KafkaJSNumberOfRetriesExceeded'],
        ours: ['connected'],
      },
    },
  },
  async context => {
    const peer = await startPeer({ answer: () => 'hang up' })
    context.onEnd(() => peer.close())
    const brokers = [peer.address, ...context.brokers]
    const admin = context.kafka({ brokers, retry: { ...NO_WAIT, retries: 2 } }).admin()
    const outcome = admin.connect().then(
      () => 'connected',
      ({ name }) => name
    )
    context.record('connect', await outcome)
  }
)

contract('2 brokers: a function is asked for each new seed', NO_TOPIC, async context => {
  const peer = await startPeer({ connected: socket => socket.end() })
  context.onEnd(() => peer.close())
  let asked = 0
  const brokers = async () => {
    asked += 1
    return [peer.address]
  }
  const admin = context.kafka({ brokers, retry: { ...NO_WAIT, retries: 2 } }).admin()
  await errorOf(() => admin.connect())
  context.record('asked', asked)
})

/** Addresses that are not host:port, and in what ours differs. */
const ADDRESSES = {
  '[::1]:1': { reason: 'ours knows IPv6 addresses in brackets' },
  'kafka://127.0.0.1:9092': undefined,
  '::1:9092': { reason: 'an empty port is 0 with kafkajs, and no port with ours' },
  '127.0.0.1:': { reason: 'as above' },
}

for (const [address, difference] of Object.entries(ADDRESSES)) {
  const differences = difference && { text: difference }
  contract(
    `2 brokers: ${address} is split at its colons`,
    { ...NO_TOPIC, differences },
    async context => {
      const options = { brokers: [address], connectionTimeout: 10_000, retry: { retries: 0 } }
      const error = await errorOf(() => context.kafka(options).admin().connect())
      context.record('error', [error.name, error.cause.name])
      context.record('text', error.message)
    }
  )
}

for (const ssl of [undefined, null, false, 0, '']) {
  contract(`2 ssl: ${JSON.stringify(ssl)} is plain TCP`, NO_TOPIC, async ({ kafka, record }) => {
    const admin = kafka({ ssl }).admin()
    await admin.connect()
    record('listed', Array.isArray(await admin.listTopics()))
  })
}

for (const clientId of [undefined, 'me', '']) {
  contract(`2 clientId ${clientId}: in requests, events and logs`, NO_TOPIC, async context => {
    const peer = await startLoginPeer()
    context.onEnd(() => peer.close())
    const admin = context.kafka({ brokers: [peer.address], clientId }).admin()
    const events = new Set()
    admin.on(admin.events.REQUEST, ({ payload }) => events.add(payload.clientId))
    await admin.connect()
    await admin.listTopics()
    context.record('requests', [...new Set(peer.seen.map(entry => entry.clientId))])
    await waitFor(() => events.size > 0, { message: 'an event' })
    context.record('events', [...events])
    const dead = context.kafka({ brokers: ['127.0.0.1:1'], clientId, retry: { retries: 0 } })
    await errorOf(() => dead.admin().connect())
    const said = context.logs.filter(({ namespace }) => namespace === 'Connection')
    context.record('logs', [...new Set(said.map(({ log }) => log.clientId))])
  })
}

contract('2 connectionTimeout: a second by default', NO_TOPIC, async context => {
  class Silent extends EventEmitter {
    write() {}
    end() {}
    unref() {}
  }
  const socketFactory = () => new Silent()
  const began = Date.now()
  const admin = context.kafka({ socketFactory, retry: { retries: 0 } }).admin()
  const error = await errorOf(() => admin.connect())
  const took = Date.now() - began
  context.record('error', [error.name, error.message])
  context.record('about a second', took >= 900 && took < 9000)
})

contract('2 requestTimeout: null and text, whatever is made', NO_TOPIC, async context => {
  for (const requestTimeout of [null, '30000']) {
    const kafka = context.kafka({ requestTimeout })
    for (const make of ['producer', 'consumer', 'admin']) {
      const error = await errorOf(() => kafka[make]({ groupId: context.group }))
      context.record(make, [error.name, error.message])
    }
  }
})

contract('2 logLevel: INFO by default', NO_TOPIC, async ({ kafka, record, logs }) => {
  const logger = kafka({ logLevel: undefined }).logger()
  for (const method of ['error', 'warn', 'info', 'debug']) logger[method](method)
  record(
    'written',
    logs.map(({ label }) => label)
  )
})

contract('2 each client has sockets of its own', NO_TOPIC, async context => {
  let sockets = 0
  const socketFactory = ({ host, port, onConnect }) => {
    sockets += 1
    return net.connect({ host, port }, onConnect)
  }
  const kafka = context.kafka({ socketFactory })
  for (const make of ['producer', 'producer', 'admin', 'consumer']) {
    const before = sockets
    await kafka[make]({ groupId: context.group }).connect()
    context.record('more sockets', [make, sockets > before])
  }
})

for (const [name, own] of Object.entries({
  none: undefined,
  empty: {},
  'one with retries': { retries: 2 },
})) {
  contract(
    `2 whose retries count for a consumer with a retry of its own: ${name}`,
    async context => {
      const { kafka, topic, group, record } = context
      const retry = { ...NO_WAIT, retries: 1, restartOnFailure: async () => false }
      const client = kafka({ retry })
      const producer = client.producer()
      await producer.connect()
      await producer.send({ topic, messages: [{ value: 'v' }] })
      const consumer = client.consumer({ groupId: group, ...SHORT_POLL, retry: own })
      const crashes = []
      consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload))
      let calls = 0
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({
        eachMessage: async () => {
          calls += 1
          throw new Error('not today')
        },
      })
      await waitFor(() => crashes.length > 0, { deadline: 30_000, message: 'the crash' })
      const [{ error, restart }] = crashes
      record('crash', [error.name, error.retryCount, restart])
      record('calls', calls)
    }
  )
}
