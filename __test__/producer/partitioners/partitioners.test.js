'use strict'

const assert = require('node:assert/strict')
const crypto = require('node:crypto')
const { describe, test } = require('node:test')

const kafkajs = require('kafkajs')
const ours = require('../../../src/producer/partitioners')

const HASHES = {
  default: [
    require('kafkajs/src/producer/partitioners/default/murmur2'),
    require('../../../src/producer/partitioners/default/murmur2'),
  ],
  legacy: [
    require('kafkajs/src/producer/partitioners/legacy/murmur2'),
    require('../../../src/producer/partitioners/legacy/murmur2'),
  ],
}

const GOLDEN_HASHES = {
  default: { 0: 971027396, 1: -1993445489, '100:48069': 1009543857, 'some-key': 590116742 },
  legacy: { 0: 272173970, 1: 1311020360, '100:48069': 1713501762, 'some-key': -471131691 },
}

const GOLDEN_KEYS = [
  'a',
  'key1',
  'hello',
  '',
  'éè',
  '123456789',
  Buffer.from([0xff, 0xfe, 0x80]),
  'the quick brown fox',
]
const GOLDEN_PARTITIONS = {
  DefaultPartitioner: [4, 8, 9, 9, 0, 6, 3, 1],
  LegacyPartitioner: [7, 6, 8, 0, 7, 1, 9, 5],
}

/** Metadata of partitions with these leaders; -1 is none. Ids count down, so that no index passes for an id. */
const metadata = leaders =>
  leaders.map((leader, index) => ({
    partitionErrorCode: 0,
    partitionId: leaders.length - 1 - index,
    leader,
    replicas: [0],
    isr: [0],
    offlineReplicas: [],
  }))
const TWELVE = metadata(Array(12).fill(0))

/** The same keys in every run: texts of all planes, bytes, and odd things that become strings. */
const keys = function* (count) {
  let state = 1
  const next = below => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  for (let index = 0; index < count; index++) {
    const length = index % 1000 === 0 ? 3000 + next(3000) : next(40)
    if (index % 3 === 0) {
      yield Buffer.from(Array.from({ length }, () => next(256)))
    } else if (index % 3 === 1) {
      yield String.fromCharCode(...Array.from({ length }, () => 32 + next(95)))
    } else {
      yield String.fromCodePoint(...Array.from({ length }, () => next(0x10ffff)))
    }
  }
}

describe('murmur2', () => {
  for (const [name, [theirs, mine]] of Object.entries(HASHES)) {
    test(`${name}: golden values`, () => {
      for (const [key, hash] of Object.entries(GOLDEN_HASHES[name])) {
        assert.equal(theirs(key), hash)
        assert.equal(mine(key), hash)
        assert.equal(mine(Buffer.from(key)), hash)
      }
    })

    test(`${name}: is kafkajs' for 100,000 keys`, () => {
      let compared = 0
      for (const key of keys(100_000)) {
        if (mine(key) !== theirs(key)) assert.equal(mine(key), theirs(key), `key ${key}`)
        compared++
      }
      assert.equal(compared, 100_000)
    })

    test(`${name}: is kafkajs' for every length of the last word, and for what is no string`, () => {
      const odd = [0, -1, 1.5, 42n, true, {}, [1, 2], new Uint8Array([1, 2]), new Date(0)]
      for (const key of odd) assert.equal(mine(key), theirs(key))
      for (let length = 0; length < 64; length++) {
        for (const fill of [0x00, 0x7f, 0x80, 0xff]) {
          const key = Buffer.alloc(length, fill)
          assert.equal(mine(key), theirs(key))
        }
        const random = crypto.randomBytes(length)
        assert.equal(mine(random), theirs(random), random.toString('hex'))
      }
    })
  }
})

for (const [library, { Partitioners }] of Object.entries({
  kafkajs,
  ours: { Partitioners: ours },
})) {
  describe(library, () => {
    test('JavaCompatiblePartitioner is DefaultPartitioner', () => {
      assert.equal(Partitioners.JavaCompatiblePartitioner, Partitioners.DefaultPartitioner)
    })

    for (const [name, expected] of Object.entries(GOLDEN_PARTITIONS)) {
      const create = Partitioners[name]
      const topic = 'topic'

      test(`${name}: partitions of these keys, of 12`, () => {
        const partition = create()
        const chosen = GOLDEN_KEYS.map(key =>
          partition({ topic, partitionMetadata: TWELVE, message: { key, value: 'v' } })
        )
        assert.deepEqual(chosen, expected)
      })

      test(`${name}: the message's own partition goes first, whatever it is`, () => {
        const partition = create()
        for (const own of [0, 5, 99, -1, '3']) {
          const message = { partition: own, key: 'k' }
          assert.equal(partition({ topic, partitionMetadata: TWELVE, message }), own)
        }
        for (const none of [null, undefined]) {
          const message = { partition: none, key: 'a' }
          assert.equal(partition({ topic, partitionMetadata: TWELVE, message }), expected[0])
        }
      })

      test(`${name}: with a key, partitions without a leader count too`, () => {
        const partitionMetadata = metadata(Array(12).fill(-1))
        const chosen = create()({ topic, partitionMetadata, message: { key: 'a' } })
        assert.equal(chosen, expected[0])
      })

      test(`${name}: without a key it goes round the partitions that have a leader, per topic`, () => {
        const partition = create()
        const partitionMetadata = metadata([1, -1, 0, 2, -1])
        const led = [4, 2, 1]
        const next = each => partition({ topic: each, partitionMetadata, message: { value: 'v' } })
        const first = led.indexOf(next('a'))
        assert.notEqual(first, -1)
        const other = led.indexOf(next('toString'))
        for (let turn = 1; turn <= 7; turn++) {
          assert.equal(next('a'), led[(first + turn) % 3])
          assert.equal(
            partition({ topic: 'a', partitionMetadata, message: { key: 'k', partition: 4 } }),
            4
          )
          if (library === 'ours') assert.equal(next('toString'), led[(other + turn) % 3])
        }
      })

      test(`${name}: without any leader it goes round all`, () => {
        const partition = create()
        const partitionMetadata = metadata([-1, -1, -1])
        const next = () => partition({ topic, partitionMetadata, message: { key: null } })
        const first = next()
        assert.deepEqual([next(), next(), next()], [(first + 1) % 3, (first + 2) % 3, first])
      })

      test(`${name}: every instance starts somewhere else`, () => {
        const partitionMetadata = metadata(Array(1000).fill(0))
        const starts = Array.from({ length: 20 }, () =>
          create()({ topic, partitionMetadata, message: {} })
        )
        assert.ok(new Set(starts).size > 10)
      })
    }
  })
}

test('nativePartitioner knows the one that the core has', () => {
  const { nativePartitioner } = ours
  assert.equal(nativePartitioner(undefined), 'default')
  assert.equal(nativePartitioner(ours.DefaultPartitioner), 'default')
  assert.equal(nativePartitioner(ours.JavaCompatiblePartitioner), 'default')
  assert.equal(nativePartitioner(ours.LegacyPartitioner), null)
  assert.equal(
    nativePartitioner(() => () => 0),
    null
  )
  assert.equal(nativePartitioner(null), null)
})
