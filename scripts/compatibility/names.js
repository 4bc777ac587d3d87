'use strict'

/**
 * What there is to compare: options, methods, events, errors and exports, as kafkajs' declarations and module and our
 * own name them.
 */

const path = require('node:path')
const ts = require('typescript')

const ROOT = path.join(__dirname, '../..')
const OURS = path.join(ROOT, 'index.d.ts')
const THEIRS = require.resolve('kafkajs/types/index.d.ts')

/** Types whose properties are options, each with the call that takes them and the folders of its tests. */
const OPTIONS = [
  ['new Kafka', 'KafkaConfig', ['contract', 'security', 'network']],
  ['socketFactory', 'ISocketFactoryArgs', ['network']],
  ['sasl', 'SASLOptions', ['security']],
  ['retry', 'RetryOptions', ['contract', 'producer', 'consumer']],
  ['kafka.producer', 'ProducerConfig', ['producer', 'contract']],
  ['producer.send', 'ProducerRecord', ['contract', 'producer']],
  ['producer.sendBatch', 'ProducerBatch', ['contract', 'producer']],
  ['a message', 'Message', ['contract', 'producer']],
  ['a partitioner', 'PartitionerArgs', ['producer', 'contract']],
  ['kafka.consumer', 'ConsumerConfig', ['consumer', 'contract', 'group']],
  ['consumer.subscribe', 'ConsumerSubscribeTopics', ['contract', 'consumer']],
  ['consumer.run', 'ConsumerRunConfig', ['contract', 'consumer']],
  ['kafka.admin', 'AdminConfig', ['admin', 'contract']],
]

/** Types whose properties are methods or fields that programs use. */
const METHODS = [
  ['kafka', 'Kafka', ['.', 'contract']],
  ['producer', 'Producer', ['contract', 'producer']],
  ['transaction', 'Transaction', ['producer']],
  ['consumer', 'Consumer', ['contract', 'consumer']],
  ['eachMessage', 'EachMessagePayload', ['contract', 'consumer']],
  ['eachBatch', 'EachBatchPayload', ['contract', 'consumer']],
  ['batch', 'Batch', ['consumer', 'contract']],
  ['message', 'KafkaMessage', ['contract', 'consumer']],
  ['admin', 'Admin', ['admin', 'contract']],
  ['logger', 'Logger', ['.', 'contract']],
  ['an assigner', 'Assigner', ['group', 'contract']],
  ['cluster', 'Cluster', ['contract', 'group', 'consumer']],
]

/**
 * @typedef {object} Entry
 * @property {'option' | 'method' | 'event' | 'error' | 'export'} kind
 * @property {string} owner what it belongs to
 * @property {string} name
 * @property {boolean} theirs whether kafkajs has it
 * @property {boolean} ours
 * @property {string[]} folders of `__test__` whose tests are looked at first
 */

/** @returns {(typeName: string) => string[] | null} names of the properties of a declared type; null: no such type */
const reader = (program, file) => {
  const checker = program.getTypeChecker()
  const module = checker.getSymbolAtLocation(program.getSourceFile(file))
  const types = new Map(checker.getExportsOfModule(module).map(symbol => [symbol.name, symbol]))
  const properties = type =>
    (type.isUnion() ? type.types : [type]).flatMap(part =>
      part.getProperties().map(property => property)
    )
  const declared = name => types.has(name) && checker.getDeclaredTypeOfSymbol(types.get(name))
  return {
    names: name => {
      const type = declared(name)
      return type ? [...new Set(properties(type).map(property => property.name))] : []
    },
    /** Options of each method's first argument: `[method, option]`. */
    argumentsOf: name =>
      properties(declared(name)).flatMap(method => {
        const source = program.getSourceFile(file)
        const [call] = checker.getTypeOfSymbolAtLocation(method, source).getCallSignatures()
        const argument = call?.getParameters()[0]
        if (!argument || method.name === 'on') return []
        const type = checker.getNonNullableType(checker.getTypeOfSymbolAtLocation(argument, source))
        const isObject = type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)
        if (!isObject || checker.isArrayType(type)) return []
        return properties(type).map(option => [method.name, option.name])
      }),
  }
}

/** Rows of one kind: kafkajs' names first, in their order, then ours alone. */
const merged = (kind, owner, theirs, ours, folders) =>
  [...new Set([...theirs, ...ours])].map(name => ({
    kind,
    owner,
    name,
    theirs: theirs.includes(name),
    ours: ours.includes(name),
    folders,
  }))

const grouped = pairs => Map.groupBy?.(pairs, ([method]) => method) ?? groupByHand(pairs)
const groupByHand = pairs => {
  const groups = new Map()
  for (const pair of pairs) groups.set(pair[0], [...(groups.get(pair[0]) ?? []), pair])
  return groups
}
const optionsOf = (groups, method) => (groups.get(method) ?? []).map(([, option]) => option)

/** Options of the admin's methods, which have no type of their own. */
const adminOptions = (theirs, ours) => {
  const [a, b] = [theirs, ours].map(side => grouped(side.argumentsOf('Admin')))
  return [...new Set([...a.keys(), ...b.keys()])].flatMap(method =>
    merged('option', `admin.${method}`, optionsOf(a, method), optionsOf(b, method), ['admin'])
  )
}

const events = (theirs, ours) =>
  ['consumer', 'producer', 'admin'].flatMap(client => {
    const [a, b] = [theirs, ours].map(library => {
      const kafka = new library.Kafka({ brokers: [], logLevel: 0, logCreator: () => () => {} })
      return Object.values(kafka[client]({ groupId: 'g' }).events)
    })
    return merged('event', client, a, b, ['.', 'contract', client])
  })

const isError = name => name.startsWith('KafkaJS')

/** @returns {Entry[]} */
function allEntries() {
  const options = { strict: true, noEmit: true, skipLibCheck: true, types: ['node'] }
  const program = ts.createProgram([THEIRS, OURS], options)
  const theirs = reader(program, THEIRS)
  const ours = reader(program, OURS)
  const [theirModule, ourModule] = [require('kafkajs'), require(ROOT)]
  const [theirNames, ourNames] = [theirModule, ourModule].map(Object.keys)
  const compare =
    kind =>
    ([owner, type, folders]) =>
      merged(kind, owner, theirs.names(type), ours.names(type), folders)
  return [
    ...OPTIONS.flatMap(compare('option')),
    ...adminOptions(theirs, ours),
    ...METHODS.flatMap(compare('method')),
    ...events(theirModule, ourModule),
    ...merged('error', 'errors', theirNames.filter(isError), ourNames.filter(isError), [
      '.',
      'contract',
    ]),
    ...merged(
      'export',
      'exports',
      theirNames.filter(name => !isError(name)),
      ourNames.filter(name => !isError(name)),
      ['.', 'contract']
    ),
  ]
}

module.exports = { allEntries }
