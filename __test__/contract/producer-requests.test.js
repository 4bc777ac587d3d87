'use strict'

/**
 * What a producer asks of brokers, and whom: sections 3.1, 3.2, 3.3, 3.5, 3.6, 3.8, 3.9 and 3.10 of kafkajs' behaviour,
 * on brokers that note what they are asked.
 */

const { contract, waitFor, within } = require('../harness')
const { describe, send } = require('../producer/failed')
const { END_TXN, INIT_PRODUCER_ID, startScriptedBroker } = require('../producer/scriptedBroker')
const { errorOf } = require('./observe')

const NO_TOPIC = { partitions: 0 }
const QUICK = { initialRetryTime: 2, maxRetryTime: 5 }
const DEADLINE_MS = 30_000
const REQUEST_TIMED_OUT = 7
const MESSAGE_TOO_LARGE = 10
const INVALID_TOPIC_EXCEPTION = 17
const NOT_LEADER = 6
const TOPIC_AUTHORIZATION_FAILED = 29
const CLUSTER_AUTHORIZATION_FAILED = 31

async function startBroker(context, script) {
  const broker = await startScriptedBroker({ topics: { t: 3 }, ...script })
  context.onEnd(() => broker.close())
  context.mask(broker.address, '<broker>')
  return broker
}

/** Two nodes of one cluster: partition 0 of topic t is led by the first, 1 by the second. */
async function startTwo(context, scripts = [{}, {}]) {
  const topics = {
    t: [
      { partition: 0, leader: 1 },
      { partition: 1, leader: 2 },
    ],
  }
  const brokers = []
  for (const script of scripts) brokers.push(await startBroker(context, { topics, ...script }))
  const nodes = brokers.map(({ address }) => address)
  for (const broker of brokers) Object.assign(broker, { nodes, controller: 2 })
  return brokers
}

async function connect(context, broker, options) {
  const kafka = context.kafka({ brokers: broker.brokers, retry: QUICK })
  const producer = kafka.producer(options)
  await producer.connect()
  return producer
}

for (const allowAutoTopicCreation of [undefined, true, false]) {
  contract(
    `3.1 allowAutoTopicCreation ${allowAutoTopicCreation}: said in Metadata`,
    NO_TOPIC,
    async context => {
      const broker = await startBroker(context)
      await send(await connect(context, broker, { allowAutoTopicCreation }))
      const asked = broker.metadata.filter(({ topics }) => topics.includes('t'))
      context.record('flags', [...new Set(asked.map(request => request.allowAutoTopicCreation))])
    }
  )
}

contract('3.2 connect asks for no metadata', NO_TOPIC, async context => {
  const broker = await startBroker(context)
  await connect(context, broker)
  context.record('metadata', broker.metadata)
  context.record('connections', broker.connections())
})

contract('3.2 connect connects to one seed', NO_TOPIC, async context => {
  const brokers = await startTwo(context)
  const producer = context.kafka({ brokers: brokers.map(({ address }) => address) }).producer()
  await producer.connect()
  context.record(
    'connections',
    brokers.reduce((sum, broker) => sum + broker.connections(), 0)
  )
})

contract('3.2 connect: CONNECT is emitted, then the id is asked for', NO_TOPIC, async context => {
  const { kafka, record } = context
  const order = []
  let code = 0
  const broker = await startBroker(context, {
    identify: () => {
      order.push('InitProducerId')
      return code
    },
  })
  for (code of [0, CLUSTER_AUTHORIZATION_FAILED]) {
    const producer = kafka({ brokers: broker.brokers, retry: QUICK }).producer({ idempotent: true })
    producer.on(producer.events.CONNECT, () => order.push('CONNECT'))
    const outcome = await producer.connect().then(
      () => 'connected',
      error => error.type
    )
    order.push(outcome)
  }
  record('order', order)
})

contract('3.3 send of no messages asks for the metadata of the topic', NO_TOPIC, async context => {
  const broker = await startBroker(context)
  const producer = await connect(context, broker)
  context.record('sent', await send(producer, []))
  context.record(
    'asked',
    broker.metadata.some(({ topics }) => topics.includes('t'))
  )
  context.record('requests', broker.attempts.length)
})

contract('3.3 send of no messages to a topic that is not there', NO_TOPIC, async context => {
  const broker = await startBroker(context)
  const producer = await connect(context, broker)
  const error = await errorOf(() => producer.send({ topic: 'unknown', messages: [] }))
  context.record('error', describe(error))
})

contract(
  '3.5 one element per partition, of all leaders; 3.6 at the same time',
  NO_TOPIC,
  async context => {
    let arrived = 0
    let both
    const met = new Promise(resolve => {
      both = resolve
    })
    const produce = async () => {
      arrived += 1
      if (arrived === 2) both()
      await within(DEADLINE_MS, met, 'the request to the other leader')
      return 0
    }
    const [first, second] = await startTwo(context, [{ produce }, { produce }])
    const producer = await connect(context, first)
    const messages = [0, 1, 1].map(partition => ({ value: 'v', partition }))
    const sent = await send(producer, messages)
    context.record(
      'sent',
      sent.map(({ partition, errorCode, baseOffset }) => [partition, errorCode, baseOffset]).sort()
    )
    for (const { attempts } of [first, second]) {
      context.record(
        'attempts',
        attempts.map(({ partition, records }) => [partition, records])
      )
    }
  }
)

contract(
  '3.6 who has answered is not asked again when another one fails',
  NO_TOPIC,
  async context => {
    const first = []
    const [one, two] = await startTwo(context, [
      { produce: ({ partition }) => first.push(partition) && 0 },
      {
        produce: async ({ attempt }) => {
          if (attempt > 0) return 0
          await waitFor(() => first.length > 0, { message: 'the other leader' })
          return NOT_LEADER
        },
      },
    ])
    const producer = await connect(context, one)
    const messages = [0, 1].map(partition => ({ value: 'v', partition }))
    const sent = await send(producer, messages)
    context.record('sent', sent.map(({ partition }) => partition).sort())
    context.record('attempts', [one.attempts.length, two.attempts.length])
  }
)

contract('3.6 a leader that nobody reaches', NO_TOPIC, async context => {
  const [first, second] = await startTwo(context)
  await second.close()
  const producer = await connect(context, first)
  const error = await errorOf(() => send(producer, [{ value: 'v', partition: 1 }]))
  context.record('error', [error.name, error.retriable, error.retryCount])
  context.record('cause', [error.cause.name, error.cause.retriable, error.cause.code])
  context.record('another partition', (await send(producer)).length)
})

for (const codes of [
  [0, MESSAGE_TOO_LARGE, TOPIC_AUTHORIZATION_FAILED],
  [0, TOPIC_AUTHORIZATION_FAILED, MESSAGE_TOO_LARGE],
  [TOPIC_AUTHORIZATION_FAILED, NOT_LEADER, NOT_LEADER],
]) {
  contract(
    `3.6 several partitions, codes ${codes}: the first is reported`,
    NO_TOPIC,
    async context => {
      const broker = await startBroker(context, { produce: ({ partition }) => codes[partition] })
      const producer = await connect(context, broker)
      const messages = [0, 1, 2].map(partition => ({ value: 'v', partition }))
      context.record('error', describe(await errorOf(() => send(producer, messages))))
    }
  )
}

contract(
  '3.6 a retriable error: metadata is asked for before it is tried again',
  NO_TOPIC,
  async context => {
    const asked = []
    const broker = await startBroker(context, {
      produce: ({ attempt }) => {
        asked.push(broker.metadata.length)
        return attempt === 0 ? NOT_LEADER : 0
      },
    })
    await send(await connect(context, broker))
    context.record('attempts', asked.length)
    context.record('asked in between', asked[1] > asked[0])
  }
)

for (const [type, code] of Object.entries({
  INVALID_TOPIC_EXCEPTION,
  TOPIC_AUTHORIZATION_FAILED,
})) {
  contract(`3.6 metadata: ${type}`, NO_TOPIC, async context => {
    const broker = await startBroker(context, { refuse: topic => (topic === 't' ? code : 0) })
    const producer = await connect(context, broker)
    const error = await errorOf(() => send(producer))
    context.record('error', describe(error))
    context.record('cause', describe(error.cause))
    context.record('attempts', broker.attempts.length)
  })
}

contract('3.6 an unknown topic that may not be created: six attempts', NO_TOPIC, async context => {
  const broker = await startBroker(context)
  const producer = await connect(context, broker, { allowAutoTopicCreation: false })
  const error = await errorOf(() => producer.send({ topic: 'unknown', messages: [{ value: 'v' }] }))
  context.record('error', describe(error))
  context.record('cause', describe(error.cause))
})

contract('3.6 metadata: all topics that were used', NO_TOPIC, async context => {
  const broker = await startBroker(context, { topics: { t: 1, u: 1, w: 1 } })
  const producer = await connect(context, broker)
  for (const topic of ['t', 'u', 't', 'w']) {
    await producer.send({ topic, messages: [{ value: 'v' }] })
  }
  context.record(
    'asked',
    broker.metadata.map(({ topics }) => [...topics].sort())
  )
})

const ANY_BROKER = {
  ...NO_TOPIC,
  differences: {
    asked: {
      reason: 'any broker gives a producer its id; ours asks one that it is connected to',
      kafkajs: [[0, 1]],
      ours: [[1, 0]],
    },
  },
}

contract('3.8 InitProducerId: kafkajs asks the controller', ANY_BROKER, async context => {
  const [first, second] = await startTwo(context)
  await connect(context, first, { idempotent: true })
  context.record('asked', [first.requests.length, second.requests.length])
})

const RETRIED = {
  ...NO_TOPIC,
  differences: {
    outcome: {
      reason:
        'kafkajs tries again for four codes only; ours for every one that Kafka calls retriable',
      kafkajs: [[['KafkaJSProtocolError', 'REQUEST_TIMED_OUT'], 1]],
      ours: [['connected', 3]],
    },
  },
}

contract('3.8 InitProducerId, REQUEST_TIMED_OUT', RETRIED, async context => {
  let asked = 0
  const broker = await startBroker(context, {
    identify: () => (asked++ < 2 ? REQUEST_TIMED_OUT : 0),
  })
  const outcome = await connect(context, broker, { idempotent: true }).then(
    () => 'connected',
    error => [error.name, error.type]
  )
  context.record('outcome', [outcome, asked])
})

const NO_IDENTITY = {
  ...NO_TOPIC,
  differences: {
    sent: {
      reason: 'kafkajs sends without an id, which is not idempotent; ours asks again, and rejects',
      kafkajs: [['sent by -1']],
      ours: [['CLUSTER_AUTHORIZATION_FAILED']],
    },
  },
}

contract('3.8 a producer that got no id', NO_IDENTITY, async context => {
  const broker = await startBroker(context, { identify: () => CLUSTER_AUTHORIZATION_FAILED })
  const kafka = context.kafka({ brokers: broker.brokers, retry: QUICK })
  const producer = kafka.producer({ idempotent: true })
  context.record('connect', describe(await errorOf(() => producer.connect())))
  const sent = await send(producer).then(
    () => broker.attempts.map(({ producerId }) => `sent by ${producerId}`),
    error => [error.type]
  )
  context.record('sent', sent)
})

contract('3.8 a send that failed for good takes no numbers', NO_TOPIC, async context => {
  const broker = await startBroker(context, {
    produce: ({ attempt }) => (attempt === 1 ? MESSAGE_TOO_LARGE : 0),
  })
  const producer = await connect(context, broker, { idempotent: true })
  await send(producer)
  const two = [0, 0].map(partition => ({ value: 'v', partition }))
  context.record('error', describe(await errorOf(() => send(producer, two))))
  await send(producer)
  await send(producer)
  context.record(
    'numbers',
    broker.attempts.map(({ producerId, sequence, records }) => [producerId, sequence, records])
  )
})

contract(
  '3.9 the first transaction finds its coordinator and gets an id',
  NO_TOPIC,
  async context => {
    for (const idempotent of [false, true]) {
      const broker = await startBroker(context)
      const producer = await connect(context, broker, { transactionalId: 'x', idempotent })
      context.record('connected', [broker.coordinators, broker.requests])
      for (const end of ['commit', 'abort', 'commit']) {
        const transaction = await producer.transaction()
        await transaction.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
        await transaction[end]()
      }
      await send(producer)
      const ids = broker.requests.filter(({ api }) => api === INIT_PRODUCER_ID)
      context.record('ids', ids)
      context.record('coordinators', [
        ...new Set(broker.coordinators.map(({ key, kind }) => `${key} ${kind}`)),
      ])
      context.record(
        'numbers',
        broker.attempts.map(({ transactionalId, producerId, sequence }) => [
          transactionalId,
          producerId,
          sequence,
        ])
      )
    }
  }
)

contract('3.9 a transaction of nothing is ended without a request', NO_TOPIC, async context => {
  const broker = await startBroker(context)
  const producer = await connect(context, broker, { transactionalId: 'x' })
  for (const end of ['commit', 'abort']) {
    const transaction = await producer.transaction()
    context.record('end', await transaction[end]())
  }
  context.record('requests', broker.requests.filter(({ api }) => api === END_TXN).length)
})

/** kafkajs takes no metadata with a partition that has an error, so that one has none. */
const ODD_PARTITIONS = [
  { partition: 2, leader: 1 },
  { partition: 0, leader: -1, code: 0 },
  { partition: 3, leader: 1 },
  { partition: 1, leader: 1 },
]

contract(
  '3.10 a custom partitioner is given all partitions, as the broker has them',
  {
    ...NO_TOPIC,
    differences: {
      'offline replicas': {
        reason: 'the members do not depend on the version of the broker (Metadata v4, Kafka 0.11)',
        kafkajs: [ODD_PARTITIONS.map(() => false)],
        ours: [ODD_PARTITIONS.map(() => true)],
      },
    },
  },
  async context => {
    const broker = await startBroker(context, { topics: { t: ODD_PARTITIONS } })
    const given = []
    const createPartitioner =
      () =>
      ({ partitionMetadata }) => {
        given.push(...partitionMetadata)
        return 3
      }
    const producer = await connect(context, broker, { createPartitioner })
    await send(producer, [{ value: 'v' }])
    context.record(
      'given',
      given.map(({ offlineReplicas, ...partition }) => partition)
    )
    context.record(
      'offline replicas',
      given.map(partition => 'offlineReplicas' in partition)
    )
  }
)

for (const name of ['DefaultPartitioner', 'LegacyPartitioner']) {
  contract(
    `3.10 ${name}: who has no leader gets no messages without a key`,
    NO_TOPIC,
    async context => {
      const broker = await startBroker(context, { topics: { t: ODD_PARTITIONS } })
      const createPartitioner = context.kafkajs.Partitioners[name]
      const producer = await connect(context, broker, { createPartitioner })
      const sent = await send(
        producer,
        Array.from({ length: 9 }, () => ({ value: 'v' }))
      )
      context.record('partitions', sent.map(({ partition }) => partition).sort())
      context.record(
        'records',
        broker.attempts.map(({ partition, records }) => [partition, records]).sort()
      )
      // These keys go to 1, 2 and 3 of four.
      for (let i = 0; i < 12; i++) {
        const outcome = await send(producer, [{ key: `key ${i}`, value: 'v' }]).then(
          ([{ partition }]) => partition,
          () => 'no leader'
        )
        context.record('keys', outcome)
      }
    }
  )
}

contract('3.9 two calls of transaction at once', NO_TOPIC, async context => {
  const broker = await startBroker(context)
  const producer = await connect(context, broker, { transactionalId: 'x' })
  const outcomes = await Promise.allSettled([producer.transaction(), producer.transaction()])
  context.record('outcomes', outcomes.map(({ status }) => status).sort())
  // Which state is named depends on when kafkajs reads the second answer.
  const { reason } = outcomes.find(({ status }) => status === 'rejected')
  context.record('reason', [reason.name, reason.message.split(':')[0], reason.retriable])
})

contract('3.9 a send while the transaction ends', NO_TOPIC, async context => {
  const { record } = context
  let release
  const gate = new Promise(resolve => {
    release = resolve
  })
  const broker = await startBroker(context, { endTransaction: () => gate.then(() => 0) })
  const producer = await connect(context, broker, { transactionalId: 'x' })
  const transaction = await producer.transaction()
  await transaction.send({ topic: 't', messages: [{ value: 'v', partition: 0 }] })
  const ending = transaction.commit()
  await waitFor(() => broker.requests.some(({ api }) => api === END_TXN))
  record('active', transaction.isActive())
  for (const late of [
    () => transaction.send({ topic: 't', messages: [{ value: 'late' }] }),
    () => transaction.commit(),
    () => transaction.abort(),
    () => producer.transaction(),
  ]) {
    record('late', describe(await errorOf(late)))
  }
  release()
  await ending
  record('active', [transaction.isActive(), (await producer.transaction()).isActive()])
})
