'use strict'

/** The programs in examples/ do what they say, and end by themselves. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { execFile } = require('node:child_process')
const { test } = require('node:test')
const { brokers, createTopic, uniqueTopic, withAdmin } = require('../harness')
const { readTopic } = require('../producer/readTopic')
const { secured } = require('../security/secured')

const EXAMPLES = path.join(__dirname, '../../examples')
const DEADLINE_MS = 60_000

/** @returns {Promise<{ code: number, lines: string[], errors: string }>} */
async function runExample(name, args = [], env = {}) {
  const options = {
    env: {
      ...process.env,
      KAFKA_BROKERS: (await brokers()).join(','),
      KAFKAJS_NO_PARTITIONER_WARNING: '1',
      ...env,
    },
    timeout: DEADLINE_MS,
  }
  return new Promise(resolve => {
    execFile(process.execPath, [path.join(EXAMPLES, name), ...args], options, (error, out, err) =>
      resolve({ code: error ? error.code : 0, lines: out.trim().split('\n'), errors: err })
    )
  })
}

test('batches.js', async () => {
  const topic = await createTopic(uniqueTopic(), { partitions: 3 })
  const { code, lines, errors } = await runExample('batches.js', [topic])
  assert.equal(errors, '')
  assert.equal(code, 0)
  assert.deepEqual(lines, ['1000 rows, the last one of sensor-3 is 993'])
})

test('batches.js has committed what it resolved, and lag.js says so', async () => {
  const topic = await createTopic(uniqueTopic(), { partitions: 3 })
  await runExample('batches.js', [topic])
  const groupId = await withAdmin(await brokers(), async admin => {
    const { groups } = await admin.listGroups()
    return groups.map(group => group.groupId).find(id => id.startsWith(topic))
  })
  const { code, lines, errors } = await runExample('lag.js', [groupId])
  assert.equal(errors, '')
  assert.equal(code, 0)
  assert.equal(lines[0], `${groupId}: Empty, 0 members`)
  const behind = lines.slice(1).map(line => / is (\d+) behind$/.exec(line)[1])
  assert.ok(behind.length > 0 && behind.every(offsets => offsets === '0'), lines.join('\n'))
})

test('metrics.js', async () => {
  const topic = await createTopic(uniqueTopic())
  const { code, lines, errors } = await runExample('metrics.js', [topic])
  assert.equal(errors, '')
  assert.equal(code, 0)
  for (const api of ['Produce', 'JoinGroup', 'Fetch', 'OffsetCommit']) {
    assert.ok(
      lines.some(line => new RegExp(`^${api}: [1-9]\\d* requests`).test(line)),
      api
    )
  }
  assert.ok(lines.includes(`${topic}/0: 0 behind`), lines.join('\n'))
  assert.equal(lines.at(-1), '1 joins, 0 crashes')
})

test('read-process-write.js', async () => {
  const prefix = uniqueTopic()
  const { code, lines, errors } = await runExample('read-process-write.js', [prefix])
  assert.equal(code, 0, errors)
  assert.equal(errors.match(/a power cut, say/g)?.length, 1, errors)
  assert.deepEqual(lines, [
    '300 orders processed, 1 transaction aborted and repeated',
    'ada: 14850',
    'bob: 14950',
    'cyd: 15050',
  ])
  // Readers of everything also see what was aborted.
  const all = await readTopic(await brokers(), `${prefix}-totals`, { readUncommitted: true })
  const committed = await readTopic(await brokers(), `${prefix}-totals`)
  assert.ok(all.length > committed.length, `${all.length} and ${committed.length}`)
})

test('secure.js', async () => {
  const { listeners, tls } = await secured()
  const env = {
    KAFKA_BROKERS: listeners.saslSsl.join(','),
    KAFKA_CA: path.join(tls.directory, 'ca.pem'),
    KAFKA_USER: 'alice',
  }
  const right = await runExample('secure.js', [], { ...env, KAFKA_PASSWORD: 'alice-secret' })
  assert.deepEqual(
    [right.code, right.errors, right.lines],
    [0, '', [`alice is in: ${listeners.saslSsl}`]]
  )
  const wrong = await runExample('secure.js', [], { ...env, KAFKA_PASSWORD: 'guessed' })
  assert.equal(wrong.code, 2)
  assert.match(wrong.lines[0], /^Not let in: SASL SCRAM SHA512 authentication failed: /)
  assert.ok(!wrong.lines.join().includes('guessed'))
})
