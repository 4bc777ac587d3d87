'use strict'

/** Results as Markdown tables. */

const { OURS, RAW } = require('./clients')

/** @typedef {import('./rounds').WorkloadResult} WorkloadResult */

const count = value => Math.round(value).toLocaleString('en-US')
const ms = value => (value < 10 ? value.toFixed(2) : value.toFixed(0))
const tenths = value => value.toFixed(1)

/** How a figure is written and what it is in. */
const FIGURES = {
  rate: { show: count, unit: '/s', label: 'rate' },
  p50: { show: ms, unit: ' ms', label: 'p50' },
  p99: { show: ms, unit: ' ms', label: 'p99' },
  p999: { show: ms, unit: ' ms', label: 'p99.9' },
  cpuMicros: { show: tenths, unit: ' us', label: 'CPU a message' },
  cpuPercent: { show: value => value.toFixed(2), unit: ' %', label: 'CPU of a core' },
  loopDelayP99: { show: tenths, unit: ' ms', label: 'loop delay p99' },
  loopDelayMax: { show: tenths, unit: ' ms', label: 'loop delay max' },
  peakRssMb: { show: count, unit: ' MB', label: 'peak RSS' },
  firstMessageMs: { show: ms, unit: ' ms', label: 'first message' },
}

/** What the kinds whose answer is no rate of messages do not show. */
const HIDDEN = {
  'first-message': ['rate', 'cpuMicros'],
  rebalance: ['rate', 'cpuMicros'],
  disconnect: ['rate', 'cpuMicros'],
  metadata: ['rate'],
  load: ['rate', 'cpuMicros', 'peakRssMb'],
  idle: ['rate', 'cpuMicros'],
}

function showFigure(figure, value) {
  return value === null || value === undefined ? '' : FIGURES[figure].show(value)
}

/**
 * Everything that was measured, a line for each client.
 *
 * @param {WorkloadResult[]} results
 * @returns {Promise<string>}
 */
async function toTable(results) {
  const columns = [
    ['messages/s', 'rate'],
    ['p50 ms', 'p50'],
    ['p99 ms', 'p99'],
    ['p99.9 ms', 'p999'],
    ['CPU us/message', 'cpuMicros'],
    ['loop p99 ms', 'loopDelayP99'],
    ['loop max ms', 'loopDelayMax'],
    ['peak RSS MB', 'peakRssMb'],
    ['first ms', 'firstMessageMs'],
  ]
  const rows = results.flatMap(result =>
    Object.entries(result.clients).map(([name, entry], index) => {
      const hidden = HIDDEN[result.kind] ?? []
      const cells = columns.map(([, figure]) =>
        hidden.includes(figure) ? '' : showFigure(figure, entry.medians?.[figure])
      )
      if (entry.leftOut) cells[0] = entry.leftOut
      if (result.kind === 'idle' && entry.medians) {
        cells[0] = `${showFigure('cpuPercent', entry.medians.cpuPercent)} % of a core`
      }
      const ours = name === OURS
      return [
        index === 0 ? result.title : '',
        name,
        ...cells,
        ours ? showRatios(result.ratios.rival) : '',
        ours ? showRatios(result.ratios.raw) : '',
        ours ? showVerdicts(result.verdicts) : '',
      ]
    })
  )
  const head = ['workload', 'client', ...columns.map(([title]) => title)]
  return write([[...head, 'to best rival', 'to raw', 'targets'], ...rows], 2)
}

/** What is compared where there is one figure for each client. */
const MAIN_FIGURE = {
  latency: 'p50',
  'first-message': 'p50',
  rebalance: 'p50',
  disconnect: 'p50',
  metadata: 'p50',
  load: 'p50',
  idle: 'cpuPercent',
}

/**
 * One line for each workload, one column for each client: the rate, or what the workload is about.
 *
 * @param {WorkloadResult[]} results
 * @param {string[]} clients
 * @returns {Promise<string>}
 */
async function toClientTable(results, clients) {
  const rows = results.map(({ title, kind, clients: entries }) => {
    const figure = MAIN_FIGURE[kind] ?? 'rate'
    const { label, unit } = FIGURES[figure]
    const cells = clients.map(name => showFigure(figure, entries[name]?.medians?.[figure]))
    return [title, figure === 'rate' ? 'messages/s' : `${label},${unit}`, ...cells]
  })
  return write([['workload', 'figure', ...clients], ...rows], 2)
}

/** Of which the raw requests show what no client can better. */
const BOUNDED = ['rate', 'cpuMicros']

/**
 * One line for each target: ours, the limit, and whether it is met. Where the raw bound falls short of the target, nobody
 * can meet it on that machine.
 *
 * @param {WorkloadResult[]} results
 * @returns {Promise<string>}
 */
async function toTargetTable(results) {
  const rows = results.flatMap(({ title, verdicts, clients }) =>
    verdicts.map(({ figure, of, times, limit, actual, met }, index) => {
      const { show, unit, label } = FIGURES[figure]
      const bound = of === 'raw' ? 'raw' : 'best rival'
      const target = of ? `${times.toFixed(2)}x ${bound}` : ''
      const raw = of === 'rival' && BOUNDED.includes(figure) && clients[RAW]?.medians?.[figure]
      return [
        index === 0 ? title : '',
        label,
        `${show(actual)}${unit}`,
        of ? `${(actual / (limit / times)).toFixed(2)}x ${bound}` : '',
        target,
        `${figure === 'rate' ? 'at least' : 'at most'} ${show(limit)}${unit}`,
        raw ? `${(raw / (limit / times)).toFixed(2)}x` : '',
        met ? 'met' : 'MISSED',
      ]
    })
  )
  const head = ['workload', 'figure', 'kafkajs-rs', 'is', 'target', 'limit', 'raw bound', '']
  return write([head, ...rows], 2)
}

function showRatios(compared) {
  if (!compared) return ''
  const words = { rate: '', cpuMicros: ' CPU', p50: ' p50', p99: ' p99' }
  return Object.entries(compared)
    .map(([figure, ratio]) => `${ratio.toFixed(2)}x${words[figure]}`)
    .join(', ')
}

function showVerdicts(verdicts) {
  if (verdicts.length === 0) return ''
  const missed = verdicts.filter(({ met }) => !met).map(({ figure }) => FIGURES[figure].label)
  return missed.length === 0 ? 'met' : `MISSED: ${missed.join(', ')}`
}

/** Text on the left in the first columns, figures on the right. */
async function write(rows, leftColumns) {
  // It is an ES module.
  const { markdownTable } = await import('markdown-table')
  return markdownTable(rows, {
    align: rows[0].map((_, column) => (column < leftColumns ? 'l' : 'r')),
  })
}

module.exports = { showFigure, toClientTable, toTable, toTargetTable }
