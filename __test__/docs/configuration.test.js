'use strict'

/** docs/configuration.md has a row for each option there is, and for no other, with the default that the code has. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { before, describe, test } = require('node:test')
const ts = require('typescript')

const { tlsConfig } = require('../../src/network/tls')
const {
  RETRY_DEFAULTS,
  consumerOptions,
  kafkaOptions,
  producerOptions,
} = require('../../src/options')
const { compile, exportsOf } = require('../types/compiler')
const { ROOT, readPage, sectionOf } = require('./page')

const { program } = compile({
  'both.ts':
    "import * as theirs from 'kafkajs'\nimport * as ours from 'kafkajs-rs'\nexport { theirs, ours }\n",
})
const checker = program.getTypeChecker()
const typesOf = file =>
  new Map(
    exportsOf(program, file).map(symbol => [symbol.name, checker.getDeclaredTypeOfSymbol(symbol)])
  )
const OURS = typesOf(path.join(ROOT, 'index.d.ts'))
const THEIRS = typesOf(require.resolve('kafkajs/types/index.d.ts'))

const namesIn = (types, names) =>
  names.flatMap(name =>
    types
      .get(name)
      .getProperties()
      .map(property => property.name)
  )

/** @returns {import('typescript').Type} type of the first argument of a method */
const argumentOf = (types, name, method) => {
  const property = types.get(name).getProperty(method)
  const [signature] = checker.getTypeOfSymbol(property).getCallSignatures()
  const [parameter] = signature.getParameters()
  return parameter && checker.getNonNullableType(checker.getTypeOfSymbol(parameter))
}

/** Heading, the types whose members have to be rows under it, and what the code takes for options that are missing. */
const SECTIONS = [
  ['`new Kafka(options)`', ['KafkaConfig'], () => kafkaOptions({})],
  ['`retry`', ['RetryOptions'], () => RETRY_DEFAULTS],
  ['`socketFactory`', ['ISocketFactoryArgs']],
  ['`kafka.producer(options)`', ['ProducerConfig'], () => producerOptions({})],
  ['`producer.send(record)`', ['ProducerRecord']],
  ['`producer.sendBatch(batch)`', ['ProducerBatch']],
  ['Message', ['Message']],
  [
    '`kafka.consumer(options)`',
    ['ConsumerConfig'],
    () => ({ ...consumerOptions({ groupId: 'g' }), groupId: undefined }),
  ],
  ['`consumer.subscribe(subscription)`', ['ConsumerSubscribeTopics', 'ConsumerSubscribeTopic']],
  ['`consumer.run(config)`', ['ConsumerRunConfig']],
]

const name = cell => /^`([^`]+)`/.exec(cell)?.[1]

let page
before(async () => {
  page = await readPage('docs/configuration.md')
})

for (const [heading, types, defaults] of SECTIONS) {
  describe(heading, () => {
    const rows = () => sectionOf(page, heading).tables[0]

    test('has a row for each option, and no other', () => {
      const declared = new Set(namesIn(OURS, types))
      assert.ok(declared.size > 1)
      assert.deepEqual(
        rows()
          .map(([cell]) => name(cell))
          .sort(),
        [...declared].sort()
      )
    })

    test('tells type, default and meaning of each', () => {
      const empty = rows().filter(cells => cells.length !== 4 || cells.some(cell => cell === ''))
      assert.deepEqual(empty, [])
    })

    test('says of each option whether kafkajs has it', () => {
      const theirs = new Set(namesIn(THEIRS, types))
      for (const [option, , , text] of rows()) {
        assert.equal(text.startsWith('**Ours.**'), !theirs.has(name(option)), option)
      }
    })

    if (!defaults) return
    test('has the defaults of the code', () => {
      const given = defaults()
      const documented = new Map(rows().map(([option, , cell]) => [name(option), cell]))
      let compared = 0
      for (const [option, value] of Object.entries(given)) {
        if (!['number', 'string', 'boolean'].includes(typeof value) && value !== null) continue
        const cell = documented.get(option)
        // What the code makes of options, such as the isolation level.
        if (cell === undefined) continue
        compared++
        const text = typeof value === 'string' ? `'${value}'` : `${value}`
        assert.equal(name(cell), text, option)
      }
      assert.ok(compared >= 5, `${compared} defaults`)
    })
  })
}

test('every option that the code reads is declared', () => {
  const known = (type, options) => {
    const declared = new Set(namesIn(OURS, [type]))
    return Object.keys(options).filter(option => !declared.has(option))
  }
  assert.deepEqual(known('KafkaConfig', kafkaOptions({})), [])
  assert.deepEqual(known('ProducerConfig', producerOptions({})), ['limitsIdempotence'])
  assert.deepEqual(known('ConsumerConfig', consumerOptions({ groupId: 'g' })), ['isolationLevel'])
})

test('the defaults of tests are told', () => {
  const { text } = page
  assert.match(text, /`NODE_ENV=test`.* to 1000, 50, 0\.02, 1\.5 and 15/)
})

test('sendOffsets', () => {
  const declared = checker
    .getPropertiesOfType(argumentOf(OURS, 'Transaction', 'sendOffsets'))
    .map(property => property.name)
  const rows = sectionOf(page, '`transaction.sendOffsets(offsets)`').tables[0]
  assert.deepEqual(rows.map(([cell]) => name(cell)).sort(), declared.sort())
})

test('sasl has a row for each mechanism, with its options', () => {
  const rows = sectionOf(page, '`sasl`').tables[0]
  const mechanisms = OURS.get('SASLMechanismOptionsMap').getProperties()
  for (const mechanism of mechanisms) {
    const row = rows.find(([cell]) => name(cell) === mechanism.name)
    const options = checker.getTypeOfSymbol(mechanism).getProperties()
    const listed = [...row[1].matchAll(/`(\w+)`/g)].map(([, option]) => option)
    assert.deepEqual(listed.sort(), options.map(option => option.name).sort(), mechanism.name)
  }
  assert.equal(rows.length, mechanisms.length + 1, 'and one for all others')
})

test('ssl: what is refused is, and nothing else', () => {
  const { tables } = sectionOf(page, '`ssl`')
  const [, refused] = /Refused by name[^:]*: ([^.]*)\./.exec(page.text)
  const names = [...refused.matchAll(/`(\w+)`/g)].map(([, option]) => option)
  assert.ok(names.length > 8)
  const refusal = option => {
    try {
      tlsConfig({ [option]: {} })
      return null
    } catch (error) {
      return error.message
    }
  }
  for (const option of names) {
    assert.match(refusal(option), new RegExp(`ssl\\.${option} is not supported`))
  }
  for (const [cell] of tables[0]) assert.doesNotMatch(`${refusal(name(cell))}`, /is not supported/)
})

test('admin: each option of each method', () => {
  const rows = sectionOf(page, '`kafka.admin(options)`').tables.flat()
  const has = (...names) => rows.some(([cell]) => names.every(part => cell.includes(part)))
  const missing = []
  for (const { name: method } of OURS.get('Admin').getProperties()) {
    if (['on', 'events', 'logger', 'connect', 'disconnect'].includes(method)) continue
    const type = argumentOf(OURS, 'Admin', method)
    if (!type) continue
    const isObject = type.flags & ts.TypeFlags.Object && !checker.isArrayType(type)
    const options = isObject && method !== 'describeAcls' ? type.getProperties() : []
    if (!has(`\`${method}\``)) missing.push(method)
    for (const option of options) {
      if (!has(`\`${method}\``, `\`${option.name}\``)) missing.push(`${method} ${option.name}`)
    }
  }
  for (const option of namesIn(OURS, ['ITopicConfig'])) {
    if (option !== 'topic' && !has(`\`${option}\``, 'of a topic')) missing.push(option)
  }
  for (const option of namesIn(OURS, ['AdminConfig']))
    if (!has(`\`${option}\``)) missing.push(option)
  assert.deepEqual(missing, [])
})
