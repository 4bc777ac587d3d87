'use strict'

/** Contract 6 and 8.3: a refused login, as it is thrown and as it is logged. */

const { apiVersionsBody, contract, response, startPeer, waitFor } = require('../harness')
const { errorOf } = require('./observe')

const SASL_HANDSHAKE = 17
const API_VERSIONS = 18
const SASL_AUTHENTICATE = 36
const UNSUPPORTED_VERSION = 35
const SASL_AUTHENTICATION_FAILED = 58
const VERSIONS = { [SASL_HANDSHAKE]: [1, 1], [API_VERSIONS]: [0, 0], [SASL_AUTHENTICATE]: [0, 0] }
const WORDS_OF_BROKER = 'no entry for this user'

const int16 = value => {
  const bytes = Buffer.alloc(2)
  bytes.writeInt16BE(value)
  return bytes
}
const text = value => Buffer.concat([int16(value.length), Buffer.from(value)])

const answers = {
  [API_VERSIONS]: ({ apiVersion }) =>
    apiVersionsBody(VERSIONS, apiVersion > 0 ? UNSUPPORTED_VERSION : 0),
  [SASL_HANDSHAKE]: () => Buffer.concat([int16(0), Buffer.from([0, 0, 0, 1]), text('PLAIN')]),
  [SASL_AUTHENTICATE]: () =>
    Buffer.concat([int16(SASL_AUTHENTICATION_FAILED), text(WORDS_OF_BROKER), Buffer.alloc(4)]),
}

contract(
  '6 and 8.3 a login that is refused: the broker’s words, by SaslAuthenticator-PLAIN',
  { partitions: 0 },
  async ({ kafka, logs, mask, onEnd, record }) => {
    const peer = await startPeer({
      answer: request => response(request, answers[request.apiKey](request)),
    })
    onEnd(() => peer.close())
    mask(peer.port, '<port>')
    const sasl = { mechanism: 'plain', username: 'somebody', password: 'something' }
    const admin = kafka({ brokers: [peer.address], sasl, retry: { retries: 0 } }).admin()
    const error = await errorOf(() => admin.connect())
    record('error', error)
    record('keys', Object.keys(error))
    const isLogin = ({ namespace }) => namespace?.startsWith('SaslAuthenticator')
    await waitFor(() => logs.some(isLogin))
    record(
      'lines',
      logs.filter(isLogin).map(({ namespace, label, log }) => [namespace, label, log])
    )
  }
)
