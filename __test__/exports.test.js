'use strict'

const assert = require('node:assert/strict')
const { execFileSync } = require('node:child_process')
const path = require('node:path')
const { pathToFileURL } = require('node:url')
const { describe, test } = require('node:test')

const kafkajs = require('kafkajs')

const ROOT = path.join(__dirname, '..')
const ours = require(ROOT)

describe('CommonJS', () => {
  test("has kafkajs' 44 names, in its order", () => {
    assert.equal(Object.keys(kafkajs).length, 44)
    assert.deepEqual(Object.keys(ours), Object.keys(kafkajs))
  })

  test('is a plain object that programs may change', () => {
    assert.equal(Object.getPrototypeOf(ours), Object.prototype)
    assert.equal(Object.isFrozen(ours), false)
    for (const name of Object.keys(ours)) {
      const { writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(ours, name)
      assert.deepEqual([writable, enumerable, configurable], [true, true, true], name)
    }
  })

  test('has the same kinds of things under the same names', () => {
    for (const name of Object.keys(kafkajs)) {
      assert.equal(typeof ours[name], typeof kafkajs[name], name)
      if (typeof kafkajs[name] === 'function') assert.equal(ours[name].name, kafkajs[name].name)
    }
    // Ours on top: KIP-480 and KIP-794.
    const partitioners = [...Object.keys(kafkajs.Partitioners), 'StickyPartitioner']
    assert.deepEqual(Object.keys(ours.Partitioners), partitioners)
    assert.deepEqual(Object.keys(ours.AssignerProtocol), Object.keys(kafkajs.AssignerProtocol))
  })

  test('Kafka is what src/index.js exports, which tracers wrap there', () => {
    assert.equal(ours.Kafka, require('../src/index.js'))
  })

  test('loading it loads no native code and starts nothing', () => {
    const program = `
      require(${JSON.stringify(ROOT)})
      const loaded = Object.keys(require.cache).filter(name => /binding\\.js$|\\.node$/.test(name))
      const running = process.getActiveResourcesInfo().filter(name => !/Pipe|TTY/.test(name))
      console.log(JSON.stringify({ loaded, running }))
    `
    const output = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(output), { loaded: [], running: [] })
  })

  test('loading it leaves the slow modules of Node.js for those who use them', () => {
    const program = `
      const Module = require('node:module')
      const load = Module._load
      const asked = []
      Module._load = function (name, ...rest) {
        asked.push(name)
        return load.call(this, name, ...rest)
      }
      require(${JSON.stringify(ROOT)})
      console.log(JSON.stringify(asked))
    `
    const output = execFileSync(process.execPath, ['-e', program], { encoding: 'utf8' })
    const asked = JSON.parse(output).map(name => name.replace(/^node:/, ''))
    // Seen at all, so that what is missing means something.
    assert.ok(asked.includes('events'), output)
    const slow = ['assert', 'child_process', 'crypto', 'http', 'net', 'tls', 'zlib']
    assert.deepEqual(
      slow.filter(name => asked.includes(name)),
      []
    )
  })
})

describe('ECMAScript modules', () => {
  for (const file of ['index.mjs', 'index.js']) {
    test(`${file} offers every name, and the module itself as default`, async () => {
      const namespace = await import(pathToFileURL(path.join(ROOT, file)).href)
      for (const name of Object.keys(kafkajs)) assert.equal(namespace[name], ours[name], name)
      assert.equal(namespace.default, ours)
    })
  }

  test('index.mjs offers nothing else', async () => {
    const namespace = await import(pathToFileURL(path.join(ROOT, 'index.mjs')).href)
    assert.deepEqual(Object.keys(namespace).sort(), ['default', ...Object.keys(kafkajs)].sort())
  })
})
