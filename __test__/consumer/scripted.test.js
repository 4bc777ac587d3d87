'use strict'

/** Reading what brokers of our time seldom or never answer: a scripted broker does. Sections 4.5, 4.11 and 4.12. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const zlib = require('node:zlib')
const Encoder = require('kafkajs/src/protocol/encoder')
const createMessage = require('kafkajs/src/protocol/message')
const createRecord = require('kafkajs/src/protocol/recordBatch/record/v0')
const { RecordBatch } = require('kafkajs/src/protocol/recordBatch/v0')
const { subject, waitFor } = require('../harness')
const { list } = require('../harness/wire')
const { API, startScriptedBroker, write } = require('./scriptedBroker')

const TOPIC = 't'
const GZIP = 1
const MB = 1024 * 1024

const NOT_LEADER = 6
const OFFSET_OUT_OF_RANGE = 1
const REBALANCE_IN_PROGRESS = 27

/** @returns {Buffer} an entry of a message set (formats 0 and 1) */
const entry = (offset, version, fields) => {
  const message = createMessage({ version })(fields)
  return new Encoder().writeInt64(offset).writeInt32(message.size()).writeEncoder(message).buffer
}

/** @returns {Promise<Buffer>} a record batch (format 2) */
const batch = async (firstOffset, values) => {
  const records = values.map((value, offsetDelta) =>
    createRecord({ offsetDelta, key: null, value })
  )
  const encoder = await RecordBatch({
    firstOffset,
    lastOffsetDelta: values.length - 1,
    records,
    firstTimestamp: 1000,
    maxTimestamp: 1000,
  })
  return encoder.buffer
}

/**
 * Consumes from a scripted broker.
 *
 * @param {import('node:test').TestContext} t
 * @param {object} script of the broker
 * @param {object} [options] of the consumer, `onMessage(payload)`, `onBroker(broker)` when it has started, and `settings`
 *   of the client, `run` of `run`
 */
async function consumeScripted(t, script, options = {}) {
  const { onMessage = () => {}, onBroker = () => {}, run = {}, settings = {}, ...rest } = options
  const { fromBeginning = true, ...own } = rest
  const broker = await startScriptedBroker({ topic: TOPIC, ...script })
  onBroker(broker)
  const { Kafka } = subject.load()
  const logs = []
  const kafka = new Kafka({
    brokers: broker.brokers,
    logCreator: () => line => logs.push(line),
    ...settings,
  })
  const consumer = kafka.consumer({
    groupId: 'g',
    maxWaitTimeInMs: 100,
    heartbeatInterval: 100,
    ...own,
  })
  t.after(async () => {
    await consumer.disconnect()
    await broker.close()
  })
  const crashes = []
  let joins = 0
  consumer.on(consumer.events.CRASH, ({ payload }) => crashes.push(payload))
  consumer.on(consumer.events.GROUP_JOIN, () => joins++)
  const messages = []
  await consumer.subscribe({ topic: TOPIC, fromBeginning })
  await consumer.run({
    ...run,
    eachMessage: async payload => {
      messages.push(payload.message)
      await onMessage(payload)
    },
  })
  const linesWith = text => logs.filter(({ log }) => log.message.includes(text))
  return { broker, consumer, messages, crashes, logs, linesWith, joins: () => joins }
}

/** Answers with `records` from their first offset on, and nothing behind them. */
const serve =
  (records, end) =>
  ({ offset }) =>
    offset < end ? { records, end } : { end }

test('message sets of format 0 reach eachMessage with the fields of kafkajs', async t => {
  const records = Buffer.concat([
    entry(0, 0, { key: 'a', value: 'one' }),
    entry(1, 0, { key: null, value: 'two' }),
    entry(4, 0, { key: 'c', value: null }),
  ])
  const { messages } = await consumeScripted(t, { fetch: serve(records, 5) })
  await waitFor(() => messages.length === 3, { deadline: 20_000 })
  assert.deepEqual(
    messages.map(({ offset, key, value }) => [offset, key && `${key}`, value && `${value}`]),
    [
      ['0', 'a', 'one'],
      ['1', null, 'two'],
      ['4', 'c', null],
    ]
  )
  assert.deepEqual(Object.keys(messages[0]), [
    'offset',
    'size',
    'crc',
    'magicByte',
    'attributes',
    'key',
    'value',
  ])
  assert.equal(messages[0].magicByte, 0)
})

test('message sets of format 1, compressed ones too, reach eachMessage', async t => {
  const inner = Buffer.concat([
    entry(0, 1, { timestamp: 1000, key: 'a', value: 'one' }),
    entry(1, 1, { timestamp: 1001, key: 'b', value: 'two' }),
  ])
  const records = Buffer.concat([
    entry(7, 1, { timestamp: 999, key: 'x', value: 'zero' }),
    // A compressed set has the offset of its last message; those inside count from 0.
    entry(9, 1, { compression: GZIP, timestamp: 1001, key: null, value: zlib.gzipSync(inner) }),
  ])
  const script = { fetch: serve(records, 10), offsetAt: () => 7 }
  const { messages, broker } = await consumeScripted(t, script)
  await waitFor(() => messages.length === 3, { deadline: 20_000 })
  assert.deepEqual(
    messages.map(({ offset, timestamp, value, magicByte }) => [
      offset,
      timestamp,
      `${value}`,
      magicByte,
    ]),
    [
      ['7', '999', 'zero', 1],
      ['8', '1000', 'one', 1],
      ['9', '1001', 'two', 1],
    ]
  )
  await waitFor(() => broker.commits.some(({ offset }) => offset === '10'))
})

test('a batch that would decompress to gigabytes is refused, and says so', async t => {
  const bomb = zlib.gzipSync(Buffer.alloc(300 * MB))
  const record = new Encoder().writeBuffer(bomb)
  assert.ok(record.size() < MB, 'small on the wire')
  const records = entry(0, 1, { compression: GZIP, timestamp: 1, key: null, value: bomb })
  const { messages, crashes } = await consumeScripted(
    t,
    { fetch: serve(records, 1) },
    { retry: { retries: 1, initialRetryTime: 50, restartOnFailure: async () => false } }
  )
  await waitFor(() => crashes.length === 1, { deadline: 30_000, message: 'a crash' })
  assert.match(crashes[0].error.message, /gzip.* 134217728 bytes/i)
  assert.match(crashes[0].error.message, /t-0/)
  assert.equal(messages.length, 0)
})

test('a codec nobody knows is said so', async t => {
  const first = await batch(0, ['x'])
  // Attributes, and the checksum is not even looked at before them.
  const UNKNOWN_CODEC = 7
  first.writeInt16BE(UNKNOWN_CODEC, 21)
  const { crashes } = await consumeScripted(
    t,
    { fetch: serve(first, 1) },
    { retry: { retries: 0, restartOnFailure: async () => false } }
  )
  await waitFor(() => crashes.length === 1, { deadline: 20_000 })
  assert.ok(crashes[0].error instanceof Error)
  assert.equal(crashes[0].restart, false)
})

test('a batch that was damaged on its way is fetched again', async t => {
  const good = await batch(0, ['one', 'two'])
  const bad = Buffer.from(good)
  bad[bad.length - 2] ^= 0xff
  let fetches = 0
  const fetch = ({ offset }) => {
    if (offset > 0) return { end: 2 }
    fetches++
    return { records: fetches === 1 ? bad : good, end: 2 }
  }
  const { messages, crashes, linesWith } = await consumeScripted(t, { fetch })
  await waitFor(() => messages.length === 2, { deadline: 20_000 })
  assert.deepEqual(
    messages.map(({ value }) => `${value}`),
    ['one', 'two']
  )
  assert.equal(crashes.length, 0)
  assert.equal(linesWith('(t-0)')[0].label, 'ERROR')
})

for (const fromBeginning of [true, false]) {
  test(`OFFSET_OUT_OF_RANGE resets by fromBeginning ${fromBeginning}, and says so`, async t => {
    const script = {
      offsetAt: timestamp => (timestamp === -2 ? 40 : 50),
      fetch: async ({ offset }) => {
        if (offset < 40) return { code: OFFSET_OUT_OF_RANGE }
        const end = 52
        return offset < end
          ? { records: await batch(offset, Array(end - offset).fill('v')), end }
          : { end }
      },
    }
    const { broker, consumer, messages, linesWith } = await consumeScripted(t, script, {
      fromBeginning,
    })
    await waitFor(() => messages.length > 0, { deadline: 20_000 })
    messages.length = 0
    consumer.seek({ topic: TOPIC, partition: 0, offset: '3' })
    await waitFor(() => messages.length > 0, { deadline: 20_000 })
    assert.equal(messages[0].offset, fromBeginning ? '40' : '50')
    const [line] = linesWith('Offset out of range, resetting to default offset')
    assert.deepEqual([line.label, line.namespace], ['ERROR', 'ConsumerGroup'])
    assert.deepEqual([line.log.topic, line.log.partition, line.log.groupId], [TOPIC, 0, 'g'])
    const stored = broker.commits.map(({ offset }) => offset)
    assert.ok(stored.includes(fromBeginning ? '-2' : '-1'), `${stored}`)
  })
}

test('a leader that moved is followed, and what was read ahead of it is not lost', async t => {
  let release
  const held = new Promise(resolve => {
    release = resolve
  })
  const script = {
    nodes: 2,
    fetch: async ({ node, offset }) => {
      if (node !== broker.leader) return { code: NOT_LEADER }
      if (offset >= 6) return { end: 6 }
      return {
        records: await batch(offset, [`${node} ${offset}`, `${node} ${offset + 1}`]),
        end: 6,
      }
    },
  }
  let broker
  const isHeld = () => messages.length === 1
  const scene = await consumeScripted(
    t,
    {
      ...script,
      fetch: ask => (broker ? script.fetch(ask) : { end: 6 }),
    },
    { onMessage: () => held }
  )
  ;({ broker } = scene)
  const { messages, joins } = scene
  await waitFor(isHeld, { deadline: 20_000 })
  // Read ahead while the handler is busy: the last answer of node 1 that brings anything.
  await waitFor(() => broker.asks.some(({ node, offset }) => node === 1 && offset >= 4))
  broker.leader = 2
  await waitFor(() => broker.asks.some(({ node }) => node === 2), { deadline: 20_000 })
  release()
  await waitFor(() => messages.length >= 6, { deadline: 20_000 })
  assert.deepEqual(
    messages.map(({ offset }) => offset),
    ['0', '1', '2', '3', '4', '5'],
    'each once, in order'
  )
  const readAhead = broker.asks.filter(({ node }) => node === 2)
  assert.ok(
    readAhead.every(({ offset }) => offset >= 4),
    'what lay here was not asked for again'
  )
  assert.equal(joins(), 1)
})

test('rackId is told to the brokers, and the replica they prefer is read', async t => {
  const fetch = async ({ node, offset }) => {
    if (node === 1) return { end: 2, replica: 2 }
    return offset < 2 ? { records: await batch(0, ['near', 'by']), end: 2 } : { end: 2 }
  }
  const { broker, messages, linesWith } = await consumeScripted(
    t,
    { nodes: 2, fetch },
    { rackId: 'rack-b' }
  )
  await waitFor(() => messages.length === 2, { deadline: 20_000 })
  assert.ok(broker.asks.every(({ rack }) => rack === 'rack-b'))
  assert.equal(linesWith('Preferred read replica is now 2').length, 1)
})

test('a batch larger than the limits is asked for first, and comes', async t => {
  const value = 'v'.repeat(5000)
  const whole = await batch(0, [value, value])
  const fetch = ({ partition, offset, maxBytes, place }) => {
    if (partition === 0) return { end: 0 }
    if (offset >= 2) return { end: 2 }
    // As a broker does: only the first partition of a fetch may exceed what was asked for.
    return { records: place === 0 ? whole : whole.subarray(0, maxBytes), end: 2 }
  }
  const { broker, messages } = await consumeScripted(
    t,
    { partitions: 2, fetch },
    { maxBytesPerPartition: 1000 }
  )
  await waitFor(() => messages.length === 2, { deadline: 20_000 })
  assert.equal(messages[1].value.length, 5000)
  const places = broker.asks.filter(({ partition }) => partition === 1).map(({ place }) => place)
  assert.deepEqual(places.slice(0, 2), [1, 0])
})

test('the end of a batch that the threshold has committed takes nothing of the next batch with it', async t => {
  const first = await batch(0, ['a', 'b'])
  const second = await batch(2, ['c', 'd', 'e'])
  let mayCommit = false
  let commitsTold = 0
  let heartbeats = 0
  let committedMeanwhile
  const script = {
    fetch: ({ offset }) => ({ records: { 0: first, 2: second }[offset], end: 5 }),
    answers: {
      [API.OFFSET_COMMIT]: () => waitFor(() => mayCommit).then(() => undefined),
      [API.HEARTBEAT]: () => {
        heartbeats++
      },
    },
  }
  const { broker, consumer, messages } = await consumeScripted(t, script, {
    run: { autoCommitThreshold: 2 },
    onMessage: async ({ message }) => {
      if (message.offset !== '3') return
      mayCommit = true
      await waitFor(() => commitsTold > 0)
      const before = heartbeats
      await waitFor(() => heartbeats > before + 1)
      committedMeanwhile = broker.commits.map(({ offset }) => offset)
    },
  })
  consumer.on(consumer.events.COMMIT_OFFSETS, () => commitsTold++)
  await waitFor(() => broker.stored.get(0) === '5', { deadline: 20_000 })
  assert.equal(messages.length, 5)
  assert.deepEqual(committedMeanwhile, ['2'])
})

test('a commit that waits for another one stores what was resolved when it was asked for', async t => {
  const batches = {
    0: await batch(0, ['a', 'b']),
    2: await batch(2, ['c', 'd']),
    4: await batch(4, ['e', 'f', 'g']),
  }
  let mayCommit = false
  const script = {
    fetch: ({ offset }) => ({ records: batches[offset], end: 7 }),
    answers: { [API.OFFSET_COMMIT]: () => waitFor(() => mayCommit).then(() => undefined) },
  }
  let committedMeanwhile
  const { broker } = await consumeScripted(t, script, {
    onMessage: async ({ message }) => {
      if (message.offset !== '6') return
      mayCommit = true
      await waitFor(() => broker.commits.length > 1, { deadline: 20_000 })
      committedMeanwhile = broker.commits.map(({ offset }) => offset)
    },
  })
  await waitFor(() => broker.stored.get(0) === '7', { deadline: 20_000 })
  assert.deepEqual(committedMeanwhile, ['2', '4'])
})

test('a commit that tells late of a rebalance asks for no second one, nor keeps handlers from what comes after it', async t => {
  const records = await batch(0, ['a', 'b'])
  let broker
  let commits = 0
  let beatsSince = 0
  const code = () => (broker.generation === 1 && commits > 0 ? REBALANCE_IN_PROGRESS : 0)
  const script = {
    fetch: serve(records, 2),
    answers: {
      // A second heartbeat that says so comes when the first one is being dealt with.
      [API.HEARTBEAT]: () => {
        if (code() !== 0) beatsSince++
        return write(encoder => encoder.writeInt16(code()))
      },
      [API.OFFSET_COMMIT]: async () => {
        commits++
        if (broker.generation > 1) return undefined
        await waitFor(() => beatsSince > 1, { deadline: 20_000 })
        return write(encoder =>
          list(encoder, [TOPIC], name => {
            encoder.writeString(name)
            list(encoder, [0], partition =>
              encoder.writeInt32(partition).writeInt16(REBALANCE_IN_PROGRESS)
            )
          })
        )
      },
    },
  }
  const scene = await consumeScripted(t, script, {
    onBroker: started => {
      broker = started
    },
  })
  await waitFor(() => broker.stored.get(0) === '2', { deadline: 10_000 })
  assert.deepEqual(
    scene.messages.map(({ offset }) => offset),
    ['0', '1', '0', '1']
  )
  assert.deepEqual([scene.joins(), scene.crashes], [2, []])
})

test('a coordinator that does not answer is not asked who coordinates, while there are others', async t => {
  let isSilent = false
  const asked = []
  const script = {
    nodes: 2,
    fetch: () => ({}),
    answers: {
      [API.HEARTBEAT]: () => (isSilent ? 'silence' : undefined),
      [API.FIND_COORDINATOR]: (_decoder, _request, { node }) => {
        if (isSilent) asked.push(node)
      },
    },
  }
  let broker
  const { joins } = await consumeScripted(t, script, {
    onBroker: started => {
      broker = started
      // The other one is connected to, for fetching alone.
      broker.leader = 2
    },
    settings: { requestTimeout: 500 },
  })
  await waitFor(() => joins() === 1 && broker.asks.some(({ node }) => node === 2))
  isSilent = true
  await waitFor(() => asked.length > 0)
  assert.equal(asked[0], 2)
})
