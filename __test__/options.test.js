'use strict'

const assert = require('node:assert/strict')
const { describe, test } = require('node:test')
const { execFileSync } = require('node:child_process')

const kafkajs = require('kafkajs')
const createConnectionPoolBuilder = require('kafkajs/src/cluster/connectionPoolBuilder')
const options = require('../src/options')

const GROUP = { groupId: 'g' }
const silent = { brokers: [], logLevel: kafkajs.logLevel.NOTHING }

describe('defaults', () => {
  test('of the cluster', () => {
    const { brokers, ...rest } = options.clusterOptions(options.kafkaOptions({ brokers: ['a:1'] }))
    assert.deepEqual(brokers, ['a:1'])
    assert.deepEqual(rest, {
      ssl: undefined,
      sasl: undefined,
      clientId: 'kafkajs',
      connectionTimeout: 1000,
      authenticationTimeout: 10000,
      reauthenticationThreshold: 10000,
      requestTimeout: 30000,
      enforceRequestTimeout: true,
      socketFactory: undefined,
      retry: options.RETRY_DEFAULTS,
    })
  })

  test('of a producer', () => {
    assert.deepEqual(options.producerOptions({}), {
      createPartitioner: undefined,
      retry: options.RETRY_DEFAULTS,
      metadataMaxAge: 300000,
      allowAutoTopicCreation: true,
      idempotent: false,
      transactionalId: undefined,
      transactionTimeout: 60000,
      maxInFlightRequests: null,
      linger: 0,
      batchSize: 1048576,
      maxBufferedBytes: 33554432,
      limitsIdempotence: false,
    })
  })

  test('of a consumer', () => {
    assert.deepEqual(options.consumerOptions(GROUP), {
      groupId: 'g',
      partitionAssigners: undefined,
      metadataMaxAge: 300000,
      sessionTimeout: 30000,
      rebalanceTimeout: 60000,
      heartbeatInterval: 3000,
      maxBytesPerPartition: 1048576,
      minBytes: 1,
      maxBytes: 10485760,
      maxWaitTimeInMs: 5000,
      retry: { ...options.RETRY_DEFAULTS, retries: 5 },
      allowAutoTopicCreation: true,
      maxInFlightRequests: null,
      rackId: '',
      maxPollInterval: 300000,
      maxBufferedBytes: 52428800,
      isolationLevel: 1,
    })
  })

  test('stand for undefined, explicit or not, and for null where a number is wanted', () => {
    const names = Object.keys(options.consumerOptions(GROUP))
    const blank = Object.fromEntries(names.map(name => [name, undefined]))
    assert.deepEqual(
      options.consumerOptions({ ...blank, ...GROUP }),
      options.consumerOptions(GROUP)
    )
    const nothing = {
      maxWaitTimeInMs: null,
      minBytes: null,
      rackId: null,
      maxInFlightRequests: null,
    }
    assert.deepEqual(
      options.consumerOptions({ ...GROUP, ...nothing }),
      options.consumerOptions(GROUP)
    )
  })

  test('survive JSON', () => {
    const endless = {
      maxWaitTimeInMs: Infinity,
      metadataMaxAge: Infinity,
      retry: { retries: Infinity },
    }
    const made = options.consumerOptions({ ...GROUP, ...endless, maxInFlightRequests: Infinity })
    assert.deepEqual(JSON.parse(JSON.stringify(made)), JSON.parse(JSON.stringify(made), refuseNull))
    assert.equal(made.maxWaitTimeInMs, 2 ** 31 - 1)
    assert.equal(made.metadataMaxAge, Number.MAX_SAFE_INTEGER)
    assert.equal(made.retry.retries, Number.MAX_SAFE_INTEGER)
    assert.equal(made.maxInFlightRequests, null)
  })

  test('ignore what nobody knows', () => {
    assert.equal('foreign' in options.consumerOptions({ ...GROUP, foreign: 1 }), false)
    assert.equal('foreign' in options.producerOptions({ foreign: 1 }), false)
    assert.equal('foreign' in options.kafkaOptions({ foreign: 1 }), false)
  })
})

/** JSON turns Infinity and NaN into null; one option is really null. */
const refuseNull = (key, value) => {
  if (value === null) assert.equal(key, 'maxInFlightRequests')
  return value
}

test('options may be inherited', () => {
  class Config {
    get groupId() {
      return 'inherited'
    }
  }
  assert.equal(options.consumerOptions(new Config()).groupId, 'inherited')
})

describe('numbers', () => {
  test('may come as strings, from the environment', () => {
    const { sessionTimeout } = options.consumerOptions({ ...GROUP, sessionTimeout: '45000' })
    assert.equal(sessionTimeout, 45000)
  })

  test('lose their fraction only where an int32 travels', () => {
    const made = options.consumerOptions({ ...GROUP, sessionTimeout: 4000.7, metadataMaxAge: 1.5 })
    assert.equal(made.sessionTimeout, 4000)
    assert.equal(made.metadataMaxAge, 1.5)
  })

  test('below zero are zero', () => {
    assert.equal(options.consumerOptions({ ...GROUP, metadataMaxAge: -1 }).metadataMaxAge, 0)
  })

  test('maxInFlightRequests: null is no limit, 0 and below are refused, a fraction is one more', () => {
    const made = maxInFlightRequests =>
      options.producerOptions({ maxInFlightRequests }).maxInFlightRequests
    for (const [given, expected] of [
      [null, null],
      [undefined, null],
      [Infinity, null],
      ['3', 3],
      [1.5, 2],
      [0.5, 1],
    ]) {
      assert.equal(made(given), expected)
    }
    for (const given of [0, -1, -0.5, false, '0']) {
      assert.throws(() => made(given), {
        name: 'KafkaJSNonRetriableError',
        message: `Invalid maxInFlightRequests, expected a number of requests above 0 received ${given}`,
      })
    }
  })

  const bad = [
    [
      () => options.consumerOptions({ ...GROUP, minBytes: 'x' }),
      'Invalid minBytes, expected a number of bytes received x',
    ],
    [
      () => options.consumerOptions({ ...GROUP, maxWaitTimeInMs: {} }),
      'Invalid maxWaitTimeInMs, expected a number of milliseconds received [object Object]',
    ],
    [
      () => options.consumerOptions({ ...GROUP, sessionTimeout: NaN }),
      'Invalid sessionTimeout, expected a number of milliseconds received NaN',
    ],
    [
      () => options.producerOptions({ linger: '' }),
      'Invalid linger, expected a number of milliseconds received ',
    ],
    [
      () => options.producerOptions({ maxInFlightRequests: 'many' }),
      'Invalid maxInFlightRequests, expected a number of requests received many',
    ],
    [
      () => options.producerOptions({ retry: { retries: 'x' } }),
      'Invalid retry.retries, expected a number received x',
    ],
    [
      () => options.adminOptions({}, { maxRetryTime: 'x' }),
      'Invalid retry.maxRetryTime, expected a number of milliseconds received x',
    ],
    [
      () => options.consumerOptions({ ...GROUP, rackId: 5 }),
      'Invalid rackId, expected a string received 5',
    ],
    [
      () => options.clusterOptions(options.kafkaOptions({ connectionTimeout: 'x' })),
      'Invalid connectionTimeout, expected a number of milliseconds received x',
    ],
    [
      () => options.clusterOptions(options.kafkaOptions({ clientId: 7 })),
      'Invalid clientId, expected a string received 7',
    ],
  ]
  for (const [make, message] of bad) {
    test(`are refused: ${message}`, () => {
      assert.throws(make, { name: 'KafkaJSNonRetriableError', message })
    })
  }
})

describe("kafkajs' words", () => {
  /** What either library throws for the options of `new Kafka` and of one client. */
  const thrown = make => {
    try {
      make()
    } catch ({ name, message, retriable }) {
      return { name, message, retriable }
    }
    return 'nothing'
  }
  const theirs = (client, given, shared = {}) =>
    thrown(() => new kafkajs.Kafka({ ...silent, ...shared })[client](given))
  const mine = (client, given, shared = {}) =>
    thrown(() => {
      const kafka = options.kafkaOptions({ ...silent, ...shared })
      options.clusterOptions(kafka)
      return options[`${client}Options`](given, kafka.retry)
    })

  const cases = [
    ['consumer', {}],
    ['consumer', { groupId: '' }],
    ['consumer', { groupId: null }],
    ['consumer', { ...GROUP, heartbeatInterval: 30000 }],
    ['consumer', { ...GROUP, heartbeatInterval: 3000, sessionTimeout: 3000 }],
    ['consumer', { ...GROUP, sessionTimeout: null }],
    ['consumer', GROUP],
    ['consumer', GROUP, { requestTimeout: null }],
    ['admin', {}, { requestTimeout: '30000' }],
    ['admin', {}],
    ['producer', {}, { requestTimeout: {} }],
    ['producer', { createPartitioner: null }],
    ['producer', { createPartitioner: 'x' }],
    ['producer', { idempotent: true, retry: { retries: 0 } }],
    ['producer', { idempotent: true }, { retry: { retries: 0 } }],
    ['producer', { idempotent: true, retry: { retries: 1 } }, { retry: { retries: 0 } }],
    ['producer', { idempotent: true }],
    ['producer', { retry: { retries: 0 } }],
    ['producer', { retry: null }],
  ]
  cases.forEach(([client, given, shared], index) => {
    test(`${client} ${JSON.stringify(given)} ${JSON.stringify(shared ?? {})} (${index})`, () => {
      assert.deepEqual(mine(client, given, shared), theirs(client, given, shared))
    })
  })

  test('a groupId that is no string is refused too', () => {
    assert.throws(() => options.consumerOptions({ groupId: 5 }), {
      message: 'Consumer groupId must be a non-empty string.',
    })
  })

  test('nothing at all', () => {
    for (const nothing of [undefined, null]) {
      assert.deepEqual(
        thrown(() => options.kafkaOptions(nothing)),
        thrown(() => new kafkajs.Kafka(nothing))
      )
    }
    assert.deepEqual(Object.keys(options.kafkaOptions({}))[0], 'brokers')
    for (const client of ['producer', 'consumer', 'admin']) {
      assert.equal(mine(client, null).name, theirs(client, null).name)
    }
  })

  test('brokers', async () => {
    const lists = [null, undefined, [], ['a:1', ''], [1], ['a:1', null], [['a:1']], ['a:1'], '']
    for (const brokers of lists) {
      const { build } = createConnectionPoolBuilder({ brokers, logger: { namespace: () => ({}) } })
      const expected = await build({}).then(
        () => 'nothing',
        ({ name, message, retriable }) => ({ name, message, retriable })
      )
      assert.deepEqual(
        thrown(() => options.checkBrokers(brokers)),
        expected
      )
    }
  })
})

describe('retry', () => {
  const { mergeRetry, RETRY_DEFAULTS } = options

  test('own settings win over those of the client', () => {
    assert.deepEqual(mergeRetry({ retries: 8, factor: 0 }, { retries: 2 }), {
      ...RETRY_DEFAULTS,
      factor: 0,
      retries: 2,
    })
  })

  test('undefined and null do not hide what is below', () => {
    const merged = mergeRetry({ retries: 8 }, { retries: undefined, maxRetryTime: null })
    assert.deepEqual(merged, { ...RETRY_DEFAULTS, retries: 8 })
    assert.deepEqual(mergeRetry(undefined, null), RETRY_DEFAULTS)
  })

  test("a consumer's default hides the client's retries, its own retry does not", () => {
    const client = { retries: 8, initialRetryTime: 10 }
    assert.equal(options.consumerOptions(GROUP, client).retry.retries, 5)
    assert.equal(options.consumerOptions(GROUP, client).retry.initialRetryTime, 10)
    assert.equal(options.consumerOptions({ ...GROUP, retry: {} }, client).retry.retries, 8)
    assert.equal(options.producerOptions({}, client).retry.retries, 8)
    assert.equal(options.adminOptions({}, client).retry.retries, 8)
  })

  test('connecting goes by the client-level settings alone', () => {
    const kafka = options.kafkaOptions({ retry: { retries: 8 } })
    assert.equal(options.clusterOptions(kafka).retry.retries, 8)
  })

  test('restartOnFailure stays', () => {
    const restartOnFailure = async () => false
    const { retry } = options.consumerOptions({ ...GROUP, retry: { restartOnFailure } })
    assert.equal(retry.restartOnFailure, restartOnFailure)
  })

  test('limitsIdempotence tells a number below for ever, wherever it was given', () => {
    const limits = (own, client) =>
      options.producerOptions({ idempotent: true, ...own }, client).limitsIdempotence
    assert.equal(limits({}), false)
    assert.equal(limits({ retry: { maxRetryTime: 1 } }), false)
    assert.equal(limits({ retry: { retries: Number.MAX_SAFE_INTEGER } }), false)
    assert.equal(limits({ retry: { retries: 3 } }), true)
    assert.equal(limits({}, { retries: 3 }), true)
    assert.equal(limits({ idempotent: false, retry: { retries: 3 } }), false)
  })

  for (const mode of ['test', 'production', '']) {
    test(`defaults under NODE_ENV=${mode} are kafkajs'`, () => {
      const ask = code =>
        JSON.parse(
          execFileSync(process.execPath, ['-p', `JSON.stringify(${code})`], {
            cwd: __dirname,
            env: { ...process.env, NODE_ENV: mode },
          })
        )
      const file = mode === 'test' ? 'defaults.test' : 'defaults'
      assert.deepEqual(
        ask("require('../src/options').RETRY_DEFAULTS"),
        ask(`require('kafkajs/src/retry/${file}')`)
      )
    })
  }
})
