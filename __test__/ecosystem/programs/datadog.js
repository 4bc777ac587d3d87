'use strict'

const tracer = require('dd-trace').init({ flushInterval: 10, startupLogs: false })

const kafkajs = require('kafkajs')
const { report, traffic } = require('./traffic')

const main = async () =>
  report(
    await traffic(kafkajs, {
      inSpan: (name, task) => tracer.trace(name, task),
      inHandler: () => tracer.scope().active()?.context().toSpanId(),
    })
  )

main()
