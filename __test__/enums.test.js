'use strict'

const assert = require('node:assert/strict')
const path = require('node:path')
const { describe, test } = require('node:test')
const zlib = require('node:zlib')

const kafkajs = require('kafkajs')
const ours = require('../src/enums')
const { replacingModules } = require('./replaceModules')

describe('constants', () => {
  const names = [
    'logLevel',
    'CompressionTypes',
    'ConfigResourceTypes',
    'ConfigSource',
    'AclResourceTypes',
    'AclOperationTypes',
    'AclPermissionTypes',
    'ResourcePatternTypes',
  ]
  for (const name of names) {
    test(`${name} is kafkajs', in its order`, () => {
      assert.deepEqual(Object.entries(ours[name]), Object.entries(kafkajs[name]))
    })
  }
})

describe('CompressionCodecs', () => {
  const { CompressionCodecs, CompressionTypes, isBuiltinCodec } = ours
  const text = Buffer.from('kafka '.repeat(100))

  test("has kafkajs' keys, each a function", () => {
    assert.deepEqual(Object.keys(CompressionCodecs), Object.keys(kafkajs.CompressionCodecs))
    for (const codec of Object.values(CompressionCodecs)) assert.equal(typeof codec, 'function')
  })

  for (const [name, library] of Object.entries({ kafkajs, ours })) {
    test(`${name}: GZIP called by hand takes an encoder and gives Buffers`, async () => {
      const codec = library.CompressionCodecs[CompressionTypes.GZIP]()
      const compressed = await codec.compress({ buffer: text })
      assert.ok(Buffer.isBuffer(compressed))
      assert.deepEqual(zlib.gunzipSync(compressed), text)
      assert.deepEqual(await codec.decompress(compressed), text)
    })
  }

  test('GZIP takes the bytes themselves too', async () => {
    const compressed = await CompressionCodecs[CompressionTypes.GZIP]().compress(text)
    assert.deepEqual(zlib.gunzipSync(compressed), text)
  })

  test("the others are the addon's, called with the codec's number and the bytes", async () => {
    const calls = []
    const addon = {
      compress: (...args) => calls.push(['compress', ...args]) && Buffer.from('small'),
      decompress: (...args) => calls.push(['decompress', ...args]) && Buffer.from('big'),
    }
    const binding = { loadAddon: () => addon, invokeSync: method => method() }
    for (const type of [CompressionTypes.Snappy, CompressionTypes.LZ4, CompressionTypes.ZSTD]) {
      const codec = CompressionCodecs[type]()
      await replacingModules({ [path.join(__dirname, '../src/binding')]: binding }, async () => {
        assert.equal(String(await codec.compress({ buffer: text })), 'small')
        assert.equal(String(await codec.decompress(text)), 'big')
      })
      assert.deepEqual(calls.splice(0), [
        ['compress', type, text],
        ['decompress', type, text],
      ])
    }
  })

  test('isBuiltinCodec follows what a program registers', t => {
    const original = CompressionCodecs[CompressionTypes.Snappy]
    t.after(() => {
      CompressionCodecs[CompressionTypes.Snappy] = original
    })
    for (const type of Object.values(CompressionTypes)) assert.equal(isBuiltinCodec(type), true)
    CompressionCodecs[CompressionTypes.Snappy] = () => ({})
    assert.equal(isBuiltinCodec(CompressionTypes.Snappy), false)
    CompressionCodecs[CompressionTypes.Snappy] = original
    assert.equal(isBuiltinCodec(CompressionTypes.Snappy), true)
    delete CompressionCodecs[CompressionTypes.Snappy]
    assert.equal(isBuiltinCodec(CompressionTypes.Snappy), false)
    assert.equal(isBuiltinCodec(9), false)
    assert.equal(isBuiltinCodec('toString'), false)
  })
})
