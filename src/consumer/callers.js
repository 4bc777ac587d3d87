'use strict'

/**
 * Whether the code that runs now was called by a certain function, directly or through promises that are awaited.
 *
 * `stop()` waits for the handlers that are busy. If one of them called it, and awaits it, both would wait for ever; this
 * tells. It costs nothing until it is asked, unlike an AsyncLocalStorage, which costs every promise of the program.
 * Where the engine keeps no stack across awaits it says `false`, and the deadline of `stop()` ends the wait.
 *
 * @param {string} name of the function
 * @returns {boolean}
 */
const isCalledBy = name => {
  const { stackTraceLimit, prepareStackTrace } = Error
  let isCaller = false
  try {
    Error.stackTraceLimit = Number.POSITIVE_INFINITY
    Error.prepareStackTrace = (_error, frames) => {
      isCaller = frames.some(frame => frame.getFunctionName() === name)
      return ''
    }
    // Reading it is what collects the frames.
    void new Error().stack
  } finally {
    Error.stackTraceLimit = stackTraceLimit
    Error.prepareStackTrace = prepareStackTrace
  }
  return isCaller
}

module.exports = { isCalledBy }
