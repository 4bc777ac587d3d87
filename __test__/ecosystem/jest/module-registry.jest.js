'use strict'

/* global afterEach, beforeEach, expect, jest, test */

const { brokers, registryTopic: topic } = JSON.parse(process.env.SETTINGS)

let kafkajs
let producer

beforeEach(async () => {
  jest.resetModules()
  kafkajs = require('kafkajs')
  producer = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING }).producer()
  await producer.connect()
})
afterEach(() => producer.disconnect())

const copies = new Set()

test.each([1, 2, 3, 4, 5])('a copy of the module for each test: %d', async number => {
  copies.add(kafkajs.Kafka)
  expect(copies.size).toBe(number)
  const [{ errorCode }] = await producer.send({ topic, messages: [{ value: `${number}` }] })
  expect(errorCode).toBe(0)
})

test('a copy that is isolated, beside another', async () => {
  let other
  jest.isolateModules(() => {
    other = require('kafkajs')
  })
  expect(other.Kafka).not.toBe(kafkajs.Kafka)
  const admin = new other.Kafka({ brokers, logLevel: other.logLevel.NOTHING }).admin()
  await admin.connect()
  expect(await admin.listTopics()).toContain(topic)
  await admin.disconnect()
})

test('automock: clients are mocks, names are there, nothing connects', async () => {
  const mocked = jest.createMockFromModule('kafkajs')
  expect(Object.keys(mocked).sort()).toEqual(Object.keys(kafkajs).sort())
  const client = new mocked.Kafka({ brokers: ['nowhere:1'] })
  expect(jest.isMockFunction(client.producer)).toBe(true)
  expect(client.producer()).toBeUndefined()
})
