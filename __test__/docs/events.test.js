'use strict'

/** docs/events.md lists each event, with each field of its payload, and only log messages that there are. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { before, describe, test } = require('node:test')

const { adminEvents, consumerEvents, producerEvents } = require('../../src/events')
const { logLevel } = require('../..')
const { compile, exportsOf } = require('../types/compiler')
const { ROOT, readPage, sectionOf, slug } = require('./page')

const { program } = compile({
  'ours.ts': "import * as ours from 'kafkajs-rs'\nexport { ours }\n",
})
const checker = program.getTypeChecker()
const types = new Map(
  exportsOf(program, path.join(ROOT, 'index.d.ts')).map(symbol => [symbol.name, symbol])
)

/** Type of the event, by the section that tells its payload. */
const PAYLOADS = {
  'consumer.heartbeat': 'ConsumerHeartbeatEvent',
  'consumer.commit_offsets': 'ConsumerCommitOffsetsEvent',
  'consumer.group_join': 'ConsumerGroupJoinEvent',
  'consumer.fetch_start': 'ConsumerFetchStartEvent',
  'consumer.fetch': 'ConsumerFetchEvent',
  'consumer.start_batch_process': 'ConsumerStartBatchProcessEvent',
  'consumer.end_batch_process': 'ConsumerEndBatchProcessEvent',
  'consumer.crash': 'ConsumerCrashEvent',
  'consumer.rebalancing': 'ConsumerRebalancingEvent',
  'consumer.received_unsubscribed_topics': 'ConsumerReceivedUnsubcribedTopicsEvent',
  'network.request': 'RequestEvent',
  'network.request_timeout': 'RequestTimeoutEvent',
  'network.request_queue_size': 'RequestQueueSizeEvent',
}

const bare = cell => cell.replaceAll('`', '')

let page
before(async () => {
  page = await readPage('docs/events.md')
})

for (const [heading, events] of [
  ['Consumer', consumerEvents],
  ['Producer', producerEvents],
  ['Admin', adminEvents],
]) {
  test(`${heading}: all events, in the order of the constants`, () => {
    const rows = sectionOf(page, heading).tables[0]
    assert.deepEqual(
      rows.map(([constant, name]) => [bare(constant), bare(name)]),
      Object.entries(events)
    )
    for (const [, name, when, payload] of rows) {
      assert.notEqual(when, '')
      const told = Object.keys(PAYLOADS).find(type => bare(name).endsWith(type))
      const link = told ? new RegExp(`\\(#${slug(told)}\\)$`) : /^none$/
      assert.match(payload, link, name)
    }
  })
}

describe('payloads', () => {
  for (const [name, type] of Object.entries(PAYLOADS)) {
    test(name, () => {
      const event = checker.getDeclaredTypeOfSymbol(types.get(type))
      const payload = checker.getTypeOfSymbol(event.getProperty('payload'))
      const fields = checker.getPropertiesOfType(payload).map(field => field.name)
      const rows = sectionOf(page, `\`${name}\``).tables[0]
      const shared = name === 'consumer.end_batch_process' ? 'consumer.start_batch_process' : null
      const others = shared ? sectionOf(page, `\`${shared}\``).tables[0] : []
      assert.deepEqual([...others, ...rows].map(([field]) => bare(field)).sort(), fields.sort())
      assert.ok(rows.every(cells => cells.length === 3 && cells.every(cell => cell !== '')))
    })
  }
})

for (const [channel, type] of [
  ['kafkajs-rs:producer:send', 'ProducerSendMessage'],
  ['kafkajs-rs:consumer:process', 'ConsumerProcessMessage'],
]) {
  test(`the message of ${channel}`, () => {
    const { tables } = sectionOf(page, 'Diagnostics channels')
    const rows = tables[channel.includes('producer') ? 0 : 1]
    const told = rows.flatMap(([fields]) => fields.split(', ').map(bare))
    const message = checker.getDeclaredTypeOfSymbol(types.get(type))
    assert.deepEqual(
      told.sort(),
      message
        .getProperties()
        .map(field => field.name)
        .sort()
    )
    assert.ok(page.codeSpans.has(channel))
  })
}

test('all levels', () => {
  const rows = sectionOf(page, 'Levels').tables[0]
  assert.deepEqual(
    rows.map(([level, number]) => [bare(level), Number(number)]),
    Object.entries(logLevel)
  )
})

test('the messages are in the code', () => {
  const source = fs
    .readdirSync(path.join(ROOT, 'src'), { recursive: true })
    .filter(name => /\.(js|rs)$/.test(name))
    .map(name => fs.readFileSync(path.join(ROOT, 'src', name), 'utf8'))
    .join('\n')
  const rows = sectionOf(page, 'Namespaces and messages').tables[0]
  assert.ok(rows.length > 20)
  const missing = rows.filter(([namespace, , message]) => {
    const parts = bare(message).split('...').filter(Boolean)
    return (
      !parts.every(part => source.includes(part)) ||
      (namespace.startsWith('`') && !new RegExp(`['"]${bare(namespace)}['"]`).test(source))
    )
  })
  assert.deepEqual(missing, [])
})
