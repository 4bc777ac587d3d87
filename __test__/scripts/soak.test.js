'use strict'

/** What a soak calls a failure, and how it ends. */

const assert = require('node:assert/strict')
const { getEventListeners } = require('node:events')
const { test } = require('node:test')
const { runFaults } = require('../../benchmark/soak/faults')
const Ledger = require('../../benchmark/soak/ledger')
const { judge } = require('../../benchmark/soak/verdict')

const LIMITS = { stallMs: 20_000, rssPerMinute: 2 }

const makeSamples = (count, lag = 0) =>
  Array.from({ length: count }, (_, at) => ({
    seconds: at + 1,
    rss: 100,
    heap: 40,
    heapUsed: 20,
    threads: 9,
    descriptors: 80,
    handles: 5,
    delayP99: 10,
    delayMax: 20,
    lag: { g: at === 5 ? lag : 0 },
  }))

const makeEnd = (more = {}, counts = {}) => ({
  counts: { rejections: 0, crashes: 0, ...counts },
  groups: { g: { lost: 0, doubled: 3 } },
  ...more,
})

const flat = () => 0

test('a soak passes if everything arrives in time and memory is flat', () => {
  const { passed, failures, figures } = judge(
    { samples: makeSamples(200), end: makeEnd() },
    flat,
    LIMITS
  )
  assert.deepEqual([passed, failures], [true, []])
  assert.equal(figures.rssPerMinute, 0)
})

test('a stall, a loss, a rejection, a crash, growth, an early end: each fails it', () => {
  const samples = makeSamples(200)
  const cases = [
    [{ samples: makeSamples(200, 20_001), end: makeEnd() }, flat, /waited 20001 ms/],
    [{ samples, end: makeEnd({ groups: { g: { lost: 1 } } }) }, flat, /g: 1 messages were lost/],
    [{ samples, end: makeEnd({}, { rejections: 2 }) }, flat, /2 unhandled rejections/],
    [{ samples, end: makeEnd({}, { crashes: 1 }) }, flat, /crashed 1 times/],
    [{ samples, end: makeEnd() }, () => 2.5, /grew by 2.50 MB a minute/],
    [{ samples, end: undefined }, flat, /did not come to its end/],
  ]
  for (const [soak, slope, text] of cases) {
    const { passed, failures } = judge(soak, slope, LIMITS)
    assert.equal(passed, false)
    assert.equal(failures.length, 1)
    assert.match(failures[0], text)
  }
})

test('a soak of a minute says nothing about growth', () => {
  const soak = { samples: makeSamples(60), end: makeEnd() }
  const { passed, figures } = judge(soak, () => 99, LIMITS)
  assert.deepEqual([passed, figures.rssPerMinute], [true, null])
})

test('growth is that of the heap after collections, or of what is outside of it, after the warm-up', () => {
  const lineOf = points => JSON.stringify(points.map(([minutes, value]) => [minutes * 60, value]))
  // Garbage comes and goes within 40 s; V8 gives back 30 MB of what it took for its young generation, half-way.
  const samples = makeSamples(300).map((sample, at) => ({
    ...sample,
    rss: at < 150 ? 100 : 70,
    heap: at < 150 ? 40 : 10,
    heapUsed: at < 80 ? 1 : 20 + (at % 40),
  }))
  const { figures } = judge({ samples, end: makeEnd() }, lineOf, LIMITS)
  const heap = JSON.parse(figures.heapPerMinute)
  assert.deepEqual(
    heap.map(([, value]) => value),
    [20, 20, 20]
  )
  const outside = JSON.parse(figures.outsidePerMinute)
  assert.equal(outside.length, 211)
  assert.ok(outside.every(([, value]) => value === 60))
})

test('the ledger knows who waits, what is lost and what came twice', () => {
  const ledger = new Ledger(['g'])
  const [first, second, third, failed] = [1, 2, 3, 4].map(() => ledger.number())
  ledger.acknowledge(first, 1000)
  ledger.acknowledge(second, 2000)
  ledger.handle('g', first)
  ledger.handle('g', first)
  ledger.handle('g', third)
  assert.equal(ledger.lag('g', 5000), 3000, 'the second waits')
  assert.deepEqual(ledger.totals().g, { deliveries: 3, distinct: 2, doubled: 1, lost: 1 })
  ledger.handle('g', second)
  assert.equal(ledger.lag('g', 5000), 0, `${failed} was never acknowledged`)
  assert.equal(ledger.totals().g.lost, 0)
})

test('misfortunes end at once when the soak is over, and leave nothing behind', async () => {
  const over = new AbortController()
  const begun = []
  const ended = runFaults({ seed: 1, signal: over.signal, onFault: fault => begun.push(fault) })
  assert.equal(getEventListeners(over.signal, 'abort').length, 1)
  over.abort()
  await ended
  assert.deepEqual(begun, [])
  assert.equal(getEventListeners(over.signal, 'abort').length, 0)
})
