'use strict'

const assert = require('node:assert/strict')
const test = require('node:test')
const kafkajs = require('kafkajs')
const { probe } = require('../../broker')
const { apiVersionsBody, response, startPeer } = require('./index')

async function peer(t, script) {
  const started = await startPeer(script)
  t.after(() => started.close())
  return started
}

test('answers a request with the bytes of the script', async t => {
  const body = apiVersionsBody({ 3: [0, 12], 18: [0, 4] })
  const { port, requests } = await peer(t, { answer: request => response(request, body) })
  assert.equal(await probe({ port }), 'kafka')
  assert.deepEqual(
    requests.map(({ apiKey, apiVersion }) => [apiKey, apiVersion]),
    [[18, 0]]
  )
})

test('writes the parts of a list one after the other', async t => {
  const body = apiVersionsBody({ 18: [0, 4] })
  const { port } = await peer(t, {
    answer: request => {
      const whole = response(request, body)
      return [whole.subarray(0, 2), whole.subarray(2, 9), whole.subarray(9)]
    },
  })
  assert.equal(await probe({ port }), 'kafka')
})

test('can be no Kafka: garbage, silence, an end', async t => {
  const garbage = await peer(t, { answer: () => Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n') })
  const silence = await peer(t)
  const end = await peer(t, { answer: () => 'hang up' })
  const early = await peer(t, { connected: socket => socket.end('220 smtp\r\n') })
  for (const { port } of [garbage, silence, end, early]) {
    assert.equal(await probe({ port, timeout: 300 }), 'other')
  }
})

test('kafkajs sees an answer with an error code as that error', async t => {
  const body = apiVersionsBody({}, 41)
  const { address, requests } = await peer(t, { answer: request => response(request, body) })
  const kafka = new kafkajs.Kafka({ brokers: [address], logLevel: 0, retry: { retries: 0 } })
  await assert.rejects(kafka.admin().connect(), { name: 'KafkaJSNumberOfRetriesExceeded' })
  assert.ok(requests.length > 0)
})
