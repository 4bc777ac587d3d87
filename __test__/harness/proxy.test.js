'use strict'

const assert = require('node:assert/strict')
const net = require('node:net')
const test = require('node:test')
const { once } = require('node:events')
const { startProxied, startProxy, waitFor, withAdmin } = require('./index')

/** A server that sends back what it gets, and a client of it through a proxy. */
async function scene(t) {
  const echo = net.createServer(socket => {
    socket.on('error', () => socket.destroy())
    socket.on('data', chunk => socket.write(chunk))
    socket.on('end', () => socket.end())
  })
  echo.listen({ host: '127.0.0.1', port: 0 })
  await once(echo, 'listening')
  const proxy = await startProxy({ port: echo.address().port })
  t.after(async () => {
    await proxy.close()
    echo.close()
  })
  return { proxy, client: await connect(proxy) }
}

async function connect(proxy) {
  const socket = net.connect({ host: '127.0.0.1', port: proxy.port, noDelay: true })
  const client = { socket, chunks: [], error: undefined, closed: false }
  client.text = () => Buffer.concat(client.chunks).toString()
  socket.on('data', chunk => client.chunks.push(chunk))
  socket.on('error', error => {
    client.error = error
  })
  socket.on('close', () => {
    client.closed = true
  })
  await once(socket, 'connect')
  return client
}

async function echoes(client, text) {
  client.chunks = []
  client.socket.write(text)
  await waitFor(() => client.text() === text, { message: `the echo of ${text.length} bytes` })
}

test('passes what it gets, and the end of it', async t => {
  const { proxy, client } = await scene(t)
  await echoes(client, 'hello')
  await echoes(client, 'x'.repeat(3_000_000))
  client.socket.end()
  await waitFor(() => client.closed)
  await waitFor(() => proxy.connections.size === 0)
  assert.equal(client.error, undefined)
})

test('cut resets the connection and takes new ones', async t => {
  const { proxy, client } = await scene(t)
  await echoes(client, 'hello')
  proxy.cut()
  await waitFor(() => client.closed)
  assert.equal(client.error.code, 'ECONNRESET')
  await echoes(await connect(proxy), 'again')
  assert.equal(proxy.accepted, 2)
})

test('refuse takes no new connection until it listens again, on the same port', async t => {
  const { proxy } = await scene(t)
  await proxy.refuse()
  await assert.rejects(connect(proxy), { code: 'ECONNREFUSED' })
  await proxy.listen()
  await echoes(await connect(proxy), 'back')
})

test('cutAfter ends a connection in the middle of an answer', async t => {
  const { proxy, client } = await scene(t)
  await echoes(client, 'hello')
  client.chunks = []
  proxy.cutAfter(3)
  client.socket.write('hello')
  await waitFor(() => client.closed)
  assert.ok('hel'.startsWith(client.text()), `got ${client.text()}`)
})

test('halfOpen holds everything back, and pass delivers it', async t => {
  const { proxy, client } = await scene(t)
  proxy.halfOpen()
  client.socket.write('held')
  const other = await connect(proxy)
  other.socket.end('also held')
  await waitFor(() => proxy.connections.size === 2)
  await assert.rejects(waitFor(() => client.text() !== '' || other.closed, { deadline: 100 }))
  proxy.pass()
  await waitFor(() => client.text() === 'held')
  await waitFor(() => other.text() === 'also held' && other.closed)
})

test('halfOpen of one direction lets the other pass', async t => {
  const { proxy, client } = await scene(t)
  proxy.halfOpen('toClient')
  client.socket.write('held')
  const [, toClient] = [...proxy.connections][0].flows
  await waitFor(() => toClient.queuedBytes === 4, { message: 'the echo to reach the proxy' })
  assert.equal(client.text(), '')
})

test('delay delivers later, in order', async t => {
  const { proxy, client } = await scene(t)
  proxy.delay(60, 'toServer')
  const start = performance.now()
  client.socket.write('a')
  client.socket.write('b')
  await waitFor(() => client.text() === 'ab')
  assert.ok(performance.now() - start >= 59)
  proxy.delay(60_000)
  client.socket.write('d')
  proxy.pass()
  await waitFor(() => client.text().endsWith('d'))
})

test('limit bounds the rate', async t => {
  const { proxy, client } = await scene(t)
  proxy.limit(100_000, 'toServer')
  const start = performance.now()
  await echoes(client, 'x'.repeat(30_000))
  assert.ok(performance.now() - start >= 190)
})

test('split delivers in pieces', async t => {
  const { proxy, client } = await scene(t)
  proxy.split(3)
  await echoes(client, 'abcdefgh')
  assert.ok(client.chunks.length >= 3, `${client.chunks.length} chunks`)
})

test('clients of a proxied cluster stay behind the proxy', async t => {
  const { cluster, proxies, brokers, stop } = await startProxied()
  t.after(stop)
  const described = await withAdmin(brokers, admin => admin.describeCluster())
  assert.deepEqual(
    described.brokers.map(({ host, port }) => `${host}:${port}`),
    [proxies[0].address]
  )
  const seen = proxies[0].accepted
  assert.ok(seen > 0)
  await withAdmin(cluster.brokers, admin => admin.listTopics())
  assert.equal(proxies[0].accepted, seen)
})
