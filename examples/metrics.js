'use strict'

/**
 * Metrics out of events: requests by API, lag by partition, rebalances and crashes. Events that nobody listens to cost
 * nothing.
 *
 *     node examples/metrics.js [topic]
 *
 * Sends and consumes 100 messages and prints what was counted. In a program of yours it is `require('kafkajs-rs')`.
 * KAFKA_BROKERS=host:port,... names the cluster; default localhost:9092.
 */

const { Kafka, Partitioners, logLevel } = require('..')

const MESSAGES = 100
const topic = process.argv[2] ?? 'example-metrics'
const brokers = (process.env.KAFKA_BROKERS ?? 'localhost:9092').split(',')

/** Counts for one client; a program would hand them to its metrics library. */
class Metrics {
  requests = new Map()
  lag = new Map()
  joins = 0
  crashes = 0

  follow(client) {
    const { REQUEST, END_BATCH_PROCESS, GROUP_JOIN, CRASH } = client.events
    client.on(REQUEST, ({ payload: { apiName, duration } }) => {
      const { count = 0, slowest = 0 } = this.requests.get(apiName) ?? {}
      this.requests.set(apiName, { count: count + 1, slowest: Math.max(slowest, duration) })
    })
    if (!END_BATCH_PROCESS) return
    client.on(END_BATCH_PROCESS, ({ payload }) => {
      this.lag.set(`${payload.topic}/${payload.partition}`, Number(payload.offsetLag))
    })
    client.on(GROUP_JOIN, () => this.joins++)
    client.on(CRASH, () => this.crashes++)
  }
}

async function main() {
  const kafka = new Kafka({ clientId: 'metrics', brokers, logLevel: logLevel.WARN })
  const metrics = new Metrics()
  const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner })
  const consumer = kafka.consumer({ groupId: `${topic}-${process.pid}` })
  metrics.follow(producer)
  metrics.follow(consumer)

  await producer.connect()
  const messages = Array.from({ length: MESSAGES }, (_, number) => ({ value: `${number}` }))
  await producer.send({ topic, messages })

  await consumer.subscribe({ topics: [topic], fromBeginning: true })
  let seen = 0
  await new Promise((resolve, reject) => {
    consumer.on(consumer.events.END_BATCH_PROCESS, () => {
      if (seen >= MESSAGES) resolve()
    })
    consumer
      .run({
        eachMessage: async () => {
          seen++
        },
      })
      .catch(reject)
  })
  await Promise.all([consumer.disconnect(), producer.disconnect()])

  for (const [api, { count, slowest }] of metrics.requests) {
    console.log(`${api}: ${count} requests, the slowest took ${slowest} ms`)
  }
  for (const [partition, lag] of metrics.lag) console.log(`${partition}: ${lag} behind`)
  console.log(`${metrics.joins} joins, ${metrics.crashes} crashes`)
}

main().catch(error => {
  console.error(error)
  process.exitCode = 1
})
