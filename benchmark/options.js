'use strict'

const { parseArgs } = require('node:util')

const USAGE = `Usage: npm run bench -- [options]

  --rounds <n>          how often each client runs each workload; medians are reported (default 3)
  --clients <a,b>       of: kafkajs-rs, kafkajs, platformatic (default all)
  --workloads <a,b>     names or their beginnings, as "produce", "consume/each" (default all)
  --quick               short runs and one round: shows that all works, its figures mean little
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
 * @returns {{ rounds: number, clients: string[], workloads: string[], quick: boolean, list: boolean, help: boolean }}
 * @throws {UsageError}
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
        list: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }))
  } catch (error) {
    throw new UsageError(error.message)
  }

  const rounds = Number(values.rounds ?? (values.quick ? 1 : 3))
  if (!Number.isInteger(rounds) || rounds < 1) {
    throw new UsageError(`--rounds must be a whole number above 0, but is "${values.rounds}"`)
  }
  return {
    ...values,
    rounds,
    clients: select('--clients', values.clients, known.clients, (name, wish) => name === wish),
    workloads: select('--workloads', values.workloads, known.workloads, (name, wish) =>
      name.startsWith(wish)
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
