'use strict'

/** A user's socketFactory. Section 7.5 of kafkajs' behaviour. */

const assert = require('node:assert/strict')
const { EventEmitter } = require('node:events')
const net = require('node:net')
const { test } = require('node:test')
const tls = require('node:tls')
const { brokers, contract, createTopic, subject, uniqueTopic, waitFor } = require('../harness')
const { selfSigned, signedBy } = require('../security/certificates')
const { QUICK, connect } = require('../security/connecting')
const { startTerminator } = require('../security/terminator')

const NO_TOPIC = { partitions: 0 }

contract('is called with host, port, ssl and onConnect, once per connection', async context => {
  const { topic, brokers } = context
  context.mask(brokers[0].split(':')[1], '<port>')
  const ssl = { some: 'option' }
  const made = []
  const socketFactory = given => {
    made.push(given)
    const { host, port, onConnect } = given
    return net.connect({ host, port }, onConnect)
  }
  const producer = context.kafka({ ...QUICK, ssl, socketFactory }).producer()
  await producer.connect()
  context.record('sent', await producer.send({ topic, messages: [{ value: 'v' }] }))
  const [given] = made
  context.record('given', [Object.keys(given), given.host, given.port, given.ssl === ssl])
})

contract('messages large and small go both ways in order', async context => {
  const { topic } = context
  const socketFactory = ({ host, port, onConnect }) => net.connect({ host, port }, onConnect)
  const kafka = context.kafka({ socketFactory })
  const producer = kafka.producer()
  await producer.connect()
  const values = [1, 900_000, 2, 300_000, 3].map(size => 'x'.repeat(size))
  for (const value of values) await producer.send({ topic, messages: [{ value }] })
  const consumer = kafka.consumer({ groupId: context.group, maxWaitTimeInMs: 100 })
  const read = []
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      read.push(message.value.toString())
    },
  })
  await waitFor(() => read.length >= values.length, { message: 'all messages' })
  context.record('the same', JSON.stringify(read) === JSON.stringify(values))
})

contract('a factory may speak TLS itself', NO_TOPIC, async context => {
  const ca = selfSigned()
  const { cert, key } = signedBy(ca)
  const { port, close } = await startTerminator({ cert, key })
  context.onEnd(close)
  const socketFactory = ({ host, port, ssl, onConnect }) =>
    tls.connect({ host, port, servername: host, ...ssl }, onConnect)
  const options = { brokers: [`localhost:${port}`], ssl: { ca: ca.cert }, socketFactory }
  context.record('connect', await connect(context, options))
})

const REFUSED = net.connect.bind(net, { host: '127.0.0.1', port: 1 })
/** @type {[name: string, socketFactory: unknown][]} */
const FAILING = [
  [
    'throws',
    () => {
      throw new Error('no sockets today')
    },
  ],
  ['gives nothing', () => undefined],
  ['is no function', 5],
  ['makes a socket that cannot connect', ({ onConnect }) => REFUSED(onConnect)],
]
for (const [name, socketFactory] of FAILING) {
  contract(`a factory that ${name}`, NO_TOPIC, async context => {
    const [address] = context.brokers
    context.mask(address.split(':')[1], '<port>')
    context.record('connect', await connect(context, { brokers: [address], socketFactory }))
  })
}

contract('a socket that never connects is given up, and ended', NO_TOPIC, async context => {
  const [address] = context.brokers
  context.mask(address.split(':')[1], '<port>')
  const ended = []
  class Silent extends EventEmitter {
    write() {}
    end() {
      ended.push(true)
    }
    unref() {}
  }
  const socketFactory = () => new Silent()
  const options = { brokers: [address], socketFactory, connectionTimeout: 200 }
  context.record('connect', await connect(context, options))
  await waitFor(() => ended.length >= 2, { message: 'the ends of both sockets' })
})

contract('a socket with nothing but what is asked of it will do', NO_TOPIC, async context => {
  const called = new Set()
  const asked = ['end', 'on', 'unref', 'write']
  const socketFactory = ({ host, port, onConnect }) => {
    const inner = net.connect({ host, port }, onConnect)
    const members = {}
    for (const member of asked) {
      members[member] = (...args) => {
        called.add(member)
        return inner[member](...args)
      }
    }
    return members
  }
  const [address] = context.brokers
  context.record('connect', await connect(context, { brokers: [address], socketFactory }))
  // The core lets go of a connection before the socket behind it has been told so.
  await waitFor(() => called.size === asked.length, { message: 'the end of the socket' })
  context.record('called', [...called].sort())
})

test('a connection that breaks is made again', async () => {
  const { Kafka, logLevel } = subject.load()
  const topic = await createTopic(uniqueTopic())
  const sockets = []
  const socketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    sockets.push(socket)
    return socket
  }
  const kafka = new Kafka({ brokers: await brokers(), socketFactory, logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  try {
    await producer.send({ topic, messages: [{ value: 'first' }] })
    const before = sockets.length
    for (const socket of sockets) socket.destroy(new Error('cut'))
    await producer.send({ topic, messages: [{ value: 'second' }] })
    assert.ok(sockets.length > before)
  } finally {
    await producer.disconnect()
  }
  await waitFor(() => sockets.every(socket => socket.destroyed), { message: 'the ends of all' })
})

test('a socket that is full is not written to until it drains', async () => {
  const { Kafka, logLevel } = subject.load()
  const topic = await createTopic(uniqueTopic())
  let writes = 0
  let impatient = 0
  const socketFactory = ({ host, port, onConnect }) => {
    const socket = net.connect({ host, port }, onConnect)
    const { write } = socket
    let full = false
    socket.write = (...args) => {
      writes += 1
      if (full) impatient += 1
      full = true
      write.apply(socket, args)
      setImmediate(() => {
        full = false
        socket.emit('drain')
      })
      return false
    }
    return socket
  }
  const kafka = new Kafka({ brokers: await brokers(), socketFactory, logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  await producer.connect()
  try {
    const value = 'x'.repeat(800_000)
    const sends = Array.from({ length: 8 }, () => producer.send({ topic, messages: [{ value }] }))
    const offsets = (await Promise.all(sends)).map(([{ baseOffset }]) => Number(baseOffset))
    assert.deepEqual(offsets, [0, 1, 2, 3, 4, 5, 6, 7])
    assert.ok(writes > 8)
    assert.equal(impatient, 0)
  } finally {
    await producer.disconnect()
  }
})
