'use strict'

const { init, producer } = require('../1-producer-configuration')
const { readStoredBatch } = require('../broker-view/stored-batch')
const { watchSent } = require('./sent-records')

async function producerConfiguration({ admin, broker, report }) {
  report.section('1. Producer Configuration')
  const takeSent = watchSent(producer)

  report.say('init(): one order, gzip, acks -1')
  await init()
  const [sent, ...others] = takeSent()
  const { topicName: topic, partition, baseOffset: offset, errorCode } = sent
  report.say(`sent to ${topic}, partition ${partition}, offset ${offset}`)
  report.check(
    'the broker took one batch',
    { others, topic, errorCode },
    {
      others: [],
      topic: 'orders',
      errorCode: 0,
    }
  )

  const stored = await readStoredBatch(broker, { topic, partition, offset })
  report.say(`stored batch: codec ${stored.codec}, records ${stored.records}`)
  report.check('the batch lies in the log with codec gzip', stored, {
    baseOffset: offset,
    lastOffset: offset,
    records: 1,
    codec: 'gzip',
  })

  await init()
  const [again] = takeSent()
  report.check(
    `the same partition key goes to partition ${partition} again, one offset further`,
    { partition: again.partition, offset: again.baseOffset },
    { partition, offset: String(Number(offset) + 1) }
  )

  report.section('   ACKs levels')
  await acksLevels({ admin, report })
}

async function acksLevels({ admin, report }) {
  const partition = 0
  const readEnd = async () => {
    const offsets = await admin.fetchTopicOffsets('payments')
    return Number(offsets.find(entry => entry.partition === partition).offset)
  }

  for (const acks of [0, 1, -1]) {
    const end = await readEnd()
    const value = JSON.stringify({ paymentFor: 123, acks })
    const answer = await producer.send({
      topic: 'payments',
      acks,
      messages: [{ key: 'order-123', value, partition }],
    })
    const offsets = answer.map(({ baseOffset }) => baseOffset)
    report.say(
      `acks ${acks}: ${acks === 0 ? 'no answer is asked for' : `answered with offset ${offsets}`}`
    )
    report.check(`acks ${acks} resolves as it should`, offsets, acks === 0 ? [] : [String(end)])
    await report.becomes(`the message sent with acks ${acks} is in the log`, readEnd, end + 1)
  }
}

module.exports = { producerConfiguration }
