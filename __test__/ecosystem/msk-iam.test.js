'use strict'

/** Amazon MSK with IAM, both ways to sign in, with made-up credentials and a peer in the place of the broker. */

const assert = require('node:assert/strict')
const { test } = require('node:test')
const msk = require('@jm18457/kafkajs-msk-iam-authentication-mechanism')
const signer = require('aws-msk-iam-sasl-signer-js')
const kafkajs = require('kafkajs')
const { apiVersionsBody, response, startPeer } = require('../harness')
const { API, bodyOf, int16, int32, string } = require('../harness/wire')

const OPTIONS = { timeout: 30_000 }
const { METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE } = API
const UNSUPPORTED_VERSION = 35
const VERSIONS = {
  [METADATA]: [0, 6],
  [SASL_HANDSHAKE]: [0, 1],
  [API_VERSIONS]: [0, 2],
  [SASL_AUTHENTICATE]: [0, 1],
}

/** A broker that takes whatever it is given, and keeps it. */
async function startBroker(t, mechanism, answerBytes) {
  const authentications = []
  const bodies = {
    [API_VERSIONS]: ({ apiVersion }) => {
      const isKnown = apiVersion <= 2
      const body = apiVersionsBody(VERSIONS, isKnown ? 0 : UNSUPPORTED_VERSION)
      return isKnown && apiVersion > 0 ? Buffer.concat([body, int32(0)]) : body
    },
    [SASL_HANDSHAKE]: () => Buffer.concat([int16(0), int32(1), string(mechanism)]),
    [SASL_AUTHENTICATE]: request => {
      const body = bodyOf(request)
      authentications.push(body.subarray(4, 4 + body.readInt32BE(0)))
      const answer = Buffer.concat([int16(0), int16(-1), int32(answerBytes.length), answerBytes])
      return request.apiVersion === 0 ? answer : Buffer.concat([answer, Buffer.alloc(8)])
    },
    // One broker, itself; no topics.
    [METADATA]: ({ apiVersion }) => {
      const broker = Buffer.concat([int32(1), string('127.0.0.1'), int32(peer.port)])
      return Buffer.concat([
        apiVersion >= 3 ? int32(0) : Buffer.alloc(0),
        int32(1),
        broker,
        apiVersion >= 1 ? int16(-1) : Buffer.alloc(0),
        apiVersion >= 2 ? string('cluster') : Buffer.alloc(0),
        apiVersion >= 1 ? int32(1) : Buffer.alloc(0),
        int32(0),
      ])
    },
  }
  const peer = await startPeer({
    answer: request => {
      const makeBody = bodies[request.apiKey]
      return makeBody ? response(request, makeBody(request)) : 'hang up'
    },
  })
  t.after(() => peer.close())
  return { address: peer.address, authentications }
}

const credentials = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'made-up',
  sessionToken: 'token',
}

test('the MSK IAM mechanism: an authenticationProvider of its own', OPTIONS, async t => {
  const answer = JSON.stringify({ version: '2020_10_22', 'request-id': 'abc' })
  const broker = await startBroker(t, 'AWS_MSK_IAM', Buffer.from(answer))
  const logs = []
  const kafka = new kafkajs.Kafka({
    brokers: [broker.address],
    sasl: msk.createMechanism({ region: 'us-east-1', credentials }, 'AWS_MSK_IAM'),
    logLevel: kafkajs.logLevel.INFO,
    logCreator: () => entry => logs.push(entry),
    retry: { retries: 0 },
  })
  const producer = kafka.producer()
  await producer.connect()
  await producer.disconnect()

  const payload = JSON.parse(broker.authentications[0])
  assert.equal(payload.host, '127.0.0.1')
  assert.equal(payload.action, 'kafka-cluster:Connect')
  assert.equal(payload['x-amz-security-token'], 'token')
  assert.match(payload['x-amz-credential'], /^AKIDEXAMPLE\/\d{8}\/us-east-1\/kafka-cluster\//)
  assert.match(payload['x-amz-signature'], /^[0-9a-f]{64}$/)
  const texts = logs.map(({ log }) => log.message)
  assert.ok(texts.includes('SASL AWS_MSK_IAM authentication successful'), texts.join('\n'))
  const { authenticateResponse } = logs.find(
    ({ log }) => log.message === 'Authentication response'
  ).log
  assert.deepEqual(authenticateResponse, JSON.parse(answer))
})

test('aws-msk-iam-sasl-signer-js: tokens for OAUTHBEARER', OPTIONS, async t => {
  const broker = await startBroker(t, 'OAUTHBEARER', Buffer.alloc(0))
  const kafka = new kafkajs.Kafka({
    brokers: [broker.address],
    sasl: {
      mechanism: 'oauthbearer',
      oauthBearerProvider: async () => {
        const { token } = await signer.generateAuthTokenFromCredentialsProvider({
          region: 'us-east-1',
          awsCredentialsProvider: async () => credentials,
        })
        return { value: token }
      },
    },
    logLevel: kafkajs.logLevel.NOTHING,
    retry: { retries: 0 },
  })
  const producer = kafka.producer()
  await producer.connect()
  await producer.disconnect()

  const [, token] = /auth=Bearer ([\w=-]+)/.exec(String(broker.authentications[0]))
  const url = new URL(Buffer.from(token, 'base64url').toString())
  assert.equal(url.hostname, 'kafka.us-east-1.amazonaws.com')
  assert.equal(url.searchParams.get('Action'), 'kafka-cluster:Connect')
  assert.match(url.searchParams.get('X-Amz-Credential'), /^AKIDEXAMPLE\//)
})
