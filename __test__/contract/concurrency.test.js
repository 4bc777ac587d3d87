'use strict'

/** Contract 4.4 and 11 (17, 63): numbers of handlers that are no numbers. */

const { contract, waitFor, within } = require('../harness')
const { SHORT_POLL } = require('./observe')

const RUN_DEADLINE_MS = 20_000
const PARTITIONS = 3
const ALREADY_RUNNING = 'consumer#run was called, but the consumer is already running'

for (const [name, concurrency] of Object.entries({
  'a Symbol': Symbol('many'),
  'a BigInt': 2n,
  text: '2',
  'an object': {},
  null: null,
})) {
  contract(
    `4.4 partitionsConsumedConcurrently, ${name}: one handler at a time, and the next run runs`,
    { partitions: PARTITIONS },
    async context => {
      const { group, kafka, logs, record, topic } = context
      const producer = kafka().producer()
      await producer.connect()
      const messages = Array.from({ length: PARTITIONS }, (_, partition) => ({
        value: 'a',
        partition,
      }))
      await producer.send({ topic, messages })

      const consumer = kafka().consumer({ groupId: group, ...SHORT_POLL })
      const starts = { busy: 0, most: 0, count: 0 }
      // Others have every chance to begin: all three partitions were fetched by the same request.
      const eachMessage = async () => {
        starts.busy++
        starts.most = Math.max(starts.most, starts.busy)
        await new Promise(resolve => {
          setTimeout(resolve, 50)
        })
        starts.busy--
        starts.count++
      }
      await consumer.subscribe({ topic, fromBeginning: true })
      const run = options =>
        within(RUN_DEADLINE_MS, consumer.run({ eachMessage, ...options }), 'run')
      await run({ partitionsConsumedConcurrently: concurrency })
      await waitFor(() => starts.count >= PARTITIONS, { message: 'all messages' })
      record('at once', starts.most)

      await consumer.stop()
      await producer.send({ topic, messages })
      await run({})
      await waitFor(() => starts.count >= 2 * PARTITIONS, { message: 'messages of the next run' })
      record(
        'warnings',
        logs.filter(({ log }) => log.message === ALREADY_RUNNING).map(({ label }) => label)
      )
    }
  )
}
