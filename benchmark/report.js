'use strict'

/** From single runs to medians, ratios and a table. */

const { median } = require('simple-statistics')
const { OURS } = require('./clients')

const FIGURES = ['rate', 'p50', 'p99', 'cpuMicros', 'loopDelayP99', 'loopDelayMax', 'peakRssMb']
/** In these the answer is a time, hence smaller is better. */
const TIMED_KINDS = ['latency', 'first-message']

/**
 * @param {import('./measurement').Measured[]} runs - at least one
 * @returns {Record<string, number | null>} the median of each figure
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
 * How much better ours is than the best of the others, above 1 if it is better.
 *
 * @param {string} kind - of the workload
 * @param {Record<string, Record<string, number | null>>} byClient - medians by client name
 * @returns {Record<string, number> | null} by figure; null if there is nothing to compare
 */
function ratios(kind, byClient) {
  const { [OURS]: ours, ...others } = byClient
  const rivals = Object.values(others)
  if (!ours || rivals.length === 0) return null
  if (TIMED_KINDS.includes(kind)) {
    return Object.fromEntries(
      ['p50', 'p99'].map(figure => [
        figure,
        Math.min(...rivals.map(rival => rival[figure])) / ours[figure],
      ])
    )
  }
  return {
    rate: ours.rate / Math.max(...rivals.map(({ rate }) => rate)),
    cpuMicros: Math.min(...rivals.map(({ cpuMicros }) => cpuMicros)) / ours.cpuMicros,
  }
}

/**
 * @param {object[]} workloads - as in the JSON file: `{ title, kind, clients, ratios }`
 * @returns {Promise<string>} a Markdown table
 */
async function toTable(workloads) {
  // It is an ES module.
  const { markdownTable } = await import('markdown-table')
  const head = [
    'workload',
    'client',
    'messages/s',
    'p50 ms',
    'p99 ms',
    'CPU us/message',
    'loop delay p99 / max ms',
    'peak RSS MB',
    'to best rival',
  ]
  const rows = workloads.flatMap(({ title, kind, clients, ratios: compared }) =>
    Object.entries(clients).map(([name, entry], index) => [
      index === 0 ? title : '',
      name,
      ...(entry.medians ? showFigures(kind, entry.medians) : [entry.leftOut, '', '', '', '', '']),
      name === OURS && compared ? showRatios(compared) : '',
    ])
  )
  const align = ['l', 'l', 'r', 'r', 'r', 'r', 'r', 'r', 'r']
  return markdownTable([head, ...rows], { align })
}

function showFigures(kind, figures) {
  const { rate, p50, p99, cpuMicros, loopDelayP99, loopDelayMax, peakRssMb } = figures
  return [
    kind === 'first-message' ? '' : Math.round(rate).toLocaleString('en-US'),
    showMs(p50),
    showMs(p99),
    cpuMicros.toFixed(1),
    `${loopDelayP99.toFixed(1)} / ${loopDelayMax.toFixed(0)}`,
    peakRssMb.toFixed(0),
  ]
}

function showMs(ms) {
  if (ms === null) return ''
  return ms < 10 ? ms.toFixed(2) : ms.toFixed(0)
}

function showRatios(compared) {
  const words = { rate: '', cpuMicros: ' CPU', p50: ' p50', p99: ' p99' }
  return Object.entries(compared)
    .map(([figure, ratio]) => `${ratio.toFixed(2)}x${words[figure]}`)
    .join(', ')
}

module.exports = { medians, ratios, toTable }
