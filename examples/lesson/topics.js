'use strict'

/**
 * The lesson's topics. They are named like topics that a real system may have, so nothing is deleted that was
 * not made here: a marker topic, made before the others, says that they belong to the lesson.
 */

const { setTimeout: sleep } = require('node:timers/promises')

const TOPICS = ['orders', 'payments', 'user-events', 'analytics']
/** Those that the group `order-processors` reads. */
const TOPICS_READ = ['orders', 'payments']
const PARTITIONS = 3
const MARKER = 'kafkajs-rs-lesson'
const DEADLINE_MS = 30000

const GROUP = 'order-processors'

/**
 * Creates what is missing of the lesson's topics, each with three partitions.
 *
 * @param {import('../..').Kafka} kafka
 */
async function ensureTopics(kafka) {
  const admin = kafka.admin()
  await admin.connect()
  try {
    const existing = await admin.listTopics()
    if (!TOPICS.some(topic => existing.includes(topic))) await createMarker(admin)
    await createTopics(
      admin,
      TOPICS.filter(topic => !existing.includes(topic))
    )
  } finally {
    await admin.disconnect()
  }
}

/**
 * Deletes the lesson's topics, and with them the offsets that the group has committed, and creates them again.
 *
 * @param {import('../..').Admin} admin - connected
 * @param {object} [options]
 * @param {boolean} [options.force=false] - delete topics of these names that the lesson has not made
 * @throws {Error} if such topics exist and `force` is not set
 */
async function renewTopics(admin, { force = false } = {}) {
  const existing = await admin.listTopics()
  const old = TOPICS.filter(topic => existing.includes(topic))
  if (old.length > 0 && !existing.includes(MARKER) && !force) {
    throw new Error(
      `This Kafka has topics of the lesson's names (${old.join(', ')}) which the lesson has not made. ` +
        'Run the tour with --force to delete them, or set KAFKA_BROKERS to another Kafka.'
    )
  }

  if (!existing.includes(MARKER)) await createMarker(admin)
  if (old.length > 0) {
    await admin.deleteTopics({ topics: old })
    await poll('the old topics and their committed offsets are gone', async () => {
      const [topics, committed] = [
        await admin.listTopics(),
        await admin.fetchOffsets({ groupId: GROUP }),
      ]
      const offsets = committed.flatMap(({ partitions }) => partitions)
      return !old.some(topic => topics.includes(topic)) && offsets.every(p => p.offset === '-1')
    })
  }
  await createTopics(admin, TOPICS)
}

async function createMarker(admin) {
  await createTopics(admin, [MARKER], 1)
}

async function createTopics(admin, topics, numPartitions = PARTITIONS) {
  if (topics.length === 0) return
  await admin.createTopics({
    topics: topics.map(topic => ({ topic, numPartitions })),
    waitForLeaders: false,
  })
  // For a moment a broker knows nothing of a new topic, or not yet that it leads it.
  for (const topic of topics) {
    await poll(`${topic} has leaders`, () => admin.fetchTopicOffsets(topic))
  }
}

/** Waits for something of the broker; what it cannot say yet (a retriable error) is asked again. */
async function poll(what, isTrue) {
  const deadline = Date.now() + DEADLINE_MS
  for (;;) {
    try {
      if (await isTrue()) return
    } catch (error) {
      if (!error.retriable && error.name !== 'KafkaJSNumberOfRetriesExceeded') throw error
    }
    if (Date.now() > deadline) throw new Error(`Waited ${DEADLINE_MS} ms until ${what}`)
    await sleep(100)
  }
}

module.exports = { GROUP, PARTITIONS, TOPICS, TOPICS_READ, ensureTopics, renewTopics }
