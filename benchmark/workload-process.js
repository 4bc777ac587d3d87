'use strict'

/**
 * The process of one run: one client, one workload, once. Started by `fresh-process.js`; the parent's message says
 * what to do, the answer is `{ result }` or `{ error }`. It ends by itself, if the client lets it.
 */

const { inspect } = require('node:util')
const { loadClient } = require('./clients')
const { runnerOf } = require('./workloads')

process.once('message', async ({ clientName, workload, run }) => {
  let answer
  try {
    const client = await loadClient(clientName)
    answer = { result: await runnerOf(workload)(client, workload, run) }
  } catch (error) {
    answer = { error: inspect(error) }
  }
  process.send(answer, () => process.disconnect())
})
