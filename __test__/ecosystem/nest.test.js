'use strict'

/** @nestjs/microservices: both sides of requests and events over Kafka, its own partition assigner, its retries. */

const assert = require('node:assert/strict')
const { after, before, test } = require('node:test')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor, within } = require('../harness')
const { client: library } = require('./scene')

const ANSWER_DEADLINE_MS = 30_000
const OPTIONS = { timeout: 90_000 }

let scene

/** Decorators as functions: no build step stands between the test and Nest. */
function decorate(prototype, method, decorator, parameters = []) {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, method)
  parameters.forEach((parameter, index) => void parameter()(prototype, method, index))
  decorator(prototype, method, descriptor)
  Object.defineProperty(prototype, method, descriptor)
}

async function startService() {
  await import('reflect-metadata')
  const { Controller, Module } = await import('@nestjs/common')
  const { NestFactory } = await import('@nestjs/core')
  const nest = await import('@nestjs/microservices')
  const rxjs = await import('rxjs')
  const { Ctx, EventPattern, KafkaRetriableException, MessagePattern, Payload, RpcException } = nest
  const { Transport } = nest
  const addresses = await brokers()

  const requests = await createTopic(uniqueTopic('orders.create'), { partitions: 2 })
  const replies = await createTopic(`${requests}.reply`, { partitions: 4 })
  const events = await createTopic(uniqueTopic('orders.placed'))
  const retried = await createTopic(uniqueTopic('orders.retried'))
  const prefix = uniqueTopic('metrics')
  const metrics = await createTopic(`${prefix}.cpu`)
  const seen = { events: [], retried: [], metrics: [], contexts: [], logs: [], serverStatus: [] }

  class Orders {
    async create(data, context) {
      const { headers, key, offset } = context.getMessage()
      seen.contexts.push({
        topic: context.getTopic(),
        partition: context.getPartition(),
        header: headers.origin,
        key,
        offset,
        consumer: typeof context.getConsumer().commitOffsets,
        producer: typeof context.getProducer().send,
      })
      await context.getHeartbeat()()
      if (data.amount < 0) throw new RpcException('amount is negative')
      return { id: data.id, total: data.amount * 2 }
    }

    placed(data, context) {
      seen.events.push({ data, offset: context.getMessage().offset })
    }

    retry(_data, context) {
      seen.retried.push(context.getMessage().offset)
      if (seen.retried.length < 3) throw new KafkaRetriableException('not yet')
    }

    measured(data, context) {
      seen.metrics.push({ data, topic: context.getTopic() })
    }
  }
  const both = [Payload, Ctx]
  decorate(Orders.prototype, 'create', MessagePattern(requests), both)
  decorate(Orders.prototype, 'placed', EventPattern(events), both)
  decorate(Orders.prototype, 'retry', EventPattern(retried), both)
  decorate(Orders.prototype, 'measured', EventPattern(new RegExp(`^${prefix}\\.`)), both)
  Controller()(Orders)
  class App {}
  Module({ controllers: [Orders] })(App)

  const noteLog = (...args) => void seen.logs.push(args.map(String).join(' '))
  const app = await NestFactory.createMicroservice(App, {
    logger: { log: noteLog, error: noteLog, warn: noteLog, debug: noteLog, verbose: noteLog },
    transport: Transport.KAFKA,
    options: {
      client: { clientId: 'shop', brokers: addresses, retry: { initialRetryTime: 50 } },
      consumer: { groupId: uniqueGroup(), maxWaitTimeInMs: 200 },
      subscribe: { fromBeginning: true },
    },
  })
  app.status.subscribe(status => seen.serverStatus.push(status))
  await app.listen()

  const group = uniqueGroup()
  const clients = []
  const connectClient = async () => {
    const made = new nest.ClientKafka({
      client: { clientId: 'front', brokers: addresses },
      consumer: { groupId: group, maxWaitTimeInMs: 200 },
    })
    clients.push(made)
    made.subscribeToResponseOf(requests)
    const statuses = []
    made.status.subscribe(status => statuses.push(status))
    await made.connect()
    await waitFor(() => made.getConsumerAssignments()[replies] !== undefined, {
      message: 'partitions of the reply topic',
      deadline: 30_000,
    })
    return { proxy: made, statuses }
  }
  const ask = (proxy, data) =>
    within(ANSWER_DEADLINE_MS, rxjs.firstValueFrom(proxy.send(requests, data)), 'the answer')
  const first = await connectClient()
  return {
    app,
    ask,
    clients,
    connectClient,
    ...first,
    rxjs,
    seen,
    topics: { events, metrics, replies, requests, retried },
  }
}

before(async () => {
  scene = await startService()
}, OPTIONS)

after(async () => {
  await Promise.all(scene.clients.map(each => each.close()))
  await scene.app.close()
}, OPTIONS)

test('Nest has loaded what stands in the place of kafkajs', () => {
  const [kafka] = scene.app.unwrap()
  assert.equal(kafka.constructor, require('kafkajs').Kafka)
  assert.equal(require('kafkajs/package.json').name, library)
})

test('send: a request is handled and its answer comes back', OPTIONS, async () => {
  const { ask, proxy, seen, topics } = scene
  const message = {
    key: 'customer-1',
    value: { id: 7, amount: 21 },
    headers: { origin: 'web' },
  }
  assert.deepEqual(await ask(proxy, message), { id: 7, total: 42 })
  const { partition, ...context } = seen.contexts.at(-1)
  assert.ok([0, 1].includes(partition))
  assert.deepEqual(context, {
    topic: topics.requests,
    header: 'web',
    key: 'customer-1',
    offset: '0',
    consumer: 'function',
    producer: 'function',
  })
})

test('send: many requests at a time, each gets its own answer', OPTIONS, async () => {
  const { ask, proxy } = scene
  const ids = Array.from({ length: 50 }, (_, id) => id)
  const answers = await Promise.all(ids.map(id => ask(proxy, { id, amount: id })))
  assert.deepEqual(
    answers,
    ids.map(id => ({ id, total: id * 2 }))
  )
})

test('send: an exception of the handler is the answer', OPTIONS, async () => {
  const { ask, proxy } = scene
  await assert.rejects(ask(proxy, { id: 8, amount: -1 }), error => {
    assert.match(JSON.stringify(error.message ?? error), /amount is negative/)
    return true
  })
})

test('emit and emitBatch: events arrive in order, once', OPTIONS, async () => {
  const { proxy, rxjs, seen, topics } = scene
  const [sent] = await rxjs.lastValueFrom(proxy.emit(topics.events, { id: 1 }))
  assert.equal(sent.topicName, topics.events)
  assert.equal(sent.errorCode, 0)
  await rxjs.lastValueFrom(
    proxy.emitBatch(topics.events, { messages: [{ value: { id: 2 } }, { value: { id: 3 } }] })
  )
  await waitFor(() => seen.events.length === 3, { message: 'three events' })
  assert.deepEqual(seen.events, [
    { data: { id: 1 }, offset: '0' },
    { data: { id: 2 }, offset: '1' },
    { data: { id: 3 }, offset: '2' },
  ])
})

test('a KafkaRetriableException has the message delivered again', OPTIONS, async () => {
  const { proxy, rxjs, seen, topics } = scene
  await rxjs.lastValueFrom(proxy.emit(topics.retried, { id: 1 }))
  await waitFor(() => seen.retried.length === 3, { message: 'the third delivery' })
  assert.deepEqual(seen.retried, ['0', '0', '0'])
  await rxjs.lastValueFrom(proxy.emit(topics.retried, { id: 2 }))
  await waitFor(() => seen.retried.length === 4, { message: 'the next message' })
  assert.equal(seen.retried.at(-1), '1')
})

test('a pattern that is a RegExp', OPTIONS, async () => {
  const { proxy, rxjs, seen, topics } = scene
  await rxjs.lastValueFrom(proxy.emit(topics.metrics, { load: 0.5 }))
  await waitFor(() => seen.metrics.length === 1, { message: 'the event' })
  assert.deepEqual(seen.metrics, [{ data: { load: 0.5 }, topic: topics.metrics }])
})

test(
  'the reply assigner: clients of a group have reply partitions of their own',
  OPTIONS,
  async () => {
    const { ask, connectClient, proxy, topics } = scene
    const { proxy: second } = await connectClient()
    const partitionsOf = each => each.getConsumerAssignments()[topics.replies]
    await waitFor(
      () => partitionsOf(proxy) !== undefined && partitionsOf(proxy) !== partitionsOf(second),
      { message: 'two reply partitions', deadline: 30_000 }
    )
    // It keeps what it had: the assigner reads the previous assignment from the members' user data.
    assert.equal(partitionsOf(proxy), 0)
    const answers = await Promise.all(
      [proxy, second].flatMap((each, who) =>
        [1, 2, 3].map(amount => ask(each, { id: `${who}-${amount}`, amount }))
      )
    )
    assert.deepEqual(
      answers,
      [0, 1].flatMap(who =>
        [1, 2, 3].map(amount => ({ id: `${who}-${amount}`, total: amount * 2 }))
      )
    )
  }
)

test('log lines and states reach Nest', OPTIONS, async () => {
  const { seen, statuses } = scene
  assert.ok(
    seen.logs.some(line => /Consumer has joined the group/.test(line)),
    seen.logs.join('\n')
  )
  assert.ok(seen.serverStatus.includes('connected'))
  assert.ok(statuses.includes('connected'))
})

test('close: the state says so, and a new client works', OPTIONS, async () => {
  const { ask, connectClient } = scene
  const { proxy, statuses } = await connectClient()
  await proxy.close()
  await waitFor(() => statuses.at(-1) === 'disconnected', { message: 'the last state' })
  const { proxy: next } = await connectClient()
  assert.deepEqual(await ask(next, { id: 10, amount: 5 }), { id: 10, total: 10 })
})
