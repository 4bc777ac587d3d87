'use strict'

const assert = require('node:assert/strict')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { execFile } = require('node:child_process')
const { once } = require('node:events')
const { freePorts, probe } = require('../../broker')
const { brokers } = require('../harness')

const BROKER = path.join(__dirname, '..', '..', 'broker')

/** A copy of broker/ whose detached clusters are nobody else's; the jars are shared. */
function ownCopy(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-broker-'))
  for (const name of fs.readdirSync(BROKER).filter(entry => entry !== 'local')) {
    fs.copyFileSync(path.join(BROKER, name), path.join(directory, name))
  }
  const local = path.join(BROKER, 'local')
  fs.mkdirSync(path.join(directory, 'local'))
  for (const name of fs.readdirSync(local).filter(entry => /^(kafka-|tls$)/.test(entry))) {
    fs.symlinkSync(path.join(local, name), path.join(directory, 'local', name))
  }
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  return directory
}

/** @returns {Promise<{ code: number, stdout: string, stderr: string }>} */
function command(directory, args, env = {}) {
  const { KAFKA_BROKERS, ...clean } = process.env
  const options = { env: { ...clean, ...env } }
  return new Promise(resolve => {
    execFile(
      process.execPath,
      [path.join(directory, 'cli.js'), ...args],
      options,
      (error, stdout, stderr) => resolve({ code: error?.code ?? 0, stdout, stderr })
    )
  })
}

test('start leaves a node that stays, starting again does nothing, stop removes it', async t => {
  await brokers()
  const directory = ownCopy(t)
  const [port] = await freePorts(1)
  const start = () => command(directory, ['start', '--port', String(port)])
  t.after(() => command(directory, ['stop']))

  // At the same time: one of them starts it, the other waits for it.
  const [one, two] = await Promise.all([start(), start()])
  assert.deepEqual([one.code, two.code], [0, 0], one.stderr + two.stderr)
  assert.deepEqual([one.stdout, two.stdout].map(text => text.split(',')[0]).sort(), [
    'Already running',
    'Started',
  ])
  assert.equal(await probe({ port }), 'kafka')

  const third = await start()
  assert.match(
    third.stdout,
    new RegExp(`^Already running, single:\n  plaintext +127.0.0.1:${port}`)
  )
  const status = await command(directory, ['status'])
  assert.match(status.stdout, /^single:/)
  const other = await command(directory, ['start', 'three', '--port', String(port)])
  assert.equal(other.code, 1)
  assert.match(other.stderr, /is taken by the local cluster "single"/)

  const stopped = await command(directory, ['stop'])
  assert.equal(stopped.stdout, 'Stopped single\n')
  assert.equal(await probe({ port }), 'closed')
  assert.equal((await command(directory, ['stop'])).stdout, 'No local Kafka was running\n')
})

test('start says what holds its port', async t => {
  const directory = ownCopy(t)
  const holder = net.createServer(socket => socket.end('220 smtp\r\n'))
  holder.listen({ host: '127.0.0.1', port: 0 })
  await once(holder, 'listening')
  t.after(() => holder.close())
  const port = String(holder.address().port)
  const { code, stderr } = await command(directory, ['start', '--port', port])
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`^Port ${port} is taken by another program`))

  const kafkaPort = (await brokers())[0].split(':')[1]
  const reused = await command(directory, ['start', '--port', kafkaPort])
  assert.equal(reused.code, 0)
  assert.match(reused.stdout, /was not started here answers at localhost:\d+: nothing to start/)
})

test('start names the programs that are missing and how to get them', async t => {
  const directory = ownCopy(t)
  fs.rmSync(path.join(directory, 'local'), { recursive: true })
  const bare = { PATH: path.join(directory, 'nowhere'), JAVA_HOME: '' }
  const { code, stderr } = await command(directory, ['start', '--port', '20000'], bare)
  assert.equal(code, 1)
  assert.match(stderr, /java >= 17 was not found.*apt-get install -y maven/)
  assert.match(stderr, /mvn >= 3 was not found.*apt-get install -y maven/)

  const old = path.join(directory, 'bin')
  fs.mkdirSync(old)
  fs.writeFileSync(
    path.join(old, 'java'),
    '#!/bin/sh\necho \'openjdk version "1.8.0_402"\' >&2\n',
    {
      mode: 0o755,
    }
  )
  const aged = await command(directory, ['start', '--port', '20000'], { PATH: `${old}:/bin` })
  assert.match(aged.stderr, /java >= 17 is needed, found 8/)
})

test('KAFKA_BROKERS is used in place of a local node, and has to be a list of addresses', async t => {
  const directory = ownCopy(t)
  const addresses = (await brokers()).join(',')
  const used = await command(directory, ['start'], { KAFKA_BROKERS: addresses })
  assert.equal(used.code, 0)
  assert.match(used.stdout, /KAFKA_BROKERS is set/)
  const wrong = await command(directory, ['start'], { KAFKA_BROKERS: 'localhost' })
  assert.equal(wrong.code, 1)
  assert.match(wrong.stderr, /KAFKA_BROKERS must be host:port,host:port,... but has "localhost"/)
})

test('wrong arguments get the usage', async t => {
  const directory = ownCopy(t)
  for (const args of [[], ['start', 'five'], ['stop', 'single'], ['restart']]) {
    const { code, stderr } = await command(directory, args)
    assert.equal(code, 1, args.join(' '))
    assert.match(stderr, /^usage: /)
  }
  const { stderr } = await command(directory, ['start', '--port', 'x'])
  assert.match(stderr, /^--port must be a number from 1024 to 65000, got "x"/)
})
