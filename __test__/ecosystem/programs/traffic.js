'use strict'

/** What a traced program does: it sends each way there is, fails once, and consumes by message and by batch. */

const settings = JSON.parse(process.env.SETTINGS)

const MESSAGES_DEADLINE_MS = 40_000

/** Tells the test what was found, as `runProgram` reads it. */
const report = result => process.stdout.write(`RESULT ${JSON.stringify(result)}\n`)

/** @returns {{ promise: Promise<void>, note: () => void }} resolves after `count` calls of note */
const countdown = (count, what) => {
  let left = count
  let note
  const promise = new Promise((resolve, reject) => {
    const late = () => reject(new Error(`${left} of ${count} ${what} have not come`))
    const timer = setTimeout(late, MESSAGES_DEADLINE_MS)
    note = (times = 1) => {
      left -= times
      if (left > 0) return
      clearTimeout(timer)
      resolve()
    }
  })
  return { promise, note }
}

/**
 * Sends two messages to `settings.topic` by `send`, one more there and one to `settings.batchTopic` by `sendBatch`, lets a
 * `send` fail, and consumes the first topic by eachMessage and the second by eachBatch.
 *
 * @param {object} kafkajs  the module, loaded after the tracer
 * @param {object} [hooks]
 * @param {(name: string, task: () => Promise<unknown>) => Promise<unknown>} [hooks.inSpan]  runs a task in a span of the
 *   user's
 * @param {(payload: object) => unknown} [hooks.inHandler]  what to note in a handler
 * @returns {Promise<object>} `failure`: how the send failed; `handled`: by message; `batches`; `sent`
 */
async function traffic({ Kafka, logLevel }, { inSpan = (_, task) => task(), inHandler } = {}) {
  const { batchTopic, brokers, group, topic } = settings
  const kafka = new Kafka({ clientId: 'traced', brokers, logLevel: logLevel.NOTHING })
  const producer = kafka.producer()
  const consumers = [`${group}-message`, `${group}-batch`].map(groupId =>
    kafka.consumer({ groupId, maxWaitTimeInMs: 200 })
  )
  const handled = []
  const batches = []

  await producer.connect()
  const sent = await inSpan('sending', async () => [
    await producer.send({ topic, messages: [{ key: 'k', value: 'a' }, { value: 'b' }] }),
    await producer.sendBatch({
      topicMessages: [
        { topic, messages: [{ value: 'c', headers: { origin: 'user' } }] },
        { topic: batchTopic, messages: [{ value: 'd' }, { value: 'e' }] },
      ],
    }),
  ])
  const failure = await inSpan('failing', () =>
    producer.send({ topic, messages: [{ key: 'no value' }] }).catch(error => error.name)
  )

  const messages = countdown(3, 'messages')
  const inBatches = countdown(2, 'messages in batches')
  const [byMessage, byBatch] = consumers
  await byMessage.connect()
  await byMessage.subscribe({ topics: [topic], fromBeginning: true })
  await byMessage.run({
    eachMessage: async ({ message, ...payload }) => {
      const headers = Object.fromEntries(
        Object.entries(message.headers).map(([name, value]) => [name, String(value)])
      )
      // The span of the handler has to be there after an await as well.
      await new Promise(resolve => setImmediate(resolve))
      const noted = inHandler?.({ ...payload, message })
      handled.push({ value: String(message.value), offset: message.offset, headers, noted })
      messages.note()
    },
  })
  await byBatch.connect()
  await byBatch.subscribe({ topics: [batchTopic], fromBeginning: true })
  await byBatch.run({
    eachBatch: async ({ batch }) => {
      batches.push({
        values: batch.messages.map(({ value }) => String(value)),
        noted: inHandler?.({ batch }),
      })
      inBatches.note(batch.messages.length)
    },
  })
  await Promise.all([messages.promise, inBatches.promise])
  await Promise.all([producer, ...consumers].map(each => each.disconnect()))
  return { batches, failure, handled, sent }
}

module.exports = { report, settings, traffic }
