'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')

const { AssignerProtocol: theirs } = require('kafkajs')
const ours = require('../../src/consumer/assignerProtocol')

const SUBSCRIPTIONS = [
  { version: 0, topics: [] },
  { version: 0, topics: ['orders'] },
  { version: 1, topics: ['a', 'é', '🐟', 'x'.repeat(249)] },
  { version: -1, topics: ['a'] },
  { version: 32767, topics: ['a'], userData: Buffer.from([0, 255, 1]) },
  { version: 0, topics: ['a'], userData: null },
  { version: 0, topics: ['a'], userData: undefined },
  { version: 0, topics: ['a'], userData: JSON.stringify({ previous: { a: [0] } }) },
  { version: 0, topics: ['a'], userData: 12 },
]

const ASSIGNMENTS = [
  { version: 0, assignment: {} },
  { version: 0, assignment: { orders: [0, 1, 10, 2] } },
  { version: 3, assignment: { b: [], 2: [1], 1: [2 ** 31 - 1], é: [0] } },
  { version: 0, assignment: { a: [0] }, userData: Buffer.from('data') },
  { version: 0, assignment: { a: [0] }, userData: null },
  { version: 0, assignment: { a: [0] }, userData: 'data' },
]

/** What an encoder or decoder gives, or how it fails. */
const outcome = run => {
  try {
    return { value: run() }
  } catch ({ name, code }) {
    return { name, code }
  }
}

for (const [name, samples] of [
  ['MemberMetadata', SUBSCRIPTIONS],
  ['MemberAssignment', ASSIGNMENTS],
]) {
  describe(name, () => {
    samples.forEach((sample, index) => {
      test(`has kafkajs' bytes (${index})`, () => {
        const bytes = ours[name].encode(sample)
        assert.ok(Buffer.isBuffer(bytes))
        assert.equal(bytes.toString('hex'), theirs[name].encode(sample).toString('hex'))
      })

      test(`decodes to what kafkajs reads (${index})`, () => {
        const bytes = theirs[name].encode(sample)
        const decoded = ours[name].decode(bytes)
        assert.deepEqual(decoded, theirs[name].decode(bytes))
        assert.deepEqual(Object.keys(decoded), Object.keys(theirs[name].decode(bytes)))
      })
    })

    test('fails where kafkajs fails, at whatever byte the data ends', () => {
      const whole = theirs[name].encode(samples[1])
      for (let length = 0; length <= whole.length; length++) {
        const cut = whole.subarray(0, length)
        assert.deepEqual(
          outcome(() => ours[name].decode(cut)),
          outcome(() => theirs[name].decode(cut)),
          `${length} bytes`
        )
      }
    })

    test('ignores what a newer version appends', () => {
      const bytes = Buffer.concat([ours[name].encode(samples[1]), Buffer.from([0, 0, 0, 0])])
      assert.deepEqual(ours[name].decode(bytes), theirs[name].decode(bytes))
    })

    test('a length that cannot be true ends in an error, not in the memory', () => {
      const huge = Buffer.from([0, 0, 0x7f, 0xff, 0xff, 0xff, 0, 1])
      assert.throws(() => ours[name].decode(huge), RangeError)
    })

    test('a version that is no int16 is refused, as in kafkajs', () => {
      const bad = { ...samples[1], version: 70000 }
      assert.deepEqual(
        outcome(() => ours[name].encode(bad)),
        outcome(() => theirs[name].encode(bad))
      )
      assert.equal(outcome(() => ours[name].encode(bad)).name, 'RangeError')
    })
  })
}

test('an empty assignment is null', () => {
  assert.equal(ours.MemberAssignment.decode(Buffer.alloc(0)), null)
  assert.equal(theirs.MemberAssignment.decode(Buffer.alloc(0)), null)
})

test('bytes of a Uint8Array stay bytes', () => {
  const encoded = ours.MemberMetadata.encode({
    version: 0,
    topics: [],
    userData: new Uint8Array([1, 2]),
  })
  assert.deepEqual([...ours.MemberMetadata.decode(encoded).userData], [1, 2])
})

test('a topic called __proto__ is a topic like any other', () => {
  const assignment = Object.fromEntries([['__proto__', [1, 2]]])
  const decoded = ours.MemberAssignment.decode(
    ours.MemberAssignment.encode({ version: 0, assignment })
  )
  assert.deepEqual(Object.entries(decoded.assignment), [['__proto__', [1, 2]]])
})
