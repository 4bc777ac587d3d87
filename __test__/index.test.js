'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { afterEach, describe, test } = require('node:test')

const kafkajs = require('kafkajs')
const { loadAfresh, replacingModules } = require('./replaceModules')

const SOURCES = {
  kafkajs: path.dirname(require.resolve('kafkajs/src/index.js')),
  ours: path.join(__dirname, '../src'),
}

/** The class of a library, loaded afresh on modules that keep what they are given. */
const load = async library => {
  const source = SOURCES[library]
  const given = { cluster: [], producer: [], consumer: [], admin: [] }
  const keep = name =>
    function create(options) {
      given[name].push(options)
      return { made: name }
    }
  const replacements = Object.fromEntries(
    Object.keys(given).map(name => [path.join(source, name), keep(name)])
  )
  const Client = await replacingModules(replacements, () =>
    loadAfresh(path.join(source, 'index.js'))
  )
  return { Client, given }
}

const recordingCreator = () => {
  const entries = []
  return { entries, logCreator: () => entry => entries.push(entry) }
}

afterEach(() => {
  delete process.env.KAFKAJS_NO_PARTITIONER_WARNING
})

for (const library of Object.keys(SOURCES)) {
  describe(library, () => {
    test('the class is Client, with these methods and nothing but symbols on its instances', async () => {
      const { Client } = await load(library)
      assert.equal(Client.name, 'Client')
      assert.equal(Client.length, 1)
      assert.deepEqual(Reflect.ownKeys(Client.prototype), [
        'constructor',
        'producer',
        'consumer',
        'admin',
        'logger',
      ])
      for (const name of ['producer', 'consumer', 'admin', 'logger']) {
        const { writable, configurable } = Object.getOwnPropertyDescriptor(Client.prototype, name)
        assert.deepEqual([writable, configurable], [true, true])
      }
      const kafka = new Client({ brokers: [] })
      assert.deepEqual(Object.keys(kafka), [])
      assert.ok(Object.getOwnPropertySymbols(kafka).length > 0)
    })

    test('the source has the class and its constructor as tracers look for them when they rewrite it', () => {
      const source = fs.readFileSync(path.join(SOURCES[library], 'index.js'), 'utf8')
      const withoutComments = source.replace(/\/\*[\s\S]*?\*\//g, '')
      assert.match(withoutComments, /^module\.exports = class Client \{\s*constructor\(/m)
    })

    test('a subclass and foreign properties work, as tracers need', async () => {
      const { Client } = await load(library)
      class Traced extends Client {
        constructor(options) {
          super(options)
          this.joined = options.brokers.join(',')
        }
      }
      const kafka = new Traced({ brokers: ['a:1', 'b:2'] })
      kafka[Symbol('tracer')] = 1
      kafka.producer = () => 'wrapped'
      assert.equal(kafka.joined, 'a:1,b:2')
      assert.equal(kafka.producer(), 'wrapped')
      assert.deepEqual(kafka.admin(), { made: 'admin' })
    })

    test('the constructor accepts any options, but not none', async () => {
      const { Client, given } = await load(library)
      const odd = { foreign: 1, brokers: 5, requestTimeout: 'x', retry: 'x', sasl: 1, clientId: 7 }
      assert.ok(new Client({}))
      assert.ok(new Client(odd))
      assert.deepEqual(given.cluster, [])
      for (const nothing of [undefined, null]) {
        assert.throws(() => new Client(nothing), {
          name: 'TypeError',
          message: `Cannot destructure property 'brokers' of '${
            nothing === null ? 'object null' : 'undefined'
          }' as it is ${nothing}.`,
        })
      }
      assert.throws(() => Client({}), {
        name: 'TypeError',
        message: "Class constructor Client cannot be invoked without 'new'",
      })
      assert.throws(() => new Client({ logCreator: 5 }), {
        name: 'TypeError',
        message: 'logCreator is not a function',
      })
    })

    test('logCreator is called once, with the level; logger() is the root logger', async () => {
      const { Client } = await load(library)
      const levels = []
      const entries = []
      const logCreator = level => {
        levels.push(level)
        return entry => entries.push(entry)
      }
      const kafka = new Client({ logCreator, logLevel: 2 })
      assert.deepEqual(levels, [2])
      assert.equal(kafka.logger(), kafka.logger())
      kafka.logger().warn('w')
      kafka.logger().info('i')
      assert.deepEqual(
        entries.map(({ namespace, log }) => [namespace, log.message]),
        [[undefined, 'w']]
      )
    })

    test('each client has its own cluster and emitter, and the same logger and offsets', async () => {
      const { Client, given } = await load(library)
      const kafka = new Client({ brokers: ['a:1'], logLevel: 0 })
      const made = [kafka.producer(), kafka.consumer({ groupId: 'g' }), kafka.admin()]
      assert.deepEqual(made, [{ made: 'producer' }, { made: 'consumer' }, { made: 'admin' }])

      const factories = [...given.producer, ...given.consumer, ...given.admin]
      assert.equal(given.cluster.length, 3)
      assert.equal(new Set(factories.map(options => options.cluster)).size, 3)
      assert.equal(new Set(factories.map(options => options.instrumentationEmitter)).size, 3)
      for (const options of [...factories, ...given.cluster]) {
        assert.equal(options.logger, kafka.logger())
      }
      given.cluster.forEach(({ instrumentationEmitter, offsets, brokers }, index) => {
        assert.equal(instrumentationEmitter, factories[index].instrumentationEmitter)
        assert.equal(typeof instrumentationEmitter.emit, 'function')
        assert.equal(offsets, given.cluster[0].offsets)
        assert.ok(offsets instanceof Map)
        assert.deepEqual(brokers, ['a:1'])
      })

      new Client({ brokers: [] }).admin()
      assert.notEqual(given.cluster[3].offsets, given.cluster[0].offsets)
    })

    test('the default partitioner is warned about once per process', async () => {
      const { Client } = await load(library)
      const { entries, logCreator } = recordingCreator()
      const kafka = new Client({ logCreator })
      kafka.producer({ createPartitioner: () => () => 0 })
      assert.deepEqual(entries, [])
      kafka.producer()
      kafka.producer()
      new Client({ logCreator }).producer()
      assert.equal(entries.length, 1)
      const [{ level, namespace, log }] = entries
      assert.deepEqual([level, namespace], [2, undefined])
      assert.equal(
        log.message,
        'KafkaJS v2.0.0 switched default partitioner. To retain the same partitioning behavior as in previous ' +
          'versions, create the producer with the option "createPartitioner: Partitioners.LegacyPartitioner". See ' +
          'the migration guide at https://kafka.js.org/docs/migration-guide-v2.0.0#producer-new-default-partitioner ' +
          'for details. Silence this warning by setting the environment variable "KAFKAJS_NO_PARTITIONER_WARNING=1"'
      )
    })

    test('the environment silences that warning for good, even if empty', async () => {
      const { Client } = await load(library)
      const { entries, logCreator } = recordingCreator()
      process.env.KAFKAJS_NO_PARTITIONER_WARNING = ''
      new Client({ logCreator }).producer()
      delete process.env.KAFKAJS_NO_PARTITIONER_WARNING
      new Client({ logCreator }).producer()
      assert.deepEqual(entries, [])
    })
  })
}

describe('what the factories get', () => {
  const shared = {
    brokers: ['a:1'],
    ssl: { ca: 'x' },
    sasl: { mechanism: 'plain', username: 'u', password: 'p' },
    clientId: 'me',
    connectionTimeout: 11,
    authenticationTimeout: 12,
    reauthenticationThreshold: 13,
    requestTimeout: 14,
    enforceRequestTimeout: false,
    retry: { retries: 7, initialRetryTime: 15 },
    socketFactory: () => {},
    logLevel: 0,
  }
  const own = {
    producer: {
      createPartitioner: () => () => 0,
      retry: { retries: 6 },
      metadataMaxAge: 21,
      allowAutoTopicCreation: false,
      idempotent: true,
      transactionalId: 'tx',
      transactionTimeout: 22,
      maxInFlightRequests: 23,
    },
    consumer: {
      groupId: 'g',
      partitionAssigners: [() => ({})],
      metadataMaxAge: 31,
      sessionTimeout: 32,
      rebalanceTimeout: 33,
      heartbeatInterval: 30,
      maxBytesPerPartition: 34,
      minBytes: 35,
      maxBytes: 36,
      maxWaitTimeInMs: 37,
      retry: { retries: 9, restartOnFailure: async () => true },
      allowAutoTopicCreation: false,
      maxInFlightRequests: 38,
      readUncommitted: true,
      rackId: 'r',
    },
    admin: { retry: { factor: 0.5 } },
  }
  const uncompared = new Set(['cluster', 'logger', 'instrumentationEmitter', 'offsets'])

  /** All that kafkajs passes on is there, and the same. Ours has more: defaults are filled in. */
  const assertCovers = (mine, theirs, where) => {
    for (const [name, value] of Object.entries(theirs)) {
      if (uncompared.has(name) || value === undefined) continue
      if (name === 'retry') assertCovers(mine.retry, value, `${where}.retry`)
      else assert.deepEqual(mine[name], value, `${where}.${name}`)
    }
  }

  for (const [kind, full] of Object.entries(own)) {
    for (const [title, options] of [
      ['all options', full],
      ['no options', kind === 'consumer' ? { groupId: 'g' } : undefined],
    ]) {
      test(`${kind}, ${title}`, async () => {
        const [theirs, mine] = [await load('kafkajs'), await load('ours')]
        for (const { Client } of [theirs, mine]) new Client(shared)[kind](options)
        assertCovers(mine.given[kind][0], theirs.given[kind][0], kind)
        assertCovers(mine.given.cluster[0], theirs.given.cluster[0], 'cluster')
      })
    }
  }

  test('an admin has no metadata to rely on', async () => {
    const { Client, given } = await load('ours')
    new Client({}).admin()
    assert.equal(given.cluster[0].metadataMaxAge, 0)
    assert.equal(given.cluster[0].allowAutoTopicCreation, false)
  })

  test("the user's sasl object is passed on, and nothing a program prints shows it", async () => {
    const { Client, given } = await load('ours')
    const sasl = Object.freeze({ mechanism: 'plain', username: 'u', password: 'hunter2' })
    const kafka = new Client({ brokers: [], sasl })
    kafka.admin()
    assert.equal(given.cluster[0].sasl, sasl)
    const printed = require('node:util').inspect(kafka, { depth: Infinity, showHidden: true })
    assert.equal(printed.includes('hunter2'), false)
  })
})

describe('an idempotent producer with limited retries', () => {
  const warned = (Client, options, retry) => {
    const { entries, logCreator } = recordingCreator()
    new Client({ brokers: [], logCreator, retry }).producer({
      createPartitioner: () => () => 0,
      ...options,
    })
    return entries.map(({ namespace, label, log }) => [namespace, label, log.message])
  }
  const cases = [
    [{ idempotent: true }],
    [{ idempotent: true, retry: { retries: 3 } }],
    [{ idempotent: true }, { retries: 3 }],
    [{ idempotent: true, retry: { retries: Number.MAX_SAFE_INTEGER } }],
    [{ retry: { retries: 3 } }],
  ]
  cases.forEach((args, index) => {
    test(`is warned about as by kafkajs (${index})`, async () => {
      const { Client } = await load('ours')
      assert.deepEqual(warned(Client, ...args), warned(kafkajs.Kafka, ...args))
    })
  })
})
