'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { setImmediate: nextTurn } = require('node:timers/promises')

const KafkajsEmitter = require('kafkajs/src/instrumentation/emitter')
const ours = require('../src/events')
const { createLogger } = require('../src/logger')

const CLIENTS = ['consumer', 'producer', 'admin']

const recordingLogger = () => {
  const entries = []
  const logCreator = () => entry => entries.push(entry)
  return { logger: createLogger({ logCreator }), entries }
}

/** A client's `on` and `emit` of both libraries, without a broker: kafkajs gets its factories' own arguments. */
const LIBRARIES = {
  kafkajs: client => {
    const create = require(`kafkajs/src/${client}`)
    const instrumentationEmitter = new KafkajsEmitter()
    const { logger, entries } = recordingLogger()
    const made = create({ cluster: {}, logger, groupId: 'g', retry: {}, instrumentationEmitter })
    const core =
      client === 'admin' ? 'admin/instrumentationEvents' : `${client}/instrumentationEvents`
    const { unwrap } = require(`kafkajs/src/${core}`)
    const emit = (name, payload) => instrumentationEmitter.emit(unwrap(name), payload)
    return { on: made.on, events: made.events, emit, entries }
  },
  ours: client => {
    const instrumentationEmitter = new ours.InstrumentationEventEmitter()
    const { logger, entries } = recordingLogger()
    const on = ours.createOn({ client, instrumentationEmitter, logger })
    const emit = (name, payload) => instrumentationEmitter.emit(name, payload)
    return { on, events: ours[`${client}Events`], emit, entries }
  },
}

for (const client of CLIENTS) {
  test(`${client}.events has kafkajs' names, in its order`, () => {
    const [a, b] = Object.values(LIBRARIES).map(make => Object.entries(make(client).events))
    assert.deepEqual(b, a)
  })
}

for (const [name, make] of Object.entries(LIBRARIES)) {
  describe(name, () => {
    for (const client of CLIENTS) {
      test(`${client}.on emits every event to every listener, once, at once`, () => {
        const { on, events, emit } = make(client)
        for (const eventName of Object.values(events)) {
          const heard = []
          on(eventName, event => heard.push(['a', event]))
          on(eventName, event => heard.push(['b', event]))
          const payload = { some: 'payload' }
          emit(eventName, payload)
          assert.deepEqual(
            heard.map(([listener]) => listener),
            ['a', 'b']
          )
          const [[, event], [, again]] = heard
          assert.equal(event, again)
          assert.deepEqual(Object.keys(event), ['id', 'type', 'timestamp', 'payload'])
          assert.equal(event.type, eventName)
          assert.equal(event.payload, payload)
          assert.ok(Math.abs(Date.now() - event.timestamp) < 5000)
          assert.equal(event.constructor.name, 'InstrumentationEvent')
        }
      })

      test(`${client}.on refuses a name it does not have, and says which there are`, () => {
        const { on, events } = make(client)
        const names = Object.keys(events).map(key => `${client}.events.${key}`)
        for (const bad of ['nothing', undefined, 'network.request', 'heartbeat']) {
          assert.throws(() => on(bad, () => {}), {
            name: 'KafkaJSNonRetriableError',
            message: `Event name should be one of ${names.join(', ')}`,
            retriable: false,
          })
        }
      })
    }

    test('an event without payload has payload undefined', () => {
      const { on, events, emit } = make('consumer')
      const heard = []
      on(events.CONNECT, event => heard.push(event))
      emit(events.CONNECT)
      assert.equal('payload' in heard[0], true)
      assert.equal(heard[0].payload, undefined)
    })

    test('ids count the events of all clients that somebody hears', () => {
      const [first, second] = [make('consumer'), make('producer')]
      const ids = []
      first.on(first.events.CRASH, ({ id }) => ids.push(id))
      second.on(second.events.REQUEST, ({ id }) => ids.push(id))
      first.emit(first.events.CRASH)
      first.emit(first.events.STOP)
      second.emit(second.events.REQUEST)
      first.emit(first.events.CRASH)
      assert.deepEqual(ids, [ids[0], ids[0] + 1, ids[0] + 2])
      assert.equal(typeof ids[0], 'number')
    })

    test('what `on` returns removes that listener and no other, however often it is called', () => {
      const { on, events, emit } = make('consumer')
      const heard = []
      const listener = () => heard.push('same')
      const remove = on(events.FETCH, listener)
      on(events.FETCH, listener)
      emit(events.FETCH)
      remove()
      remove()
      emit(events.FETCH)
      assert.deepEqual(heard, ['same', 'same', 'same'])
    })

    test('a listener that rejects is logged', async () => {
      const { on, events, emit, entries } = make('consumer')
      const error = new Error('no good')
      on(events.FETCH, async () => {
        throw error
      })
      emit(events.FETCH)
      await nextTurn()
      const { level, label, namespace, log } = entries.at(-1)
      assert.deepEqual(
        [level, label, log.message, log.eventName, log.stack],
        [1, 'ERROR', 'Failed to execute listener: no good', events.FETCH, error.stack]
      )
      assert.equal(namespace, name === 'kafkajs' ? 'Consumer' : undefined)
    })
  })
}

describe('ours alone', () => {
  test('a listener that throws is logged and keeps neither the others nor the emitter from their work', () => {
    const { on, events, emit, entries } = LIBRARIES.ours('producer')
    const heard = []
    const failures = [new Error('thrown'), 'a string', null, undefined]
    for (const failure of failures) {
      on(events.CONNECT, () => {
        throw failure
      })
    }
    on(events.CONNECT, 'not a function')
    on(events.CONNECT, () => heard.push('last'))
    emit(events.CONNECT)
    assert.deepEqual(heard, ['last'])
    assert.deepEqual(
      entries.map(({ log }) => log.message),
      [
        'Failed to execute listener: thrown',
        'Failed to execute listener: a string',
        'Failed to execute listener: null',
        'Failed to execute listener: undefined',
        'Failed to execute listener: listener is not a function',
      ]
    )
    // kafkajs lets the first one pass to whoever emitted.
    const theirs = LIBRARIES.kafkajs('producer')
    theirs.on(theirs.events.CONNECT, () => {
      throw failures[0]
    })
    assert.throws(() => theirs.emit(theirs.events.CONNECT), failures[0])
  })

  test('an event without a name is an error', () => {
    for (const Emitter of [KafkajsEmitter, ours.InstrumentationEventEmitter]) {
      assert.throws(() => new Emitter().emit(''), {
        name: 'KafkaJSError',
        message: 'Invalid event name',
        retriable: false,
      })
    }
  })

  test('takes names as the core has them', () => {
    const { on, events, emit } = LIBRARIES.ours('consumer')
    const heard = []
    for (const key of ['HEARTBEAT', 'REQUEST']) on(events[key], ({ type }) => heard.push(type))
    emit('heartbeat', {})
    emit('network.request', {})
    assert.deepEqual(heard, ['consumer.heartbeat', 'consumer.network.request'])
    assert.equal(ours.coreEventName('consumer.network.request'), 'network.request')
    assert.equal(ours.coreEventName('heartbeat'), 'heartbeat')
  })

  test('onListenersChanged tells the first and the last listener of an event', () => {
    const emitter = new ours.InstrumentationEventEmitter()
    const removeEarly = emitter.addListener('consumer.fetch', () => {})
    const changes = []
    const stop = emitter.onListenersChanged((...change) => changes.push(change))
    assert.deepEqual(changes.splice(0), [['fetch', true]])

    const removeFirst = emitter.addListener('consumer.network.request', () => {})
    const removeSecond = emitter.addListener('network.request', () => {})
    assert.deepEqual(changes.splice(0), [['network.request', true]])
    removeFirst()
    removeFirst()
    assert.deepEqual(changes.splice(0), [])
    removeSecond()
    removeSecond()
    removeEarly()
    assert.deepEqual(changes.splice(0), [
      ['network.request', false],
      ['fetch', false],
    ])

    stop()
    emitter.addListener('consumer.fetch', () => {})
    assert.deepEqual(changes, [])
  })
})
