'use strict'

const { parseArgs } = require('node:util')

const USAGE = `Usage: npm run bench -- [options]

  --rounds <n>          how often each client runs each workload; medians are reported (default 5)
  --clients <a,b>       of: kafkajs-rs, kafkajs, platformatic, confluent, node-rdkafka, raw (default all)
  --workloads <a,b>     names or their beginnings, as "produce", "consume/each" (default all)
  --quick               short runs and one round: shows that all works, its figures mean little
  --out <file>          where the JSON goes (default benchmark/results/<time>.json)
  --publish             also writes benchmark/results/published.json, docs/benchmark.svg and the tables of docs/performance.md
  --install             tries again to install clients that could not be installed
  --list                prints the workloads and ends
  --help

KAFKA_BROKERS=host:port,... uses an existing Kafka; without it a local one is started and stopped.`

/** Wrong use of the command line: printed without a stack. */
class UsageError extends Error {
  name = 'UsageError'
}

/**
 * @param {string[]} args
 * @param {{ clients: string[], workloads: string[] }} known - the names there are
 * @returns {Options}
 * @throws {UsageError}
 *
 * @typedef {object} Options
 * @property {number} rounds
 * @property {string[]} clients
 * @property {string[]} workloads
 * @property {boolean} quick
 * @property {string} [out]
 * @property {boolean} publish
 * @property {boolean} install
 * @property {boolean} list
 * @property {boolean} help
 */
function readOptions(args, known) {
  let values
  try {
    ;({ values } = parseArgs({
      args,
      options: {
        rounds: { type: 'string' },
        clients: { type: 'string' },
        workloads: { type: 'string' },
        quick: { type: 'boolean', default: false },
        out: { type: 'string' },
        publish: { type: 'boolean', default: false },
        install: { type: 'boolean', default: false },
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }))
  } catch (error) {
    throw new UsageError(error.message)
  }

  const rounds = Number(values.rounds ?? (values.quick ? 1 : 5))
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new UsageError(`--rounds must be a whole number above 0, but is "${values.rounds}"`)
  }
  return {
    ...values,
    rounds,
    clients: select('--clients', values.clients, known.clients, (name, wish) => name === wish),
    workloads: select('--workloads', values.workloads, known.workloads, (name, wish) =>
      known.workloads.includes(wish) ? name === wish : name.startsWith(wish)
    ),
  }
}

function select(option, wishes, names, matches) {
  if (wishes === undefined) return names
  const list = wishes.split(',').map(wish => wish.trim())
  for (const wish of list) {
    if (!wish || !names.some(name => matches(name, wish))) {
      throw new UsageError(`${option}: there is no "${wish}"; there are: ${names.join(', ')}`)
    }
  }
  return names.filter(name => list.some(wish => matches(name, wish)))
}

module.exports = { USAGE, UsageError, readOptions }
