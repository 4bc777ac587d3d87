'use strict'

/** A reporter for node:test whose whole output is one line of JSON: how many tests passed and failed. */

/**
 * @param {AsyncIterable<{ type: string, data: any }>} events
 * @returns {AsyncIterable<string>}
 */
module.exports = async function* countTests(events) {
  const totals = {}
  for await (const { type, data } of events) {
    // The totals come as diagnostics like "pass 12", outside of every test; suites and files are not in them.
    const text = type === 'test:diagnostic' && data.nesting === 0 ? data.message : ''
    const [, name, value] = /^(pass|fail|cancelled) (\d+)$/.exec(text) ?? []
    if (name !== undefined) totals[name] = Number(value)
  }
  const { pass = 0, fail = 0, cancelled = 0 } = totals
  yield JSON.stringify({ passed: pass, failed: fail + cancelled })
}
