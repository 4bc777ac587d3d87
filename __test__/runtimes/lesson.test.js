'use strict'

/** The lesson, as a user would run it, on Bun and on Deno. Its topics have fixed names, so it gets a Kafka of its own. */

const assert = require('node:assert/strict')
const path = require('node:path')
const { after, before, test } = require('node:test')
const { startSingle, waitFor, withAdmin } = require('../harness')
const { bun, deno, run, start } = require('./runtimes')

const LESSON = path.join(__dirname, '../../examples/lesson')
const TOUR = path.join(LESSON, 'tour.js')
const GRACEFUL_SHUTDOWN = path.join(LESSON, '5-graceful-shutdown.js')

/** Deno tells a parent that a child it sent SIGTERM was ended by it, even if the child exits with a code of its own. */
const DENO_MISREPORTS =
  "The tour stopped: the program ended by itself with exit code 0: expected 0, but got 'SIGTERM'"

let cluster
before(
  async () => {
    cluster = await startSingle()
  },
  { timeout: 90_000 }
)
after(() => cluster?.stop())

const environment = () => ({ KAFKA_BROKERS: cluster.brokers.join(','), KAFKA_CLIENT: 'kafkajs-rs' })

/** Whether the lesson's consumer is there: before that, a signal finds nothing to shut down. */
const hasMember = () =>
  withAdmin(cluster.brokers, async admin => {
    const { groups } = await admin.describeGroups(['order-processors'])
    return groups[0].state === 'Stable' && groups[0].members.length === 1
  })

const OPTIONS = { timeout: 100_000 }

test('Bun: every check of the tour', { ...OPTIONS, skip: bun.skip }, async () => {
  const { code, stdout, stderr } = await run(bun, TOUR, { env: environment() })
  assert.equal(code, 0, stdout + stderr)
  assert.match(stdout, /\n📝 \d+ checks passed/)
})

test('Deno: every check of the tour that Deno itself can make', {
  ...OPTIONS,
  skip: deno.skip,
}, async () => {
  const { code, stdout, stderr } = await run(deno, TOUR, { env: environment() })
  const checks = stdout.split('\n').filter(line => line.startsWith('  ok  '))
  assert.ok(checks.length >= 27, stdout + stderr)
  if (code !== 0) assert.equal(stderr.trim(), DENO_MISREPORTS)
})

for (const runtime of [bun, deno]) {
  const { name, skip } = runtime
  test(`${name}: SIGTERM ends the lesson's program with code 0`, { ...OPTIONS, skip }, async () => {
    const { child, ended, printed } = await start(runtime, GRACEFUL_SHUTDOWN, {
      env: environment(),
    })
    await waitFor(hasMember, { message: 'the member of the group', deadline: 30_000 })
    child.kill('SIGTERM')
    const { code, signal } = await ended
    assert.deepEqual({ code, signal }, { code: 0, signal: null }, printed.stderr)
    assert.match(printed.stdout, /Signal SIGTERM received, shutting down/)
  })
}
