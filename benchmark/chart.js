'use strict'

/** The bar chart of the README: what each client does as a part of what the best one does. */

const { OURS, RAW } = require('./clients')
const { showFigure } = require('./table')

/** What is drawn, in this order: a panel each, its bars the clients'. */
const PANELS = [
  ['produce/one-awaited', 'send, 1 message, awaited', 'rate'],
  ['produce/one-in-flight-100', 'send, 1 message, 100 in flight', 'rate'],
  ['produce/hundred-awaited', 'send, 100 messages, awaited', 'rate'],
  ['consume/each-message', 'eachMessage', 'rate'],
  ['consume/each-batch', 'eachBatch', 'rate'],
  ['consume/each-message-headers', 'eachMessage, 2 headers', 'rate'],
]
const COLOURS = {
  [OURS]: '#d9480f',
  kafkajs: '#868e96',
  platformatic: '#adb5bd',
  confluent: '#ced4da',
  'node-rdkafka': '#dee2e6',
}
const PANELS_A_ROW = 3
const PANEL_WIDTH = 190
const BAR_HEIGHT = 17

/**
 * @param {object} document - as in a file of results
 * @returns {Promise<string>} an SVG
 * @throws {Error} if none of the workloads to draw has been measured
 */
async function toSvg(document) {
  const bars = PANELS.flatMap(([name, title, figure]) => barsOf(document, name, title, figure))
  if (bars.length === 0) throw new Error('nothing to draw: no workload of the chart was measured')
  // They are ES modules.
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')])
  const { spec } = vegaLite.compile(chartOf(bars, document))
  return new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
}

function barsOf({ workloads }, name, title, figure) {
  const workload = workloads.find(each => each.name === name)
  return Object.entries(workload?.clients ?? {})
    .filter(([client, { medians }]) => client !== RAW && medians)
    .map(([client, { medians }]) => ({
      title,
      client,
      value: medians[figure],
      label: showFigure(figure, medians[figure]),
    }))
}

/** A Vega-Lite specification. */
function chartOf(bars, { at, machine, rounds }) {
  const clients = Object.keys(COLOURS)
  const y = { field: 'client', type: 'nominal', sort: clients, title: null }
  const x = { field: 'value', type: 'quantitative', axis: null }
  return {
    background: 'white',
    title: {
      text: 'Messages a second, higher is better',
      subtitle: `Kafka on the same machine, ${machine.cores} cores, Node.js ${machine.node}, medians of ${rounds}, ${at.slice(0, 10)}`,
      anchor: 'start',
      offset: 14,
    },
    data: { values: bars },
    facet: { field: 'title', type: 'nominal', sort: PANELS.map(([, title]) => title), title: null },
    columns: PANELS_A_ROW,
    spec: {
      width: PANEL_WIDTH,
      height: { step: BAR_HEIGHT },
      layer: [
        {
          mark: { type: 'bar', height: BAR_HEIGHT - 4 },
          encoding: {
            y,
            x,
            color: {
              field: 'client',
              type: 'nominal',
              scale: { domain: clients, range: Object.values(COLOURS) },
              legend: null,
            },
          },
        },
        {
          mark: { type: 'text', align: 'left', dx: 4, fontSize: 10 },
          encoding: { y, x, text: { field: 'label' } },
        },
      ],
    },
    resolve: { scale: { x: 'independent' } },
    config: {
      view: { stroke: null },
      axis: { domain: false, ticks: false, labelFontSize: 11 },
      header: { labelFontSize: 12, labelAnchor: 'start', labelFontWeight: 'bold' },
      font: 'system-ui, sans-serif',
    },
  }
}

module.exports = { toSvg }
