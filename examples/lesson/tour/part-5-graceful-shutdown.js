'use strict'

const { spawn } = require('node:child_process')
const path = require('node:path')
const { createInterface } = require('node:readline')
const { producer } = require('../1-producer-configuration')
const { describeGroup } = require('../broker-view/group-members')
const { GROUP } = require('../topics')
const { readCommitted } = require('./committed-offsets')
const { TourError, until } = require('./report')

const PROGRAM = path.join(__dirname, '..', '5-graceful-shutdown.js')
const ORDER_MS = 700
const EXIT_WITHIN_MS = 1000

async function gracefulShutdown({ admin, broker, report }) {
  report.section('5. Graceful Shutdown')
  const child = startProgram(report)
  try {
    const orderId = 124
    const value = JSON.stringify({ orderId, takesMs: ORDER_MS })
    const [{ partition, baseOffset }] = await producer.send({
      topic: 'orders',
      messages: [{ key: 'order-123', value }],
    })

    await child.prints(`order ${orderId} started`)
    report.say(`order ${orderId} is being processed: SIGTERM`)
    child.kill('SIGTERM')
    const exit = await child.exits()
    const finishedAt = child.printedAt(`order ${orderId} finished`)
    const signalAt = child.printedAt('Signal SIGTERM received, shutting down...')

    report.check('the program ended by itself with exit code 0', exit.code ?? exit.signal, 0)
    report.check('the signal arrived while the order was processed', signalAt < finishedAt, true)
    const tookMs = exit.at - finishedAt
    report.check(
      `from the end of the order to the exit: ${tookMs} ms, less than ${EXIT_WITHIN_MS} ms`,
      tookMs < EXIT_WITHIN_MS,
      true
    )

    const next = Number(baseOffset) + 1
    const committed = await readCommitted(admin)
    report.check(`the finished order is committed: ${next}`, committed[`orders/${partition}`], next)
    report.check('the group has no member left', await describeGroup(broker, GROUP), {
      state: 'Empty',
      members: [],
    })
  } finally {
    child.kill('SIGKILL')
  }
}

/** Runs the lesson's whole program in a process of its own and notes when it prints what. */
function startProgram(report) {
  const child = spawn(process.execPath, [PROGRAM], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = new Map()
  const exited = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal, at: exitedAt ?? Date.now() }))
  })
  let exitedAt
  child.once('exit', () => {
    exitedAt = Date.now()
  })
  createInterface({ input: child.stdout }).on('line', line => {
    lines.set(line, Date.now())
    report.say(`| ${line}`)
  })

  const waitFor = line => until(`the program prints "${line}"`, () => lines.has(line), Boolean)
  return {
    prints: waitFor,
    printedAt(line) {
      if (!lines.has(line)) throw new TourError(`The program ended without printing "${line}"`)
      return lines.get(line)
    },
    kill: signal => child.kill(signal),
    exits: () => exited,
  }
}

module.exports = { gracefulShutdown }
