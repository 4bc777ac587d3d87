'use strict'

/**
 * A peer that can be logged in to and asked for metadata, and nothing more. It speaks ApiVersions v0, SaslHandshake,
 * SaslAuthenticate up to v1 and Metadata v6, whose throttle time is the client's to keep (KIP-219).
 */

const { response, startPeer } = require('../harness')
const {
  API,
  answerVersions,
  bodyOf,
  clientIdOf,
  int16,
  int32,
  int64,
  join,
  sized,
  string,
  textAt,
} = require('../harness/wire')

/** What follows the length of a request that has a header. */
const SHORTEST_HEADER = 10

/**
 * @param {object} [script]
 * @param {number} [script.throttle]  ms, in the first answer to Metadata; default 0
 * @param {string[]} [script.mechanisms]  that the handshake names, default PLAIN
 * @param {Record<number, [number, number]>} [script.versions]  instead of the default ones
 * @param {(message: string, index: number) => string | Promise<string> | 'hang up'} [script.authenticate]  the answer to
 *   the client's message, default empty; index: of the message on its connection, from 0
 * @param {() => void | Promise<void>} [script.handshake]  awaited before the handshake is answered
 * @param {number} [script.lifetime]  of a session in ms, default 0: for ever
 * @returns {Promise<import('../harness/peer').Peer & { seen: { apiKey: number, apiVersion: number, clientId: string,
 *   at: number, mechanism?: string }[] }>} seen: requests, but for those of raw authentication
 */
async function startLoginPeer(script = {}) {
  const { mechanisms = ['PLAIN'], throttle = 0, lifetime = 0 } = script
  const { authenticate = () => '', handshake = () => {} } = script
  const { versions = { 3: [6, 6], 17: [0, 1], 18: [0, 0], 36: [0, 1] } } = script
  const seen = []
  const messagesOf = new Map()
  let hasThrottled = false

  const nextMessage = connection => {
    const index = messagesOf.get(connection) ?? 0
    messagesOf.set(connection, index + 1)
    return index
  }

  const answers = {
    [API.API_VERSIONS]: answerVersions(versions),

    [API.SASL_HANDSHAKE]: async () => {
      await handshake()
      return join(int16(0), int32(mechanisms.length), ...mechanisms.map(string))
    },

    [API.SASL_AUTHENTICATE]: async (request, connection) => {
      const message = bodyOf(request).subarray(4).toString()
      const answer = await authenticate(message, nextMessage(connection))
      if (answer === 'hang up') return answer
      const body = [int16(0), int16(-1), sized(Buffer.from(answer))]
      return join(...body, ...(request.apiVersion > 0 ? [int64(lifetime)] : []))
    },

    [API.METADATA]: () => {
      const wait = hasThrottled ? 0 : throttle
      hasThrottled = true
      const node = join(int32(1), string('127.0.0.1'), int32(peer.port), int16(-1))
      return join(int32(wait), int32(1), node, int16(-1), int32(1), int32(0))
    },
  }

  const peer = await startPeer({
    answer: async (request, _index, connection) => {
      const answer = answers[request.apiKey]
      // Raw authentication has no header: the message itself comes, and goes, with its length.
      if (!answer || (request.bytes[0] === 0 && request.bytes.length < SHORTEST_HEADER)) {
        const raw = await authenticate(request.bytes.toString(), nextMessage(connection))
        return raw === 'hang up' ? raw : sized(Buffer.from(raw))
      }
      const { apiKey, apiVersion } = request
      const entry = { apiKey, apiVersion, clientId: clientIdOf(request), at: Date.now() }
      if (apiKey === API.SASL_HANDSHAKE) entry.mechanism = textAt(bodyOf(request), 0)
      seen.push(entry)
      const body = await answer(request, connection)
      return body === 'hang up' ? body : response(request, body)
    },
  })
  return Object.assign(peer, { seen })
}

module.exports = { API, startLoginPeer }
