'use strict'

/**
 * A broker that lies: a relay changes the answers of a real one. What cannot be read ends the connection with an error
 * that says why; what can be read but was not asked for is not believed; nothing goes round in circles.
 */

const test = require('node:test')
const assert = require('node:assert/strict')
const { Kafka } = require('../..')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor, within } = require('../harness')
const { framed, startRelay } = require('../harness/relay')

const PRODUCE = 0
const FETCH = 1
const METADATA = 3
const FIND_COORDINATOR = 10
const JOIN_GROUP = 11
const API_VERSIONS = 18

/** Where a record batch has what: https://kafka.apache.org/documentation/#recordbatch */
const BATCH = { length: 8, magic: 16, header: 61 }

const patient = { retry: { retries: 2, initialRetryTime: 50 } }

/** A client whose every connection goes through a relay that changes answers. */
async function lying(t, change, { ask, ...options } = {}) {
  const [broker] = await brokers()
  const relay = await startRelay(broker, change, ask)
  t.after(() => relay.close())
  const kafka = new Kafka({
    brokers: [broker],
    logLevel: 0,
    socketFactory: relay.socketFactory,
    ...patient,
    ...options,
  })
  return { kafka, relay }
}

/** @returns {number} where the first batch of a fetch's answer begins, or -1 */
function batchIn(body) {
  for (let at = 0; at + BATCH.header < body.length; at++) {
    const end = at + 12 + body.readInt32BE(at + BATCH.length)
    if (body[at + BATCH.magic] === 2 && end > at + BATCH.header && end <= body.length) return at
  }
  return -1
}

/** The answer with the bytes at a place of its body replaced. */
function patched({ header, body }, at, bytes) {
  const changed = Buffer.from(body)
  bytes.copy(changed, at)
  return framed(header, changed)
}

/** Behind the header of a request with flexible fields, its client id and the id of the replica. */
const FETCH_MAX_WAIT = 15

const HUGE = Buffer.from('ffffffff0f', 'hex')

test('counts beyond the frame are refused with the name of the request and of the field', async t => {
  // Throttle time, then the count of brokers.
  const { kafka, relay } = await lying(t, answer => {
    if (answer.apiKey !== METADATA) return undefined
    return framed(answer.header, answer.body.subarray(0, 4), HUGE, answer.body.subarray(5))
  })
  const admin = kafka.admin()
  await admin.connect().catch(() => {})
  const error = await admin.listTopics().then(assert.fail, error => error)
  await admin.disconnect()
  const cause = error.cause ?? error
  assert.match(
    `${error.message} ${cause.message}`,
    /Malformed Metadata exchange with .*: .*brokers announces 4294967294 where \d+ bytes are left/
  )
  assert.match(cause.name, /^KafkaJS(Connection|NumberOfRetriesExceeded)/)
  assert.ok(relay.answers.length < 100, `${relay.answers.length} answers`)
})

test('every answer with its last half missing, or with a byte too many, is an error and not a hang', async t => {
  for (const damage of [
    ({ header, body }) => framed(header, body.subarray(0, body.length >> 1)),
    ({ header, body }) => framed(header, body, Buffer.from([1])),
  ]) {
    for (const key of [METADATA, PRODUCE]) {
      const topic = await createTopic(uniqueTopic())
      const { kafka } = await lying(t, answer =>
        answer.apiKey === key ? damage(answer) : undefined
      )
      const producer = kafka.producer()
      const sent = async () => {
        await producer.connect()
        await producer.send({ topic, messages: [{ value: 'a' }] })
      }
      await within(30_000, assert.rejects(sent(), /Malformed (Metadata|Produce) exchange/))
      await producer.disconnect()
    }
  }
})

test('an answer to a produce that names another partition settles nothing, and the send rejects', async t => {
  const topic = await createTopic(uniqueTopic())
  const { kafka, relay } = await lying(t, answer => {
    if (answer.apiKey !== PRODUCE) return undefined
    const at = answer.body.indexOf(topic) + topic.length + 1
    return patched(answer, at, Buffer.from([0, 0, 0, 77]))
  })
  const producer = kafka.producer()
  await producer.connect()
  const send = producer.send({ topic, messages: [{ value: 'a', partition: 0 }] })
  await within(30_000, assert.rejects(send, { name: /^KafkaJS/ }))
  await producer.disconnect()
  const produced = relay.answers.filter(({ apiKey }) => apiKey === PRODUCE)
  assert.ok(produced.length <= 3, `${produced.length} attempts`)
})

/** Reads through lies: what a handler saw, and how often the broker was asked while there was nothing to be had. */
async function consume(t, change, ask) {
  const topic = await createTopic(uniqueTopic())
  const honest = new Kafka({ brokers: await brokers(), logLevel: 0 })
  const producer = honest.producer()
  await producer.connect()
  const send = async value => void (await producer.send({ topic, messages: [{ value }] }))
  await send('first')
  await send('second')
  const lies = { told: 0 }
  const lie = answer => {
    if (answer.apiKey !== FETCH) return undefined
    const told = change(answer, batchIn(answer.body), topic)
    if (told) lies.told += 1
    return told
  }
  const { kafka, relay } = await lying(t, lie, { ask })
  const consumer = kafka.consumer({ groupId: uniqueGroup(), maxWaitTimeInMs: 200 })
  const seen = []
  const crashes = []
  consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload.error))
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      seen.push(`${message.offset} ${message.value}`)
    },
  })
  const end = async () => {
    await consumer.disconnect()
    await producer.disconnect()
  }
  return { seen, crashes, lies, relay, send, end, topic }
}

test('records whose offsets go back are not handled twice, nor asked for without end', async t => {
  let last
  const tell = (answer, at) => {
    // Once the log has been read, the broker gives the last batch again and again.
    if (at < 0) return last && framed(answer.header, last.body)
    last = answer
    return undefined
  }
  // And it does not wait until there is something new.
  const hurry = (apiKey, request) => {
    const clientId = request.readInt16BE(8)
    if (apiKey === FETCH) request.writeInt32BE(0, FETCH_MAX_WAIT + clientId)
  }
  const { seen, lies, relay, end } = await consume(t, tell, hurry)
  await waitFor(() => seen.length === 2 && lies.told >= 2, { deadline: 30_000 })
  const before = relay.answers.length
  await new Promise(resolve => setTimeout(resolve, 1000))
  const asked = relay.answers.length - before
  await end()
  assert.deepEqual(seen, ['0 first', '1 second'])
  assert.ok(asked < 100, `${asked} answers in a second`)
})

test('records of a topic or a partition that was not asked for reach no handler', async t => {
  for (const lie of ['topic', 'partition']) {
    let honest = false
    const { seen, lies, end } = await consume(t, (answer, at, topic) => {
      if (at < 0 || honest) return undefined
      const name = answer.body.indexOf(topic)
      if (lie === 'topic') return patched(answer, name, Buffer.from('X'))
      return patched(answer, name + topic.length + 1, Buffer.from([0, 0, 0, 9]))
    })
    await waitFor(() => lies.told >= 2, { deadline: 30_000 })
    assert.deepEqual(seen, [])
    honest = true
    await waitFor(() => seen.length === 2, { deadline: 30_000 })
    await end()
    assert.deepEqual(seen, ['0 first', '1 second'])
  }
})

test('a batch of impossible length or with broken content is an error, and what is read is never made up', async t => {
  const { seen, crashes, lies, end } = await consume(t, (answer, at) => {
    // The last byte of the first batch.
    if (at < 0) return undefined
    const last = at + 11 + answer.body.readInt32BE(at + BATCH.length)
    return patched(answer, last, Buffer.from([answer.body[last] ^ 0xff]))
  })
  await waitFor(() => crashes.length > 0, { deadline: 60_000 })
  await end()
  assert.deepEqual(seen, [])
  assert.ok(lies.told > 0)
  assert.match(crashes[0].message, /checksum|CRC|corrupt/i)
})

test('nonsense from a coordinator is an error or another try, and disconnecting still works', async t => {
  for (const key of [FIND_COORDINATOR, JOIN_GROUP, API_VERSIONS]) {
    const topic = await createTopic(uniqueTopic())
    const { kafka, relay } = await lying(t, ({ apiKey, header, body }) =>
      apiKey === key ? framed(header, Buffer.alloc(body.length, 0xff)) : undefined
    )
    const consumer = kafka.consumer({
      groupId: uniqueGroup(),
      retry: { retries: 1, initialRetryTime: 50 },
    })
    const failures = []
    consumer.on(consumer.events.CRASH, ({ payload }) => failures.push(payload.error))
    const started = async () => {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({ eachMessage: async () => {} })
    }
    await started().catch(error => failures.push(error))
    await waitFor(() => failures.length > 0, { deadline: 60_000 })
    assert.match(failures[0].message, /Malformed|announces|ends inside/)
    await within(30_000, consumer.disconnect())
    assert.ok(relay.answers.length < 200, `${relay.answers.length} answers`)
  }
})
