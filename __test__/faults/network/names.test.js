'use strict'

/**
 * A name that comes to mean another address, as when a broker is started anew elsewhere: the next connection asks for the
 * address again. In a mount namespace of its own a program has its own file of hosts.
 */

const assert = require('node:assert/strict')
const { spawn, spawnSync } = require('node:child_process')
const { once } = require('node:events')
const fs = require('node:fs')
const net = require('node:net')
const os = require('node:os')
const path = require('node:path')
const { test } = require('node:test')
const {
  createTopic,
  freePorts,
  startSingle,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
} = require('../../harness')
const { readTopic } = require('../../producer/readTopic')

const HOST = 'moving.kafka.test'
const DEADLINE_MS = 60_000
/** Messages before the move, and after it. */
const SOME = 50

const hosts = address => `127.0.0.1 localhost\n${address} ${HOST}\n`

/** Shell text that runs the rest of its arguments with a file of hosts in place of the system's. */
const WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'

/** @returns {boolean} whether this machine lets a program have a file of hosts of its own */
function canHaveHosts(file) {
  const script = `const { lookup } = require('node:dns'); lookup('${HOST}', e => process.exit(e ? 1 : 0))`
  const args = ['-rm', 'sh', '-c', WITH_HOSTS, file, process.execPath, '-e', script]
  return process.platform === 'linux' && spawnSync('unshare', args).status === 0
}

/** Takes connections at an address and passes them on. */
async function forward(host, port, target) {
  const sockets = new Set()
  const server = net.createServer(client => {
    const upstream = net.connect(target, '127.0.0.1')
    client.pipe(upstream).pipe(client)
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => [client, upstream].forEach(each => void each.destroy()))
    }
  })
  server.listen(port, host)
  await once(server, 'listening')
  return {
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/** A node that tells clients its name, at a port where nobody listens yet. */
async function startNamed(t) {
  const [port] = await freePorts(1)
  const single = await startSingle({ advertised: [port] })
  t.after(() => single.stop())
  const [node] = single.nodes
  const properties = fs.readFileSync(node.propertiesFile, 'utf8')
  const [, listeners] = /^advertised\.listeners=(.*)$/m.exec(properties)
  const named = listeners.replace(/PROXIED:\/\/[^:]+:/, `PROXIED://${HOST}:`)
  assert.notEqual(named, listeners)
  await single.restart(1, { overrides: { 'advertised.listeners': named } })
  return { single, port }
}

test('a name whose address changes', { timeout: 150_000 }, async t => {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-hosts-'))
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  const file = path.join(directory, 'hosts')
  fs.writeFileSync(file, hosts('127.0.0.1'))
  if (!canHaveHosts(file)) {
    t.skip('this machine does not let a program have a file of hosts of its own (unshare -rm)')
    return
  }

  const { single, port } = await startNamed(t)
  const topic = await createTopic(uniqueTopic(), { on: single.brokers })
  const here = await forward('127.0.0.1', port, single.proxyTargets[0])
  t.after(() => here.close())
  const program = [path.join(__dirname, 'numbers.js'), `${HOST}:${port}`, topic, uniqueGroup()]
  const child = spawn(
    'unshare',
    ['-rm', 'sh', '-c', WITH_HOSTS, file, process.execPath, ...program],
    { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }
  )
  t.after(() => child.kill('SIGKILL'))
  const said = { handled: 0, sent: undefined }
  child.on('message', news => Object.assign(said, news))
  const reaches = count =>
    waitFor(() => said.handled >= count, { deadline: DEADLINE_MS, message: `${count} handled` })
  await reaches(SOME)

  const moved = performance.now()
  await here.close()
  fs.writeFileSync(file, hosts('127.0.0.2'))
  const there = await forward('127.0.0.2', port, single.proxyTargets[0])
  t.after(() => there.close())
  const sofar = said.handled
  await reaches(sofar + SOME)
  t.diagnostic(`${SOME} more handled ${Math.round(performance.now() - moved)} ms after the move`)

  const exit = once(child, 'exit')
  child.send('end')
  const [code] = await within(DEADLINE_MS, exit, 'the end of the program')
  assert.equal(code, 0)
  const stored = await readTopic(single.brokers, topic)
  assert.deepEqual(
    stored.map(({ value }) => Number(value)),
    Array.from({ length: said.sent }, (_, number) => number)
  )
  assert.ok(said.handled >= sofar + SOME)
})
