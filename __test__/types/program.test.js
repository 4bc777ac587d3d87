'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { describe, test } = require('node:test')
const ts = require('typescript')

const { compile } = require('./compiler')

const PROGRAM = fs.readFileSync(path.join(__dirname, 'program.ts'), 'utf8')

/** Ways of compiling that programs use. */
const SETTINGS = {
  'as Node resolves, libraries checked too': { skipLibCheck: false },
  'commonjs with the old resolution': {
    module: ts.ModuleKind.CommonJS,
    moduleResolution: ts.ModuleResolutionKind.Node10,
    esModuleInterop: true,
  },
  bundler: {
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  },
}

/** What strict programs must not be able to write. */
const REFUSED = {
  'a client without brokers': 'new Kafka({})',
  'brokers that are no list': "new Kafka({ brokers: 'localhost:9092' })",
  'an unknown option': 'new Kafka({ brokers: [], retries: 5 })',
  'a consumer without a group': 'kafka.consumer({})',
  'a SASL mechanism with another one’s options':
    "new Kafka({ brokers: [], sasl: { mechanism: 'aws', username: 'u', password: 'p' } })",
  'a message without value': "kafka.producer().send({ topic: 't', messages: [{ key: 'k' }] })",
  'a number as value': "kafka.producer().send({ topic: 't', messages: [{ value: 1 }] })",
  'a number as offset':
    "kafka.consumer({ groupId: 'g' }).seek({ topic: 't', partition: 0, offset: 1 })",
  'an event that there is not': "kafka.admin().on('admin.crash', () => {})",
  'a payload field that there is not':
    "kafka.producer().on('producer.network.request', e => e.payload.memberId)",
  'a synchronous assigner':
    "kafka.consumer({ groupId: 'g', partitionAssigners: [() => ({ name: 'a', version: 0, assign: () => [], protocol: () => ({ name: 'a', metadata: Buffer.alloc(0) }) })] })",
}

for (const library of ['kafkajs', 'kafkajs-rs']) {
  const from = text => text.replaceAll("'kafkajs-rs'", `'${library}'`)

  describe(library, () => {
    for (const [title, options] of Object.entries(SETTINGS)) {
      test(`the program compiles: ${title}`, () => {
        assert.deepEqual(compile({ 'program.ts': from(PROGRAM) }, options).errors, [])
      })
    }

    test('a default import gives the module', () => {
      const text =
        "import kafkajs from 'kafkajs-rs'\nexport const kafka: kafkajs.Kafka = new kafkajs.Kafka({ brokers: [] })\n"
      const { errors } = compile({ 'default.mts': from(text) })
      assert.deepEqual(errors, [])
    })

    test('what is wrong does not compile', () => {
      const head = "import { Kafka } from 'kafkajs-rs'\nconst kafka = new Kafka({ brokers: [] })\n"
      const text =
        head +
        Object.values(REFUSED)
          .map(line => `void (${line})`)
          .join('\n')
      const { errors } = compile({ 'refused.ts': from(text) })
      const lines = new Set(errors.map(error => Number(/refused\.ts:(\d+):/.exec(error)[1])))
      const accepted = Object.keys(REFUSED).filter((_, index) => !lines.has(index + 3))
      assert.deepEqual(accepted, [])
    })
  })
}

test('the options that only kafkajs-rs has are typed', () => {
  const text = `
    import { Kafka, KafkaJSProtocolError, KafkaJSConnectionClosedError, PartitionAssigners } from 'kafkajs-rs'
    const kafka = new Kafka({ brokers: [] })
    kafka.producer({ linger: 5, batchSize: 1000, maxBufferedBytes: 1000 })
    kafka.consumer({ groupId: 'g', maxPollInterval: 1000, maxBufferedBytes: 1000, partitionAssigners: [PartitionAssigners.range] })
    export const told = (e: Error) =>
      e instanceof KafkaJSProtocolError ? e.brokerMessage : e instanceof KafkaJSConnectionClosedError ? e.host : e.name
  `
  assert.deepEqual(compile({ 'ours.ts': text }).errors, [])
  assert.notDeepEqual(compile({ 'ours.ts': text.replaceAll('kafkajs-rs', 'kafkajs') }).errors, [])
})
