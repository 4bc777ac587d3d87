'use strict'

/** What the scripts print about themselves; everything else on the screen comes from the programs they run. */

/**
 * Announces a step, runs it and says how long it took.
 *
 * @template T
 * @param {string} title
 * @param {() => T | Promise<T>} task
 * @returns {Promise<T>}
 */
async function step(title, task) {
  const start = performance.now()
  console.log(`==> ${title}`)
  const result = await task()
  const seconds = (performance.now() - start) / 1000
  if (seconds >= 1) console.log(`    ${title}: ${seconds.toFixed(1)} s`)
  return result
}

/** @param {string} line */
function note(line) {
  console.log(`    ${line}`)
}

module.exports = { note, step }
