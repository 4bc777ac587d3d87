'use strict'

/** @kafkajs/confluent-schema-registry: Avro and JSON values by schema id, against a registry of the test's. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const { SchemaRegistry, SchemaType } = require('@kafkajs/confluent-schema-registry')
const kafkajs = require('kafkajs')
const { brokers, createTopic, uniqueGroup, uniqueTopic, waitFor } = require('../harness')
const { startCollector } = require('./collector')

/** What a Confluent registry answers, as far as the client asks: a schema has one id, ids count from 1. */
function registryAnswers() {
  const schemas = []
  const idOf = ({ schema, schemaType = 'AVRO' }) => {
    const known = schemas.findIndex(each => each.schema === schema)
    return known >= 0 ? known + 1 : schemas.push({ schema, schemaType })
  }
  return ({ method, path, body }) => {
    const [, byId] = /^\/schemas\/ids\/(\d+)/.exec(path) ?? []
    if (byId !== undefined) return schemas[Number(byId) - 1]
    if (method === 'GET' && path.startsWith('/config/')) return { compatibilityLevel: 'BACKWARD' }
    if (method === 'PUT') return JSON.parse(body)
    return { id: idOf(JSON.parse(body)) }
  }
}

test('what is encoded by a schema comes back decoded', { timeout: 60_000 }, async t => {
  const server = await startCollector({ answer: registryAnswers() })
  t.after(() => server.close())
  const registry = new SchemaRegistry({ host: `http://127.0.0.1:${server.port}/` })
  const avro = await registry.register({
    type: SchemaType.AVRO,
    schema: JSON.stringify({
      type: 'record',
      namespace: 'shop',
      name: 'Order',
      fields: [
        { name: 'id', type: 'long' },
        { name: 'item', type: 'string' },
      ],
    }),
  })
  const json = await registry.register(
    {
      type: SchemaType.JSON,
      schema: JSON.stringify({ type: 'object', properties: { id: { type: 'number' } } }),
    },
    { subject: 'order-value' }
  )
  assert.deepEqual([avro.id, json.id], [1, 2])

  const kafka = new kafkajs.Kafka({ brokers: await brokers(), logLevel: kafkajs.logLevel.NOTHING })
  const topic = await createTopic(uniqueTopic())
  const producer = kafka.producer()
  const consumer = kafka.consumer({ groupId: uniqueGroup(), maxWaitTimeInMs: 200 })
  t.after(() => Promise.all([producer.disconnect(), consumer.disconnect()]))
  await producer.connect()
  const orders = Array.from({ length: 100 }, (_, id) => ({ id, item: `laptop ${id}` }))
  await producer.send({
    topic,
    compression: kafkajs.CompressionTypes.GZIP,
    messages: [
      ...(await Promise.all(
        orders.map(async order => ({
          key: await registry.encode(json.id, { id: order.id }),
          value: await registry.encode(avro.id, order),
        }))
      )),
    ],
  })

  const decoded = []
  await consumer.connect()
  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ message }) => {
      decoded.push({
        key: await registry.decode(message.key),
        value: { ...(await registry.decode(message.value)) },
      })
    },
  })
  await waitFor(() => decoded.length === orders.length, { message: 'all orders' })
  assert.deepEqual(
    decoded,
    orders.map(order => ({ key: { id: order.id }, value: order }))
  )
})
