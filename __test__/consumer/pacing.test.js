'use strict'

/** What the runner goes by: retryBudget.js, commitSchedule.js, autoCommitter.js, turn.js, callers.js. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const AutoCommitter = require('../../src/consumer/autoCommitter')
const { isCalledBy } = require('../../src/consumer/callers')
const CommitSchedule = require('../../src/consumer/commitSchedule')
const RetryBudget = require('../../src/consumer/retryBudget')
const Turn = require('../../src/consumer/turn')
const { waitFor } = require('../harness')

const RETRY = { retries: 2, initialRetryTime: 100, maxRetryTime: 250, factor: 0, multiplier: 2 }

test('retry budget: failures at one position double the wait, until none is left', () => {
  const budget = new RetryBudget(RETRY)
  assert.deepEqual(budget.fail('0 t', '5'), { wait: 100 })
  assert.deepEqual(budget.fail('0 t', '5'), { wait: 200 })
  assert.deepEqual(budget.fail('0 t', '5'), { retryCount: 2, retryTime: 250 })
})

test('retry budget: progress forgives, partitions count for themselves', () => {
  const budget = new RetryBudget(RETRY)
  for (const offset of ['1', '2', '3', '4']) {
    assert.deepEqual(budget.fail('0 t', offset), { wait: 100 })
  }
  assert.deepEqual(budget.fail('1 t', '4'), { wait: 100 })
  assert.deepEqual(budget.fail('0 t', '4'), { wait: 200 })
  budget.clear()
  assert.deepEqual(budget.fail('0 t', '4'), { wait: 100 })
})

test('retry budget: no retries means the first failure is the last; waits are jittered', () => {
  assert.deepEqual(new RetryBudget({ ...RETRY, retries: 0 }).fail('0 t', '0'), {
    retryCount: 0,
    retryTime: 100,
  })
  const waits = Array.from(
    { length: 50 },
    () => new RetryBudget({ ...RETRY, factor: 0.2 }).fail('0 t', '0').wait
  )
  assert.ok(waits.every(wait => wait >= 80 && wait <= 120))
  assert.ok(new Set(waits).size > 1)
})

test('commit schedule: by number, by time, by neither', () => {
  const byNumber = new CommitSchedule({ autoCommitThreshold: 3 }, 0)
  byNumber.note(2)
  assert.equal(byNumber.isDue(1e9), false)
  byNumber.note(1)
  assert.equal(byNumber.isDue(0), true)
  byNumber.restart(0)
  assert.equal(byNumber.isDue(1e9), false)

  const byTime = new CommitSchedule({ autoCommitInterval: 100, autoCommitThreshold: null }, 1000)
  assert.equal(byTime.isDue(1099), false)
  assert.equal(byTime.isDue(1100), true)
  byTime.restart(1100)
  assert.equal(byTime.isDue(1199), false)

  const never = new CommitSchedule({ autoCommitInterval: null, autoCommitThreshold: undefined }, 0)
  never.note(1e12)
  assert.deepEqual([never.isConfigured, never.isDue(1e12)], [false, false])
})

test('auto-committer: one commit at a time, requests meanwhile share the next', async () => {
  const commits = []
  const committer = new AutoCommitter({
    stage: () => {},
    commit: () =>
      new Promise(resolve => {
        commits.push(resolve)
      }),
    onError: assert.fail,
  })
  committer.request()
  committer.request()
  committer.request()
  assert.equal(commits.length, 1)
  commits[0]()
  await waitFor(() => commits.length === 2)
  committer.close()
  commits[1]()
})

test('auto-committer: each commit stores what was resolved when it was asked for', async () => {
  let resolved = 0
  let staged = 0
  const commits = []
  const committer = new AutoCommitter({
    stage: () => {
      staged = resolved
    },
    commit: () =>
      new Promise(resolve => {
        commits.push({ offset: staged, resolve })
      }),
    onError: assert.fail,
  })
  resolved = 1
  committer.request()
  resolved = 2
  committer.request()
  resolved = 3
  commits[0].resolve()
  await waitFor(() => commits.length === 2)
  const flushed = committer.flush()
  resolved = 4
  commits[1].resolve()
  await waitFor(() => commits.length === 3)
  commits[2].resolve()
  await flushed
  assert.deepEqual(
    commits.map(({ offset }) => offset),
    [1, 2, 4]
  )
})

test('auto-committer: flush waits for what is under way, then commits the rest', async () => {
  const order = []
  let release
  const committer = new AutoCommitter({
    stage: () => {},
    commit: async () => {
      const number = order.push('begin')
      if (number === 1) {
        await new Promise(resolve => {
          release = resolve
        })
      }
      order.push('end')
    },
    onError: assert.fail,
  })
  committer.request()
  const flushed = committer.flush()
  release()
  await flushed
  assert.deepEqual(order, ['begin', 'end', 'begin', 'end'])
})

test('auto-committer: errors go to onError, those of flush to its caller', async () => {
  const errors = []
  const committer = new AutoCommitter({
    stage: () => {},
    commit: async () => {
      throw new Error('no')
    },
    onError: error => errors.push(error.message),
  })
  committer.request()
  await waitFor(() => errors.length === 1)
  await assert.rejects(committer.flush(), { message: 'no' })
  assert.deepEqual(errors, ['no'])
})

test('a turn ends after a slice, which busy workers share', async () => {
  let workers = 1
  const turn = new Turn(() => workers)
  const now = performance.now()
  assert.deepEqual([turn.isOver(now), turn.isOver(now + 20)], [false, true])
  workers = 1000
  turn.begin()
  assert.equal(turn.isOver(performance.now() + 0.1), true)
  let turned = false
  setImmediate(() => {
    turned = true
  })
  await turn.next()
  assert.equal(turned, true)
})

test('a function finds itself among its callers, across awaits and promises', async () => {
  const named = (name, handler) =>
    Object.defineProperty(async () => await handler(), 'name', { value: name })
  const ask = () => isCalledBy('handlers of 7')
  const later = async () => {
    await new Promise(resolve => {
      setImmediate(resolve)
    })
    return ask()
  }
  const mine = handler => named('handlers of 7', handler)()
  const other = handler => named('handlers of 8', handler)()

  assert.equal(await mine(ask), true)
  assert.equal(await mine(later), true)
  assert.equal(await mine(() => later().then(answer => answer)), true)
  assert.deepEqual(await mine(() => Promise.all([later(), later()])), [true, true])
  assert.equal(await other(later), false)
  assert.equal(ask(), false)
})

test('asking for callers leaves stack traces as they were', () => {
  const { stackTraceLimit, prepareStackTrace } = Error
  isCalledBy('nobody')
  assert.equal(Error.stackTraceLimit, stackTraceLimit)
  assert.equal(Error.prepareStackTrace, prepareStackTrace)
  assert.match(new Error('x').stack, /pacing\.test/)
})
