'use strict'

/**
 * The JavaScript and JSON of the pages: all of it is parsed, and what uses the library runs on a real Kafka.
 *
 * A block with `<!-- run: name -->` right above it is run by the scene of that name below.
 */

const assert = require('node:assert/strict')
const vm = require('node:vm')
const { after, before, describe, test } = require('node:test')

const library = require('../..')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor } = require('../harness')
const { pageNames, readPage } = require('./page')

const AsyncFunction = (async () => {}).constructor

/** Clients that blocks have made, to be closed after them. */
const open = new Set()

/** The library's own class, quiet unless the page has a log creator, and with a list of its clients. */
class Recording extends library.Kafka {
  constructor(options) {
    super({ logCreator: () => () => {}, ...options })
  }

  producer(...args) {
    const client = super.producer(...args)
    open.add(client)
    return client
  }

  consumer(...args) {
    const client = super.consumer(...args)
    open.add(client)
    return client
  }
}

/** @returns {string} a block as the body of an async function, whatever module system it is written for */
const body = text =>
  text.replace(
    /^import\s+(.+)\s+from\s+('[^']+')$/gm,
    (_, names, module) => `const ${names.replace(/ as /g, ': ')} = require(${module})`
  )

/**
 * Runs a block with a Kafka, topic and group of this run in place of the names that the page uses.
 *
 * @param {string} text
 * @param {{ topic: string, groupId: string, addresses: string[], lines: unknown[][] }} run `lines` gets what the block
 *   prints
 * @param {Record<string, unknown>} [scope] variables that the block takes for granted
 * @param {string} [result] name of the variable to give
 */
function execute(text, { topic, groupId, addresses, lines }, scope = {}, result = 'undefined') {
  const placed = body(text)
    .replaceAll("['localhost:9092']", JSON.stringify(addresses))
    .replaceAll("'orders'", `'${topic}'`)
    .replaceAll("'order-processors'", `'${groupId}'`)
  const given = {
    require: name => (name === 'kafkajs-rs' ? { ...library, Kafka: Recording } : require(name)),
    console: { log: (...line) => lines.push(line) },
    ...scope,
  }
  const names = Object.keys(given)
  return new AsyncFunction(...names, `${placed}\nreturn ${result}`)(...Object.values(given))
}

const anyKafka = ({ addresses }) => new Recording({ brokers: addresses })

/** What to see when a block of this name runs: `run(scope, result)` executes it, `context` is what it runs with. */
const SCENES = {
  'prints the order': async (run, { lines, topic }) => {
    await run()
    await waitFor(() => lines.length === 1, { deadline: 30_000, message: 'the order' })
    assert.deepEqual(lines, [[topic, 0, '0', '{"total":25000000}']])
  },

  'ends both clients': async (run, context) => {
    const { consumer, producer, ended } = await runningClients(context)
    await run({ consumer, producer })
    assert.deepEqual(ended.sort(), ['consumer.disconnect', 'consumer.stop', 'producer.disconnect'])
  },

  'prints heartbeats': async (run, context) => {
    const { consumer } = await runningClients(context)
    // The last line of the block takes the listener away again, which is kept until it was called.
    const remaining = []
    const on = (name, listener) => {
      const remove = consumer.on(name, listener)
      return () => remaining.push(remove)
    }
    await run({ consumer: { events: consumer.events, on } })
    await waitFor(() => context.lines.length > 0, { deadline: 30_000, message: 'a heartbeat' })
    assert.equal(context.lines[0][0], 'consumer.heartbeat')
    assert.ok(context.lines[0][2])
    for (const remove of remaining) remove()
  },

  'adds a header': async (run, context) => {
    await run()
    const { consumer, producer } = await runningClients(context)
    await consumer.stop()
    const headers = []
    const eachMessage = async ({ message }) => headers.push(`${message.headers.trace}`)
    await consumer.run({ eachMessage })
    await producer.send({ topic: context.topic, messages: [{ value: 'a' }] })
    await waitFor(() => headers.length > 0, { deadline: 30_000, message: 'the message' })
    assert.deepEqual(headers, ['id'])
  },

  'writes log entries': async (run, { lines }) => {
    const kafka = await run({}, 'kafka')
    kafka.logger().info('told', { some: 'field' })
    kafka.logger().debug('not told')
    assert.deepEqual(lines, [['INFO', undefined, 'told', { some: 'field' }]])
  },

  'tells why a send failed': async (run, context) => {
    const send = await run({}, 'send')
    const producer = anyKafka(context).producer()
    const record = { topic: context.topic, messages: [{ value: 'a' }] }
    await assert.rejects(send(producer, record), { message: 'The producer is disconnected' })
    await producer.connect()
    const [{ topicName }] = await send(producer, record)
    assert.equal(topicName, context.topic)
  },
}

/** A connected producer, a consumer that runs, and the names of the events of their ending. */
async function runningClients(context) {
  const kafka = anyKafka(context)
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: context.groupId, heartbeatInterval: 200 })
  const ended = []
  for (const client of [producer, consumer]) {
    const { DISCONNECT, STOP } = client.events
    for (const name of [DISCONNECT, STOP]) if (name) client.on(name, ({ type }) => ended.push(type))
  }
  await createTopic(context.topic)
  await producer.connect()
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run({ eachMessage: async () => {} })
  return { producer, consumer, ended }
}

const pages = new Map()
const ran = new Set()

before(async () => {
  for (const name of pageNames()) pages.set(name, await readPage(name))
})

after(() => Promise.all([...open].map(client => client.disconnect())))

for (const name of pageNames()) {
  describe(name, () => {
    test('every block is one that can be read', () => {
      const wrong = []
      for (const { language, text } of pages.get(name).code) {
        try {
          if (language === 'js') new vm.Script(`(async () => {\n${body(text)}\n})`)
          else if (language === 'json') JSON.parse(text)
        } catch (error) {
          wrong.push(`${error.message}: ${text}`)
        }
      }
      assert.deepEqual(wrong, [])
    })

    test('blocks that are marked run', async () => {
      for (const { above, text } of pages.get(name).code) {
        const [, scene] = /^<!-- run: (.+) -->$/.exec(above ?? '') ?? []
        if (!scene) continue
        ran.add(scene)
        const context = {
          topic: uniqueTopic(),
          groupId: uniqueGroup(),
          addresses: await brokers(),
          lines: [],
        }
        await SCENES[scene]((scope, result) => execute(text, context, scope, result), context)
      }
    })
  })
}

test('every scene is on a page', () => {
  assert.deepEqual([...ran].sort(), Object.keys(SCENES).sort())
})
