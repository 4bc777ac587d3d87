'use strict'

/** What contract tests look at besides results: what the broker has, what a call throws, what a topic holds. */

const { uniqueGroup, waitFor, withAdmin } = require('../harness')

/** kafkajs ends a long poll before it stops; no test needs to wait for that. */
const SHORT_POLL = { maxWaitTimeInMs: 100 }

/**
 * @param {string} topic
 * @returns {Promise<number[]>} end offsets by partition
 */
function endOffsets(topic) {
  return withAdmin(undefined, async admin => {
    const ends = []
    for (const { partition, offset } of await admin.fetchTopicOffsets(topic)) {
      ends[partition] = Number(offset)
    }
    return ends
  })
}

/**
 * @param {{ group: string, topic: string }} context
 * @returns {Promise<number[]>} committed offsets by partition, -1 where there is none
 */
function committedOffsets({ group, topic }) {
  return withAdmin(undefined, async admin => {
    const [{ partitions }] = await admin.fetchOffsets({ groupId: group, topics: [topic] })
    const committed = []
    for (const { partition, offset } of partitions) committed[partition] = Number(offset)
    return committed
  })
}

/**
 * Reads the context's topic from its beginning, in a group of its own.
 *
 * @param {{ kafka: Function, topic: string }} context
 * @param {number} count  of messages
 * @param {object} [kafka]  the client that reads, default: the library under test
 * @returns {Promise<{ partition: number, message: object }[]>} in order of arrival
 */
async function readAll(context, count, kafka = context.kafka()) {
  const read = []
  const consumer = kafka.consumer({ groupId: uniqueGroup(), ...SHORT_POLL })
  await consumer.subscribe({ topics: [context.topic], fromBeginning: true })
  await consumer.run({
    eachMessage: async ({ partition, message }) => {
      read.push({ partition, message })
    },
  })
  await waitFor(() => read.length >= count, { message: `${count} messages` })
  await consumer.disconnect()
  return read
}

/**
 * @param {() => unknown} act
 * @returns {Promise<Error>} what it throws or rejects with
 * @throws {Error} if it does not
 */
async function errorOf(act) {
  let result
  try {
    result = await act()
  } catch (error) {
    return error
  }
  throw new Error(`${act} was expected to throw, but gave ${JSON.stringify(result)}`)
}

/**
 * @param {{ logs: object[] }} context
 * @param {...string} texts
 * @returns {Array<[string, string, string, string[]]>} namespace, label, message and members of the lines whose message
 *   begins with one of `texts`
 */
function linesOf({ logs }, ...texts) {
  return logs
    .filter(({ log }) => texts.some(text => log.message.startsWith(text)))
    .map(({ namespace, label, log }) => [namespace, label, log.message, Object.keys(log).sort()])
}

module.exports = { SHORT_POLL, committedOffsets, endOffsets, errorOf, linesOf, readAll }
