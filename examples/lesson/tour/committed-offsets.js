'use strict'

const { GROUP, TOPICS_READ } = require('../topics')
const { until } = require('./report')

/**
 * The group's committed offsets, read from the broker.
 *
 * @param {import('../../..').Admin} admin - connected
 * @returns {Promise<Record<string, number>>} `{ 'orders/0': 12 }`; -1 where nothing is committed
 */
async function readCommitted(admin) {
  const topics = await until(
    'committed offsets',
    () => fetchOffsets(admin),
    answer => answer !== null
  )
  return Object.fromEntries(
    topics.flatMap(({ topic, partitions }) =>
      partitions.map(({ partition, offset }) => [`${topic}/${partition}`, Number(offset)])
    )
  )
}

/**
 * Where the partitions of some topics end: what is committed once everything in them is handled.
 *
 * @param {import('../../..').Admin} admin - connected
 * @param {string[]} names
 * @returns {Promise<Record<string, number>>} `{ 'orders/0': 12 }`
 */
async function readEnds(admin, names) {
  const topics = await Promise.all(names.map(name => admin.fetchTopicOffsets(name)))
  return Object.fromEntries(
    topics.flatMap((partitions, at) =>
      partitions.map(({ partition, high }) => [`${names[at]}/${partition}`, Number(high)])
    )
  )
}

/** Null while the coordinator cannot answer yet, as on a broker that has just made its first group. */
async function fetchOffsets(admin) {
  try {
    return await admin.fetchOffsets({ groupId: GROUP, topics: TOPICS_READ })
  } catch (error) {
    if (error.retriable) return null
    throw error
  }
}

/** One line of `readCommitted`, partitions in order, `none` for -1. */
function showCommitted(committed) {
  return Object.entries(committed)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([partition, offset]) => `${partition}: ${offset < 0 ? 'none' : offset}`)
    .join('  ')
}

module.exports = { readCommitted, readEnds, showCommitted }
