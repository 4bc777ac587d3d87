'use strict'

const assert = require('node:assert/strict')
const { test } = require('node:test')
const CommitSchedule = require('../../src/consumer/commitSchedule')

test('the interval counts from when a commit is asked for, not from when it leaves', () => {
  const schedule = new CommitSchedule({ autoCommitInterval: 300, autoCommitThreshold: null }, 0)
  assert.equal(schedule.isDue(299), false)
  assert.equal(schedule.isDue(300), true)
  schedule.restart(300)
  schedule.leave()
  assert.equal(schedule.isDue(599), false)
  assert.equal(schedule.isDue(600), true)
})

test('the threshold counts what was resolved since the last commit left', () => {
  const schedule = new CommitSchedule({ autoCommitInterval: null, autoCommitThreshold: 3 }, 0)
  schedule.note(2)
  assert.equal(schedule.isDue(1e9), false)
  schedule.note(1)
  assert.equal(schedule.isDue(0), true)
  schedule.note(-1)
  assert.equal(schedule.isDue(0), false, 'a seek went back')
  schedule.note(5)
  schedule.leave()
  assert.equal(schedule.isDue(0), false)
})

test('without either nothing is due', () => {
  const schedule = new CommitSchedule({}, 0)
  assert.equal(schedule.isConfigured, false)
  schedule.note(1e6)
  assert.equal(schedule.isDue(1e12), false)
})
