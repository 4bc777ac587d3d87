'use strict'

const newrelic = require('newrelic')

const { agent } = newrelic
const TRANSACTION_EVENT = 0x01

const transactions = []
agent.on('transactionFinished', ({ id, name, parentId, trace, traceId }) => {
  const attributes = trace.attributes.get(TRANSACTION_EVENT)
  transactions.push({ id, name, parentId, traceId, attributes })
})

const kafkajs = require('kafkajs')
const { report, traffic } = require('./traffic')

async function main() {
  const seen = await traffic(kafkajs, {
    inSpan: (name, task) => newrelic.startBackgroundTransaction(name, task),
    inHandler: () => agent.getTransaction()?.id,
  })
  const counted = ([name, { callCount }]) => [name, callCount]
  const metrics = Object.fromEntries(Object.entries(agent.metrics._metrics.unscoped).map(counted))
  report({ ...seen, transactions, metrics })
}

main()
