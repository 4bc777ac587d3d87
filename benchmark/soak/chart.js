'use strict'

/** The course of a soak: a panel for each thing that was watched, and a line for every misfortune. */

const PANELS = [
  ['rss', 'resident memory, MB'],
  ['outside', "of that outside of V8's heap, MB"],
  ['heapUsed', "used of V8's heap, MB"],
  ['lag', 'longest wait of a message for its handler, ms'],
  ['rate', 'messages acknowledged per second'],
  ['delayP99', 'event loop delay, p99 of each second, ms'],
  ['threads', 'threads'],
  ['descriptors', 'file descriptors'],
]
const WIDTH = 900
const HEIGHT = 110

/**
 * @param {{ samples: object[], faults: { seconds: number, name: string }[] }} soak
 * @returns {Promise<string>} an SVG
 */
async function toSvg({ samples, faults }) {
  // They are ES modules.
  const [vega, vegaLite] = await Promise.all([import('vega'), import('vega-lite')])
  const rows = samples.map((sample, at) => ({
    ...sample,
    outside: sample.rss - sample.heap,
    lag: Math.max(...Object.values(sample.lag)),
    rate: at === 0 ? 0 : rateBetween(samples[at - 1], sample),
  }))
  const x = { field: 'seconds', type: 'quantitative', title: 's' }
  const { spec } = vegaLite.compile({
    background: 'white',
    vconcat: PANELS.map(([field, title]) => ({
      width: WIDTH,
      height: HEIGHT,
      title: { text: title, anchor: 'start' },
      layer: [
        {
          data: { values: faults },
          mark: { type: 'rule', color: '#d9480f', opacity: 0.35 },
          encoding: { x },
        },
        {
          data: { values: rows },
          mark: { type: 'line', strokeWidth: 1 },
          encoding: { x, y: { field, type: 'quantitative', title: null } },
        },
      ],
    })),
  })
  return new vega.View(vega.parse(spec), { renderer: 'none' }).toSVG()
}

const rateBetween = (before, after) =>
  (after.acknowledged - before.acknowledged) / (after.seconds - before.seconds)

module.exports = { toSvg }
