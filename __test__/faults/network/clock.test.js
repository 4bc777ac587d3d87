'use strict'

/**
 * A clock that jumps: what waits, or is timed out, does so by a clock that does not. Once JavaScript's clock jumps, and
 * once, where libfaketime is installed, that of the whole process, the core's included.
 */

const assert = require('node:assert/strict')
const { spawn } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const {
  createTopic,
  startSingle,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
} = require('../../harness')
const { readTopic } = require('../../producer/readTopic')

const DEADLINE_MS = 60_000
/** Handled before, and after each jump. */
const SOME = 50
/** Between the timestamps of messages, if the clock has jumped as it was told to. */
const LEAST_SPREAD_MS = 7_000_000
const LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1'

/** Runs the program; `during` is given a function that waits until so many more numbers are handled. */
async function run(t, { options = [], env = {} }, during) {
  const single = await startSingle()
  t.after(() => single.stop())
  const topic = await createTopic(uniqueTopic(), { on: single.brokers })
  const program = [path.join(__dirname, 'numbers.js'), single.brokers[0], topic, uniqueGroup()]
  const child = spawn(process.execPath, [...options, ...program], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    env: { ...process.env, ...env },
  })
  t.after(() => child.kill('SIGKILL'))
  const said = { handled: 0 }
  child.on('message', news => Object.assign(said, news))
  const more = async when => {
    const goal = said.handled + SOME
    await waitFor(() => said.handled >= goal, {
      deadline: DEADLINE_MS,
      message: `numbers to be handled ${when}`,
    })
  }
  await more('at first')
  await during(more)
  const exit = once(child, 'exit')
  child.send('end')
  const [code] = await within(DEADLINE_MS, exit, 'the end of the program')
  t.diagnostic(`${said.sent} sent`)
  assert.deepEqual(
    { code, joins: said.joins, crashes: said.crashes },
    { code: 0, joins: 1, crashes: 0 }
  )
  const stored = await readTopic(single.brokers, topic)
  const times = stored.map(({ timestamp }) => Number(timestamp))
  const spread = Math.max(...times) - Math.min(...times)
  assert.ok(spread > LEAST_SPREAD_MS, `the clock has jumped by ${spread} ms only`)
  assert.deepEqual(
    stored.map(({ value }) => Number(value)),
    Array.from({ length: said.sent }, (_, number) => number)
  )
}

test('Date.now jumps an hour forwards and back', { timeout: 150_000 }, async t => {
  const options = ['--require', path.join(__dirname, 'jumping.js')]
  await run(t, { options }, async more => {
    for (let round = 0; round < 20; round++) await more('while the clock jumps')
  })
})

test('the clock of the machine jumps an hour forwards and back', { timeout: 150_000 }, async t => {
  if (!fs.existsSync(LIBRARY)) {
    t.skip(`libfaketime is not installed (${LIBRARY})`)
    return
  }
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-clock-'))
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  const file = path.join(directory, 'time')
  fs.writeFileSync(file, '+0\n')
  const env = {
    LD_PRELOAD: LIBRARY,
    FAKETIME_TIMESTAMP_FILE: file,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  }
  await run(t, { env }, async more => {
    for (const offset of ['+3590', '-3590', '+0', '-86400', '+3590']) {
      fs.writeFileSync(file, `${offset}\n`)
      await more(`at ${offset} s`)
    }
  })
})
