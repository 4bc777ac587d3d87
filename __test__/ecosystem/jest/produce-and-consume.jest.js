'use strict'

/* global describe, expect, test */

const { Kafka, CompressionTypes, KafkaJSError, logLevel } = require('kafkajs')

const { brokers, group, topic } = JSON.parse(process.env.SETTINGS)

describe('a program under Jest', () => {
  test('what is sent is consumed, in objects of this context', async () => {
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    const consumer = kafka.consumer({ groupId: group, maxWaitTimeInMs: 100 })
    const admin = kafka.admin()
    await Promise.all([producer.connect(), consumer.connect(), admin.connect()])
    const sending = producer.send({
      topic,
      compression: CompressionTypes.GZIP,
      messages: [{ key: 'k', value: 'v', headers: { a: ['1', '2'] } }],
    })
    // What comes out of native code must be of this context: Jest's matchers and a user's instanceof ask for it.
    expect(sending).toBeInstanceOf(Promise)
    const sent = await sending
    expect(sent).toBeInstanceOf(Array)
    expect(sent).toStrictEqual([
      {
        topicName: topic,
        partition: 0,
        errorCode: 0,
        baseOffset: '0',
        logAppendTime: '-1',
        logStartOffset: '0',
      },
    ])
    expect(await admin.fetchTopicOffsets(topic)).toStrictEqual([
      { partition: 0, offset: '1', low: '0', high: '1' },
    ])

    await consumer.subscribe({ topics: [topic], fromBeginning: true })
    const payload = await new Promise((resolve, reject) => {
      consumer.run({ eachMessage: async each => resolve(each) }).catch(reject)
    })
    const { message } = payload
    expect(message).toBeInstanceOf(Object)
    expect(message.headers).toStrictEqual({ a: [Buffer.from('1'), Buffer.from('2')] })
    expect(Buffer.isBuffer(message.value)).toBe(true)
    expect(message.value.toString()).toBe('v')
    expect(message.value).toEqual(Buffer.from('v'))
    await Promise.all([producer.disconnect(), consumer.disconnect(), admin.disconnect()])
  })

  test('errors are of this context', async () => {
    const kafka = new Kafka({ brokers, logLevel: logLevel.NOTHING })
    const producer = kafka.producer()
    await expect(producer.send({ topic, messages: [{ value: 'v' }] })).rejects.toThrow(
      'The producer is disconnected'
    )
    await producer.connect()
    const error = await producer
      .send({ topic, messages: [{ value: Buffer.alloc(2_000_000) }] })
      .catch(e => e)
    await producer.disconnect()
    expect(error).toBeInstanceOf(Error)
    expect(error).toBeInstanceOf(KafkaJSError)
    expect(error).toMatchObject({ name: 'KafkaJSProtocolError', type: 'MESSAGE_TOO_LARGE' })
  })
})
