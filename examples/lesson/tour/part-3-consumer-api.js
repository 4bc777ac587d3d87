'use strict'

const { setTimeout: sleep } = require('node:timers/promises')
const { inspect, isDeepStrictEqual } = require('node:util')
const { kafka, producer } = require('../1-producer-configuration')
const { createLessonConsumer } = require('../3-consumer-api')
const { PARTITIONS, TOPICS_READ } = require('../topics')
const { readCommitted, readEnds, showCommitted } = require('./committed-offsets')
const { until } = require('./report')

/** As the lesson sets them in `run`. */
const THRESHOLD = 100
const INTERVAL_MS = 5000

const ORDERS = 250
/** The order, counted from 1, that takes so long that the commit interval passes. */
const SLOW_ORDER = 110
const GREETING_MS = 250

async function consumerApi({ admin, report }) {
  report.section('3. Consumer API Chi Tiết (the consumer API in detail)')
  report.say(`committed before: ${showCommitted(await readCommitted(admin))}`)

  let handle = async () => {}
  const handled = []
  const lessonConsole = report.console()
  const { consumer, startConsumer } = createLessonConsumer({
    kafka,
    console: lessonConsole,
    processOrder: async order => {
      handled.push(order)
      await handle(order)
    },
  })

  const joined = new Promise(resolve => {
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => resolve(payload.memberAssignment))
  })
  try {
    await startConsumer()
    report.check('the only member of the group has every partition', sorted(await joined), {
      orders: [0, 1, 2],
      payments: [0, 1, 2],
    })

    await greetEveryPartition(handled)
    report.check(
      'fromBeginning: false: what was sent before the group existed is not read',
      handled.filter(({ greeting }) => !greeting),
      []
    )
    await greetingsAreCommitted(admin)

    const seen = watchCommits({ admin, report })
    handle = order => seen.handle(order)
    await sendOrders(seen)
    await until(
      'every order is handled',
      () => seen.numbers.length,
      count => count >= ORDERS
    )
    if (seen.failure) throw seen.failure
    report.check(
      `all ${ORDERS} orders were handled once, in order`,
      seen.numbers,
      Array.from({ length: ORDERS }, (_, index) => index + 1)
    )
    await report.becomes(
      'what is left at the end of a batch is committed there',
      async () => (await readCommitted(admin))[seen.place],
      seen.base + ORDERS
    )
    report.say(`committed after: ${showCommitted(await readCommitted(admin))}`)
  } finally {
    await consumer.disconnect()
    lessonConsole.flush()
  }
}

/**
 * A new group starts at the end of each partition, and learns where that is at its first fetch. Only a message
 * that arrives tells that it has.
 */
async function greetEveryPartition(handled) {
  const places = TOPICS_READ.flatMap(topic =>
    Array.from({ length: PARTITIONS }, (_, partition) => ({ topic, partition }))
  )
  const name = ({ topic, partition }) => `${topic}/${partition}`
  const silent = () =>
    places.filter(place => !handled.some(({ greeting }) => greeting === name(place)))

  let greetedAt = 0
  await until(
    'the group reads every partition',
    async () => {
      if (Date.now() - greetedAt >= GREETING_MS) {
        greetedAt = Date.now()
        for (const place of silent()) {
          const value = JSON.stringify({ greeting: name(place) })
          await producer.send({
            topic: place.topic,
            messages: [{ value, partition: place.partition }],
          })
        }
      }
      return silent().map(name)
    },
    left => left.length === 0,
    'no silent partition'
  )
}

/** What is still to be committed for the greetings may leave while orders are handled, and take some of them along. */
async function greetingsAreCommitted(admin) {
  const ends = await readEnds(admin, TOPICS_READ)
  await until(
    'the greetings are committed',
    () => readCommitted(admin),
    committed => isDeepStrictEqual(committed, ends),
    inspect(ends)
  )
}

async function sendOrders(seen) {
  const messages = Array.from({ length: ORDERS }, (_, index) => ({
    key: 'order-123',
    value: JSON.stringify({ number: index + 1 }),
  }))
  const [{ topicName, partition, baseOffset }] = await producer.send({ topic: 'orders', messages })
  seen.placeIs(`${topicName}/${partition}`, Number(baseOffset))
}

/**
 * Asks the broker, from inside of the handler, what is committed: while an order is being handled no later one
 * can move the committed offset.
 */
function watchCommits({ admin, report }) {
  const numbers = []
  let tellPlace
  const place = new Promise(resolve => {
    tellPlace = resolve
  })

  const watch = {
    numbers,
    place: null,
    base: null,
    failure: null,

    placeIs(name, base) {
      Object.assign(watch, { place: name, base })
      tellPlace()
    },

    async handle({ number }) {
      if (!number) return
      await place
      try {
        if (!watch.failure) await look(number)
      } catch (error) {
        watch.failure = error
      }
      numbers.push(number)
    },
  }

  const committed = async () => (await readCommitted(admin))[watch.place]
  const committedIs = (what, handledBefore) =>
    report.becomes(
      `${what}: committed offset ${watch.base + handledBefore}`,
      committed,
      watch.base + handledBefore
    )

  async function look(number) {
    if (number === 1) await committedIs('before the first order', 0)
    if (number === THRESHOLD) {
      report.check(`order ${number - 1}: still nothing committed`, await committed(), watch.base)
    }
    if (number === THRESHOLD + 1) {
      await committedIs(`autoCommitThreshold: after ${THRESHOLD} orders`, THRESHOLD)
    }
    if (number === SLOW_ORDER) {
      report.say(`order ${number} takes ${INTERVAL_MS / 1000} s ...`)
      await sleep(INTERVAL_MS)
    }
    if (number === SLOW_ORDER + 1) {
      await committedIs(`autoCommitInterval: after ${INTERVAL_MS / 1000} s`, SLOW_ORDER)
    }
  }

  return watch
}

function sorted(assignment) {
  return Object.fromEntries(
    Object.entries(assignment).map(([topic, partitions]) => [topic, [...partitions].sort()])
  )
}

module.exports = { consumerApi }
