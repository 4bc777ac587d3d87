'use strict'

/** The first part of a soak, during which memory may grow: caches fill, code is compiled. It is not judged. */
const WARM_UP = 0.3
/** What is left of the heap after a collection shows as the least of so many seconds. */
const COLLECTION = 60
/** A shorter soak says nothing about a trend, s. */
const SHORTEST_TREND = 120

/**
 * @typedef {object} Limits
 * @property {number} stallMs      longest time a message may wait for its handler
 * @property {number} rssPerMinute MB by which resident memory may grow
 *
 * @param {object} soak
 * @param {object[]} soak.samples
 * @param {object} soak.end        what the process under test says at its end; undefined if it did not get there
 * @param {(points: [number, number][]) => number} slopeOf slope of the line through points
 * @param {Limits} limits
 * @returns {{ passed: boolean, failures: string[], figures: object }}
 */
function judge({ samples, end }, slopeOf, limits) {
  const lags = samples.flatMap(({ lag }) => Object.values(lag))
  const last = samples.at(-1)
  const settled = samples.filter(({ seconds }) => seconds >= last.seconds * WARM_UP)
  const trend = points =>
    last?.seconds >= SHORTEST_TREND
      ? slopeOf(points.map(([seconds, value]) => [seconds / 60, value]))
      : null
  const figures = {
    seconds: last?.seconds,
    longestStallMs: Math.max(0, ...lags),
    rssMin: Math.min(...samples.map(({ rss }) => rss)),
    rssMax: Math.max(...samples.map(({ rss }) => rss)),
    rssPerMinute: trend(settled.map(({ seconds, rss }) => [seconds, rss])),
    // Which of the two grew: V8 gives back its young generation when little happens, 30 MB, and takes it again.
    heapPerMinute: trend(leasts(settled, ({ heapUsed }) => heapUsed)),
    outsidePerMinute: trend(settled.map(({ seconds, rss, heap }) => [seconds, rss - heap])),
    threads: Math.max(...samples.map(({ threads }) => threads)),
    descriptors: [settled[0]?.descriptors, last?.descriptors],
    handles: [settled[0]?.handles, last?.handles],
    delayP99: median(samples.map(({ delayP99 }) => delayP99)),
    delayMax: Math.max(...samples.map(({ delayMax }) => delayMax)),
    ...end,
  }
  const failures = []
  if (!end) failures.push('the process under test did not come to its end')
  if (figures.longestStallMs > limits.stallMs) {
    failures.push(`a message waited ${Math.round(figures.longestStallMs)} ms for its handler`)
  }
  if (figures.rssPerMinute > limits.rssPerMinute) {
    failures.push(`resident memory grew by ${figures.rssPerMinute.toFixed(2)} MB a minute`)
  }
  for (const [group, { lost }] of Object.entries(end?.groups ?? {})) {
    if (lost > 0) failures.push(`${group}: ${lost} messages were lost`)
  }
  if (end?.counts.rejections > 0) failures.push(`${end.counts.rejections} unhandled rejections`)
  if (end?.counts.crashes > 0) failures.push(`consumers crashed ${end.counts.crashes} times`)
  return { passed: failures.length === 0, failures, figures }
}

/** The least value of each whole minute, counted from the end, at the time it was seen. */
function leasts(samples, read) {
  const [begin, end] = [samples[0]?.seconds, samples.at(-1)?.seconds]
  const minutes = new Map()
  for (const sample of samples) {
    const minute = Math.floor((end - sample.seconds) / COLLECTION)
    const point = [sample.seconds, read(sample)]
    const isWhole = (minute + 1) * COLLECTION <= end - begin
    if (isWhole && !(minutes.get(minute)?.[1] <= point[1])) minutes.set(minute, point)
  }
  return [...minutes.values()]
}

const median = numbers => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)]

module.exports = { judge }
