'use strict'

const assert = require('node:assert/strict')
const { afterEach, beforeEach, describe, mock, test } = require('node:test')

const kafkajs = require('kafkajs/src/loggers')
const kafkajsConsole = require('kafkajs/src/loggers/console')
const ours = require('../src/logger')

const LIBRARIES = {
  kafkajs: { ...kafkajs, consoleLogCreator: kafkajsConsole },
  ours,
}

beforeEach(() => {
  mock.timers.enable({ apis: ['Date'], now: Date.parse('2026-01-02T03:04:05.678Z') })
})

afterEach(() => {
  mock.timers.reset()
  mock.restoreAll()
  delete process.env.KAFKAJS_LOG_LEVEL
})

/** A logger that keeps its entries. */
const recording = (library, level) => {
  const entries = []
  const levels = []
  const logCreator = creatorLevel => {
    levels.push(creatorLevel)
    return entry => entries.push(entry)
  }
  return { logger: library.createLogger({ level, logCreator }), entries, levels }
}

const METHODS = ['error', 'warn', 'info', 'debug']
const sayAll = logger => {
  for (const method of METHODS) logger[method](method)
}
const said = entries => entries.splice(0).map(({ log }) => log.message)

for (const [name, library] of Object.entries(LIBRARIES)) {
  describe(name, () => {
    test('levels are these', () => {
      assert.deepEqual(library.LEVELS, { NOTHING: 0, ERROR: 1, WARN: 2, INFO: 4, DEBUG: 5 })
    })

    test('a logger has these methods, in this order', () => {
      const { logger } = recording(library)
      const methods = ['info', 'error', 'warn', 'debug', 'namespace', 'setLogLevel']
      assert.deepEqual(Object.keys(logger), methods)
      assert.deepEqual(Object.keys(logger.namespace('X')), methods)
    })

    test('writes what is not above the level, by default INFO', () => {
      const expected = { 0: 0, 1: 1, 2: 2, 4: 3, 5: 4 }
      for (const [level, count] of Object.entries(expected)) {
        const { logger, entries, levels } = recording(library, Number(level))
        sayAll(logger)
        assert.deepEqual(said(entries), METHODS.slice(0, count))
        assert.deepEqual(levels, [Number(level)])
      }
      const { logger, entries, levels } = recording(library)
      sayAll(logger)
      assert.deepEqual(said(entries), ['error', 'warn', 'info'])
      assert.deepEqual(levels, [4])
    })

    test('an entry is { namespace, level, label, log } and extra may override what log has', () => {
      const { logger, entries } = recording(library)
      logger.info('hello', { groupId: 'g' })
      logger.namespace('Consumer').error('bad', { logger: 'l', message: 'm', timestamp: 't' })
      logger.warn('no extra', null)
      const log = { timestamp: '2026-01-02T03:04:05.678Z', logger: 'kafkajs' }
      assert.deepEqual(entries, [
        {
          namespace: undefined,
          level: 4,
          label: 'INFO',
          log: { ...log, message: 'hello', groupId: 'g' },
        },
        {
          namespace: 'Consumer',
          level: 1,
          label: 'ERROR',
          log: { timestamp: 't', logger: 'l', message: 'm' },
        },
        { namespace: undefined, level: 2, label: 'WARN', log: { ...log, message: 'no extra' } },
      ])
      assert.deepEqual(Object.keys(entries[0]), ['namespace', 'level', 'label', 'log'])
      assert.deepEqual(Object.keys(entries[0].log), ['timestamp', 'logger', 'message', 'groupId'])
    })

    test('a namespace replaces the one before it', () => {
      const { logger, entries } = recording(library)
      logger.namespace('A').namespace('B').info('x')
      assert.equal(entries[0].namespace, 'B')
    })

    test('setLogLevel of any logger changes the whole instance, but not loggers with a level of their own', () => {
      const { logger, entries } = recording(library)
      const consumer = logger.namespace('Consumer')
      const pinned = logger.namespace('Pinned', library.LEVELS.ERROR)
      const open = logger.namespace('Open', library.LEVELS.DEBUG)
      consumer.setLogLevel(library.LEVELS.NOTHING)
      for (const silent of [logger, consumer, logger.namespace('New')]) sayAll(silent)
      assert.deepEqual(said(entries), [])
      sayAll(pinned)
      assert.deepEqual(said(entries), ['error'])
      sayAll(open)
      assert.deepEqual(said(entries), METHODS)
      pinned.setLogLevel(library.LEVELS.DEBUG)
      sayAll(consumer)
      assert.deepEqual(said(entries), METHODS)
      sayAll(pinned)
      assert.deepEqual(said(entries), ['error'])
    })

    test('KAFKAJS_LOG_LEVEL beats the code, in any case, and pins loggers made meanwhile', () => {
      process.env.KAFKAJS_LOG_LEVEL = 'eRRor'
      const { logger, entries, levels } = recording(library, library.LEVELS.DEBUG)
      assert.deepEqual(levels, [library.LEVELS.ERROR])
      const pinned = logger.namespace('Pinned', library.LEVELS.DEBUG)
      sayAll(logger)
      sayAll(pinned)
      assert.deepEqual(said(entries), ['error', 'error'])
      logger.setLogLevel(library.LEVELS.DEBUG)
      sayAll(logger)
      assert.deepEqual(said(entries), METHODS)
      sayAll(pinned)
      assert.deepEqual(said(entries), ['error'])
      process.env.KAFKAJS_LOG_LEVEL = 'no such level'
      sayAll(logger.namespace('Free'))
      assert.deepEqual(said(entries), METHODS)
    })

    test('a logCreator that is no function is refused in these words', () => {
      assert.throws(() => library.createLogger({ logCreator: 5 }), {
        name: 'TypeError',
        message: 'logCreator is not a function',
      })
    })

    test('the console gets one JSON line per entry, by level', () => {
      const lines = []
      for (const method of ['info', 'error', 'warn', 'log']) {
        mock.method(console, method, line => lines.push([method, line]))
      }
      const logger = library.createLogger({
        level: library.LEVELS.DEBUG,
        logCreator: library.consoleLogCreator,
      })
      logger.info('root')
      const consumer = logger.namespace('Consumer')
      sayAll(consumer)
      consumer.info('own', { groupId: 'g', level: 'mine' })
      consumer.info(undefined)
      assert.deepEqual(lines, [
        ['info', line('INFO', 'root')],
        ['error', line('ERROR', '[Consumer] error')],
        ['warn', line('WARN', '[Consumer] warn')],
        ['info', line('INFO', '[Consumer] info')],
        ['log', line('DEBUG', '[Consumer] debug')],
        ['info', line('mine', '[Consumer] own').replace('}', ',"groupId":"g"}')],
        ['info', line('INFO', '[Consumer] undefined')],
      ])
    })
  })
}

const line = (level, message) =>
  `{"level":"${level}","timestamp":"2026-01-02T03:04:05.678Z","logger":"kafkajs","message":"${message}"}`

describe('watchLevel', () => {
  test('tells the level now and whenever it changes, until stopped', () => {
    const { logger } = recording(ours, ours.LEVELS.WARN)
    const levels = []
    const stop = ours.watchLevel(logger.namespace('Consumer'), level => levels.push(level))
    assert.deepEqual(levels, [2])
    logger.setLogLevel(ours.LEVELS.DEBUG)
    assert.deepEqual(levels, [2, 5])
    stop()
    logger.setLogLevel(ours.LEVELS.ERROR)
    assert.deepEqual(levels, [2, 5])
  })

  test('instances do not hear of each other', () => {
    const [a, b] = [recording(ours), recording(ours)]
    const levels = []
    ours.watchLevel(a.logger, level => levels.push(level))
    b.logger.setLogLevel(ours.LEVELS.DEBUG)
    assert.deepEqual(levels, [4])
  })

  test('KAFKAJS_LOG_LEVEL is the level of the loggers that the core writes to', () => {
    process.env.KAFKAJS_LOG_LEVEL = 'DEBUG'
    const { logger } = recording(ours, ours.LEVELS.ERROR)
    const levels = []
    ours.watchLevel(logger, level => levels.push(level))
    logger.setLogLevel(ours.LEVELS.NOTHING)
    assert.deepEqual(levels, [5, 5])
  })
})
