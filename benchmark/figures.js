'use strict'

/** From single runs to medians, and what ours are beside the best rival's, the raw bound and the targets. */

const { max, median, min } = require('simple-statistics')
const { OURS, RAW } = require('./clients')
const { TARGETS } = require('./targets')

/** @typedef {Record<string, number | null>} Figures - by the names of Measured */

const FIGURES = [
  'rate',
  'p50',
  'p99',
  'p999',
  'cpuMicros',
  'cpuPercent',
  'loopDelayP99',
  'loopDelayMax',
  'peakRssMb',
  'firstMessageMs',
]

/**
 * @param {import('./measurement').Measured[]} runs - at least one
 * @returns {Figures} the median of each figure
 */
function medians(runs) {
  return Object.fromEntries(
    FIGURES.map(figure => {
      const values = runs.map(run => run[figure]).filter(value => value !== null)
      return [figure, values.length > 0 ? median(values) : null]
    })
  )
}

/**
 * The best that a rival has, figure by figure: not all of one rival.
 *
 * @param {Record<string, Figures>} byClient - medians by client name
 * @returns {Figures | null} null if there is no rival
 */
function bestRival(byClient) {
  const rivals = Object.entries(byClient).filter(([name]) => name !== OURS && name !== RAW)
  if (rivals.length === 0) return null
  return Object.fromEntries(
    FIGURES.map(figure => {
      const values = rivals.map(([, figures]) => figures[figure]).filter(value => value !== null)
      if (values.length === 0) return [figure, null]
      return [figure, figure === 'rate' ? max(values) : min(values)]
    })
  )
}

/**
 * @typedef {object} Verdict - of one target
 * @property {string} figure
 * @property {'rival' | 'raw' | null} of - null: the limit is a figure by itself
 * @property {number | null} times
 * @property {number} limit
 * @property {number} actual - ours
 * @property {boolean} met
 *
 * @param {string} workload - its name
 * @param {Record<string, Figures>} byClient - medians by client name
 * @returns {Verdict[]} of the targets whose figures are there
 */
function judge(workload, byClient) {
  const ours = byClient[OURS]
  const bounds = { rival: bestRival(byClient), raw: byClient[RAW] }
  if (!ours) return []
  return (TARGETS[workload] ?? []).flatMap(({ figure, value, times = null, of = 'rival' }) => {
    const bound = bounds[of]?.[figure]
    const limit = value ?? (bound == null ? null : times * bound)
    const actual = ours[figure]
    if (limit === null || actual === null) return []
    const met = figure === 'rate' ? actual >= limit : actual <= limit
    return [{ figure, of: times === null ? null : of, times, limit, actual, met }]
  })
}

/**
 * How ours compares, above 1 if it is better.
 *
 * @param {boolean} timed - whether the workload's answer is a time
 * @param {Record<string, Figures>} byClient - medians by client name
 * @returns {{ rival: Figures | null, raw: Figures | null }}
 */
function ratios(timed, byClient) {
  const ours = byClient[OURS]
  const compare = other => {
    if (!ours || !other) return null
    const figures = timed ? ['p50', 'p99'] : ['rate', 'cpuMicros']
    const pairs = figures.filter(figure => ours[figure] && other[figure])
    return Object.fromEntries(
      pairs.map(figure => [
        figure,
        figure === 'rate' ? ours[figure] / other[figure] : other[figure] / ours[figure],
      ])
    )
  }
  return { rival: compare(bestRival(byClient)), raw: compare(byClient[RAW]) }
}

module.exports = { bestRival, judge, medians, ratios }
