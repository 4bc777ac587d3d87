'use strict'

/**
 * kafkajs' logger: levels, namespaces, a user's `logCreator`, one JSON line per entry by default.
 */

const { logLevel: LEVELS } = require('./enums')

/** @type {WeakMap<object, { level: () => number, watchers: Set<(level: number) => void> }>} */
const roots = new WeakMap()

/** `KAFKAJS_LOG_LEVEL` beats every level set in code; read whenever a logger is made. */
const withEnvironment = level => {
  const name = (process.env.KAFKAJS_LOG_LEVEL || '').toUpperCase()
  return LEVELS[name] ?? level
}

/**
 * The log creator used when a program gives none: one JSON line per entry on the console, `level, timestamp,
 * logger, message` first, the message prefixed with `[Namespace] `.
 *
 * @returns {(entry: { namespace?: string, level: number, label: string, log: object }) => void}
 */
const consoleLogCreator = () => entry => {
  const { namespace, level, label, log } = entry
  const message = namespace ? `[${namespace}] ${log.message}` : log.message
  const line = JSON.stringify({ level: label, ...log, message: `${message}` })

  if (level === LEVELS.ERROR) console.error(line)
  else if (level === LEVELS.WARN) console.warn(line)
  else if (level === LEVELS.INFO) console.info(line)
  else if (level === LEVELS.DEBUG) console.log(line)
}

/**
 * Makes the root logger of a `Kafka` instance.
 *
 * `setLogLevel` of any logger made from it changes the level of all of them, except of those made with a level of
 * their own or while `KAFKAJS_LOG_LEVEL` was set.
 *
 * @param {object} options
 * @param {number} [options.level] one of `logLevel`; INFO by default
 * @param {(level: number) => (entry: object) => void} options.logCreator called once, with the level in force
 * @returns {import('../index').Logger}
 * @throws {TypeError} if `logCreator` is not a function
 */
const createLogger = ({ level = LEVELS.INFO, logCreator }) => {
  let rootLevel = withEnvironment(level)
  const write = logCreator(rootLevel)
  const root = { level: () => withEnvironment(rootLevel), watchers: new Set() }

  const setLogLevel = newLevel => {
    rootLevel = newLevel
    for (const watcher of root.watchers) watcher(root.level())
  }

  const logger = (namespace, ownLevel) => {
    const writer =
      label =>
      (message, extra = {}) => {
        const entryLevel = LEVELS[label]
        if (entryLevel > (ownLevel ?? rootLevel)) return
        const timestamp = new Date().toISOString()
        const log = { timestamp, logger: 'kafkajs', message, ...extra }
        write({ namespace, level: entryLevel, label, log })
      }

    const made = {
      info: writer('INFO'),
      error: writer('ERROR'),
      warn: writer('WARN'),
      debug: writer('DEBUG'),
      namespace: (name, namespaceLevel = null) => logger(name, withEnvironment(namespaceLevel)),
      setLogLevel,
    }
    roots.set(made, root)
    return made
  }

  return logger(undefined, null)
}

/** A level may be anything a program has set: an entry is written unless its own level is greater. */
const highestWritten = level =>
  [LEVELS.DEBUG, LEVELS.INFO, LEVELS.WARN, LEVELS.ERROR].find(entry => !(entry > level)) ??
  LEVELS.NOTHING

/**
 * Follows the level that decides about the core's log lines, so that lines nobody would see are not made.
 *
 * @param {import('../index').Logger} logger any logger made by `createLogger` or from such a one
 * @param {(level: number) => void} watcher called now, and after each `setLogLevel`, with one of `logLevel`
 * @returns {() => void} stops it
 */
const watchLevel = (logger, watcher) => {
  const root = roots.get(logger)
  const watch = level => watcher(highestWritten(level))
  root.watchers.add(watch)
  watch(root.level())
  return () => {
    root.watchers.delete(watch)
  }
}

module.exports = { LEVELS, createLogger, consoleLogCreator, watchLevel }
