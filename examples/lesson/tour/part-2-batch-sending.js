'use strict'

const { producer } = require('../1-producer-configuration')
const { sendBatch } = require('../2-batch-sending')
const { readStoredBatch } = require('../broker-view/stored-batch')
const { watchSent } = require('./sent-records')

async function batchSending({ broker, report }) {
  report.section('2. Batch Sending')
  const takeSent = watchSent(producer)

  await sendBatch({ producer })
  const records = {}
  for (const { topicName: topic, partition, baseOffset: offset } of takeSent()) {
    const stored = await readStoredBatch(broker, { topic, partition, offset })
    report.say(
      `sent to ${topic}, partition ${partition}, offset ${offset}; ` +
        `stored batch: codec ${stored.codec}, records ${stored.records}`
    )
    report.check(
      `the batch in ${topic}, partition ${partition} is not compressed`,
      stored.codec,
      'none'
    )
    records[topic] = (records[topic] ?? 0) + stored.records
  }
  report.check('one call wrote to both topics', records, { 'user-events': 2, analytics: 1 })
}

module.exports = { batchSending }
