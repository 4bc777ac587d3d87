'use strict'

const apm = require('elastic-apm-node').start({
  serviceName: 'shop',
  apiRequestTime: '1s',
  centralConfig: false,
  cloudProvider: 'none',
  metricsInterval: '0s',
  captureHeaders: true,
  logLevel: 'off',
})

const kafkajs = require('kafkajs')
const { report, traffic } = require('./traffic')

async function main() {
  const seen = await traffic(kafkajs, {
    inSpan: async (name, task) => {
      const transaction = apm.startTransaction(name)
      try {
        return await task()
      } finally {
        transaction.end()
      }
    },
    inHandler: () => apm.currentTransaction?.ids['transaction.id'],
  })
  await apm.flush()
  await apm.destroy()
  report(seen)
}

main()
