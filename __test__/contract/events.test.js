'use strict'

/** Contract 9: instrumentation events as a program gets them from clients that work. */

const { contract, shapeOf, waitFor } = require('../harness')
const { SHORT_POLL, errorOf } = require('./observe')

const CLIENTS = ['consumer', 'producer', 'admin']
const NO_TOPIC = { partitions: 0 }

const make = ({ kafka, group }, kind) =>
  kafka()[kind](kind === 'consumer' ? { groupId: group } : {})

for (const kind of CLIENTS) {
  contract(`9 ${kind}: names, in order`, NO_TOPIC, async context => {
    context.record('events', Object.entries(make(context, kind).events))
  })

  contract(`9 ${kind}: an unknown name is refused at once`, NO_TOPIC, async context => {
    const client = make(context, kind)
    for (const name of ['nothing', undefined, null, '', `${kind}.`, 'connect']) {
      context.record('error', await errorOf(() => client.on(name, () => {})))
    }
  })

  contract(`9 ${kind}: CONNECT and DISCONNECT, payload undefined`, NO_TOPIC, async context => {
    const client = make(context, kind)
    const heard = []
    const { CONNECT, DISCONNECT } = client.events
    for (const name of [CONNECT, DISCONNECT]) client.on(name, event => heard.push(event))
    await client.connect()
    await client.connect()
    await client.disconnect()
    context.record(
      'events',
      heard.map(event => [event.type, event.payload, Object.keys(event), event.constructor.name])
    )
    context.record(
      'ids',
      heard.map(({ id }) => id - heard[0].id)
    )
    context.record(
      'timestamps',
      heard.map(({ timestamp }) => typeof timestamp)
    )
  })

  const removing = {
    ...NO_TOPIC,
    differences: {
      'removing gives': {
        reason: 'an emitter of ours is nobody’s to use; the declarations say that nothing is given',
        ours: ['undefined'],
      },
    },
  }
  contract(`9 ${kind}: what on gives removes that listener`, removing, async context => {
    const client = make(context, kind)
    const heard = []
    const remove = client.on(client.events.CONNECT, () => heard.push('removed'))
    client.on(client.events.CONNECT, () => heard.push('stays'))
    context.record('removing gives', typeof remove())
    await client.connect()
    remove()
    await client.connect()
    context.record('heard', heard)
  })

  contract(`9 ${kind}: a listener that rejects is logged`, NO_TOPIC, async context => {
    const { logs, record } = context
    const client = make(context, kind)
    client.on(client.events.CONNECT, async () => {
      throw new Error('of a listener')
    })
    await client.connect()
    const said = ({ log }) => log.message === 'Failed to execute listener: of a listener'
    const { level, label, log } = await waitFor(() => logs.find(said))
    record('log', [level, label, log.eventName, log.stack.split('\n')[0]])
  })

  contract(
    `9 ${kind}: a listener that throws`,
    {
      ...NO_TOPIC,
      differences: {
        connect: {
          reason: 'a listener can do no harm; kafkajs lets it fail the call that emitted the event',
          ours: ['resolves'],
        },
      },
    },
    async context => {
      const client = make(context, kind)
      client.on(client.events.CONNECT, () => {
        throw new Error('of a listener')
      })
      const outcome = await client.connect().then(
        () => 'resolves',
        error => error.message
      )
      context.record('connect', outcome)
    }
  )

  contract(`9 ${kind}: REQUEST`, NO_TOPIC, async context => {
    const client = make(context, kind)
    const heard = []
    const name = `${kind}.network.request`
    client.on(name, event => heard.push(event))
    await client.connect()
    const [{ type, payload }] = await waitFor(() => heard.length > 0 && heard)
    const { broker, clientId, apiName, apiKey, ...rest } = payload
    context.record('type', type)
    context.record('payload', { broker, clientId, apiName, apiKey })
    context.record('keys, in order', Object.keys(payload))
    context.record('kinds', shapeOf(rest))
  })
}

contract('9 consumer: FETCH_START before FETCH, before its batch', async context => {
  const { group, kafka, record, topic } = context
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'a' }] })
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  const { FETCH_START, FETCH, START_BATCH_PROCESS, END_BATCH_PROCESS } = consumer.events
  const first = new Map()
  let count = 0
  for (const name of [FETCH_START, FETCH, START_BATCH_PROCESS, END_BATCH_PROCESS]) {
    consumer.on(name, ({ type, payload }) => {
      if (!first.has(type)) first.set(type, { place: count++, payload })
    })
  }
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  await waitFor(() => first.has(END_BATCH_PROCESS))
  record('order', [...first.keys()])
  record('FETCH_START', first.get(FETCH_START).payload)
  const { duration, ...fetched } = first.get(FETCH).payload
  record('FETCH', { ...fetched, duration: typeof duration })
  const { duration: took, ...processed } = first.get(END_BATCH_PROCESS).payload
  record('END_BATCH_PROCESS', { ...processed, duration: typeof took })
})

contract('9 consumer: STOP has no payload, CRASH tells the error', async context => {
  const { group, kafka, record, topic } = context
  const producer = kafka().producer()
  await producer.connect()
  await producer.send({ topic, messages: [{ value: 'a' }] })
  const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
  const heard = []
  for (const key of ['STOP', 'DISCONNECT', 'CRASH']) {
    consumer.on(consumer.events[key], ({ type, payload }) => heard.push([type, payload]))
  }
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    async eachMessage() {
      throw new TypeError('a mistake')
    },
  })
  await waitFor(() => heard.length === 3)
  record('heard', heard)
})
