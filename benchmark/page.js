'use strict'

/** The tables of docs/performance.md. */

const { RAW } = require('./clients')
const { toClientTable, toTargetTable } = require('./table')

/**
 * @param {string} page - Markdown with places for figures: between `<!-- name -->` and `<!-- end of name -->`
 * @param {object} document - as in a file of results
 * @returns {Promise<string>} the page with these figures
 * @throws {Error} if a place is missing
 */
async function withFigures(page, document) {
  const { workloads, clients } = document
  const names = Object.keys(clients).sort((a, b) => (a === RAW) - (b === RAW))
  const parts = {
    run: describeRun(document),
    targets: await toTargetTable(workloads),
    clients: await toClientTable(workloads, names),
  }
  return Object.entries(parts).reduce((text, [name, figures]) => fill(text, name, figures), page)
}

function describeRun({ at, commit, machine, kafka, clients, rounds }) {
  const versions = Object.entries(clients)
    .filter(([name]) => name !== RAW)
    .map(([name, version]) => `${name} ${version}`)
  return [
    `${at.slice(0, 10)}, commit ${commit}, ${rounds} rounds, medians. ${machine.cpu}, ${machine.cores} cores that also run the`,
    `broker (${kafka}), ${Math.round(machine.memoryMb / 1024)} GB, ${machine.system}, Node.js ${machine.node}.`,
    `Clients: ${versions.join(', ')}.`,
  ].join('\n')
}

function fill(page, name, figures) {
  const [begin, end] = [`<!-- ${name} -->`, `<!-- end of ${name} -->`]
  const from = page.indexOf(begin)
  const to = page.indexOf(end)
  if (from < 0 || to < from) throw new Error(`the page has no place for ${name}`)
  return `${page.slice(0, from + begin.length)}\n${figures}\n${page.slice(to)}`
}

module.exports = { withFigures }
