'use strict'

const assert = require('node:assert/strict')
const { describe, it } = require('node:test')
const CallWindow = require('../../src/binding/callWindow')

const call = id => ({ id })

describe('calls by their numbers', () => {
  it('each is given once', () => {
    const window = new CallWindow()
    const first = call(7)
    window.add(first)
    assert.equal(window.take(8), undefined)
    assert.equal(window.take(7), first)
    assert.equal(window.take(7), undefined)
  })

  it('more than there is room for', () => {
    const window = new CallWindow()
    const calls = Array.from({ length: 100000 }, (_, index) => call(index + 1))
    for (const each of calls) window.add(each)
    for (const each of calls) assert.equal(window.take(each.id), each)
    for (const each of calls) assert.equal(window.take(each.id), undefined)
  })

  it('one that takes long is found when all others have overtaken it', () => {
    const window = new CallWindow()
    const slow = call(5)
    window.add(slow)
    for (let id = 6; id < 200000; id++) {
      const quick = call(id)
      window.add(quick)
      assert.equal(window.take(id), quick)
    }
    assert.equal(window.take(5), slow)
  })

  it('numbers begin again after the highest', () => {
    const window = new CallWindow()
    const calls = [2 ** 32 - 2, 2 ** 32 - 1, 1, 2].map(call)
    for (const each of calls) window.add(each)
    for (const each of calls) assert.equal(window.take(each.id), each)
  })

  it('whatever the order, it says what a map says', () => {
    const window = new CallWindow()
    const map = new Map()
    let id = 2 ** 31 - 5000
    let random = 42
    const next = () => {
      random = (random * 1103515245 + 12345) % 2 ** 31
      return random
    }
    for (let step = 0; step < 50000; step++) {
      if (next() % 5 < 3) {
        const each = call(++id)
        window.add(each)
        map.set(id, each)
      } else {
        const wanted = id - (next() % 3000)
        assert.equal(window.take(wanted), map.get(wanted))
        map.delete(wanted)
      }
    }
  })
})
