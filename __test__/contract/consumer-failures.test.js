'use strict'

/** Contract 4.2, 4.4, 4.12: what a failure of one handler, or of the way out, means for the rest. */

const { describe } = require('node:test')
const { contract, waitFor, within } = require('../harness')
const { API, write } = require('../consumer/scriptedBroker')
const { errorOf, linesOf } = require('./observe')
const { consumeScripted, makeScripted, serve } = require('./scriptedConsumer')

const NO_TOPIC = { partitions: 0 }
const DEADLINE = { deadline: 30_000 }
const REBALANCE_IN_PROGRESS = 27

/** A log creator that writes to the context's logs, and throws at the line `text`, as often as `times` says. */
const failingLogCreator =
  ({ logs }, text, times) =>
  () =>
  entry => {
    const { timestamp, logger, ...log } = entry.log
    if (log.message === text && times-- > 0) throw new Error('a logger that fails')
    logs.push({ ...entry, log })
  }

describe('failures of handlers and endings', { concurrency: 6 }, () => {
  for (const method of ['stop', 'disconnect']) {
    contract(`4.2 ${method} that fails: is logged and rejects`, NO_TOPIC, async context => {
      const { record } = context
      const { consumer } = await consumeScripted(
        context,
        {},
        { settings: { logCreator: failingLogCreator(context, 'Stopped', 1) } }
      )
      const events = []
      for (const name of ['STOP', 'DISCONNECT']) {
        consumer.on(consumer.events[name], ({ type }) => events.push(type))
      }
      record('error', await errorOf(() => consumer[method]()))
      record('lines', linesOf(context, 'Caught error when'))
      record('events', events)
      record('once more', await within(15_000, consumer.disconnect(), 'disconnect'))
    })
  }

  contract('4.12 a handler fails: the batches of others end first', NO_TOPIC, async context => {
    const { logs, record } = context
    const order = []
    let begun = 0
    let fails = true
    const both = () => waitFor(() => begun === 2, DEADLINE)
    const isLogged = () => logs.some(({ log }) => log.message.startsWith('Error when calling'))
    await consumeScripted(
      context,
      { partitions: 2, fetch: serve(3) },
      {
        retry: { retries: 5, initialRetryTime: 20 },
        run: {
          partitionsConsumedConcurrently: 2,
          eachMessage: async ({ partition, message }) => {
            if (fails && message.offset === '0') {
              begun++
              await both()
              if (partition === 0) {
                fails = false
                order.push('fails')
                throw new Error('once')
              }
              await waitFor(isLogged, DEADLINE)
            }
            order.push(`${partition}: ${message.offset}`)
          },
        },
      }
    )
    await waitFor(() => order.length === 7, DEADLINE)
    record('order', order)
  })

  for (const [name, makeError] of [
    [
      'a KafkaJSNonRetriableError with a cause that is retriable',
      ({ KafkaJSError, KafkaJSNonRetriableError }) =>
        new KafkaJSNonRetriableError('around', { cause: new KafkaJSError('the root') }),
    ],
    [
      'a TypeError with a cause that is retriable',
      () => new TypeError('around', { cause: Object.assign(new Error('x'), { retriable: true }) }),
    ],
    [
      'a KafkaJSNonRetriableError with a cause that does not say',
      ({ KafkaJSNonRetriableError }) =>
        new KafkaJSNonRetriableError('around', { cause: new Error('the root') }),
    ],
  ]) {
    contract(`4.12 restart after ${name}`, NO_TOPIC, async context => {
      const { kafkajs, record } = context
      let calls = 0
      const order = []
      const { consumer, start } = await makeScripted(
        context,
        { fetch: serve(1) },
        {
          maxWaitTimeInMs: 50,
          retry: {
            retries: 3,
            initialRetryTime: 20,
            restartOnFailure: async error => {
              await new Promise(resolve => setImmediate(resolve))
              order.push(`asked about ${error.name}`)
              return true
            },
          },
          run: {
            eachMessage: async () => {
              calls++
              if (calls === 1) throw makeError(kafkajs)
            },
          },
        }
      )
      let joins = 0
      consumer.on(consumer.events.GROUP_JOIN, () => joins++)
      const crashed = new Promise(resolve => {
        for (const name of ['STOP', 'DISCONNECT', 'CRASH']) {
          consumer.on(consumer.events[name], ({ type, payload }) => {
            order.push(type)
            if (name === 'CRASH') resolve(payload)
          })
        }
      })
      await start()
      const { error, restart } = await within(30_000, crashed, 'CRASH')
      record('order', order.slice(0, 4))
      record('crash', [error.name, error.message, error.cause?.message, restart])
      if (restart) await waitFor(() => calls === 2 && joins === 2, DEADLINE)
      await consumer.disconnect()
      record('calls', calls)
    })
  }

  contract('4.2 stop between a crash and its restart', NO_TOPIC, async context => {
    const { record } = context
    const stopped = []
    const logCreator = () => entry => {
      // The restart is planned right after this line.
      if (!entry.log.message.startsWith('Restarting the consumer')) return
      stopped.push(Promise.resolve().then(() => consumer.stop()))
    }
    const options = {
      maxWaitTimeInMs: 50,
      settings: { logCreator },
      retry: { retries: 0, initialRetryTime: 200, factor: 0 },
      run: {
        eachMessage: async () => {
          throw new Error('no luck')
        },
      },
    }
    const { consumer, start } = await makeScripted(context, { fetch: serve(1) }, options)
    const events = []
    for (const name of ['GROUP_JOIN', 'CRASH', 'STOP']) {
      consumer.on(consumer.events[name], ({ type }) => events.push(type))
    }
    await start()
    await waitFor(() => stopped.length > 0, DEADLINE)
    record('stop', await within(15_000, Promise.all(stopped), 'stop'))
    const stoppedAt = Date.now()
    await waitFor(() => Date.now() - stoppedAt > 1000, DEADLINE)
    record('events', events)
  })

  contract('4.12 the back-off grows with each failure, up to the end', NO_TOPIC, async context => {
    const { record } = context
    const calledAt = []
    const { seen } = await consumeScripted(
      context,
      { fetch: serve(1) },
      {
        retry: {
          retries: 3,
          initialRetryTime: 50,
          factor: 0,
          multiplier: 3,
          maxRetryTime: 200,
          restartOnFailure: async () => false,
        },
        run: {
          eachMessage: async () => {
            calledAt.push(Date.now())
            throw new Error('no luck')
          },
        },
      }
    )
    const { error } = await within(30_000, seen.crashed, 'CRASH')
    record('crash', [error.name, error.retryCount, error.retryTime])
    const waits = calledAt.slice(1).map((at, index) => at - calledAt[index])
    // Timers may be a little early.
    record(
      'long enough',
      waits.map((wait, index) => wait >= [45, 145, 195][index])
    )
    record('lines', linesOf(context, 'Crash:'))
  })

  contract('4.7 what a rebalance finds resolved is committed before', NO_TOPIC, async context => {
    const { record } = context
    const order = []
    let refuses = false
    const { broker, seen } = await consumeScripted(
      context,
      {
        fetch: serve(3),
        answers: {
          [API.HEARTBEAT]: () => {
            if (!refuses) return undefined
            refuses = false
            order.push('refused')
            return write(encoder => encoder.writeInt16(REBALANCE_IN_PROGRESS))
          },
          [API.OFFSET_COMMIT]: () => {
            order.push('commit')
          },
          [API.JOIN_GROUP]: () => {
            order.push('join')
          },
        },
      },
      {
        run: {
          autoCommitInterval: 60_000,
          eachMessage: async ({ message, heartbeat }) => {
            if (message.offset !== '1' || order.includes('refused')) return
            refuses = true
            const failure = () =>
              heartbeat().then(
                () => null,
                error => error
              )
            throw await waitFor(failure, DEADLINE)
          },
        },
      }
    )
    await waitFor(() => seen.joins === 2, DEADLINE)
    record('order', order.slice(0, 4))
    record('first commit', broker.commits[0])
  })
})
