'use strict'

/**
 * Authentication, as far as it is the user's: credentials out of the `sasl` object, tokens of an
 * `oauthBearerProvider`, and a custom `authenticationProvider`. The core exchanges the messages.
 */

const { invoke } = require('../../binding')
const { KafkaJSNonRetriableError } = require('../../errors')

const LENGTH_SIZE = 4

/** What the core is told when the user's object lacks something: it rejects with a KafkaJSSASLAuthenticationError. */
const refuse = text => ({ refused: text })

const textOrNull = value => (value == null ? null : `${value}`)

const plain = ({ authorizationIdentity, username, password }) =>
  username == null || password == null
    ? refuse('SASL Plain: Invalid username or password')
    : {
        authorizationIdentity: textOrNull(authorizationIdentity),
        username: `${username}`,
        password: `${password}`,
      }

const scram =
  hash =>
  ({ username, password }) =>
    username == null || password == null
      ? refuse(`SASL SCRAM ${hash} authentication: Invalid username or password`)
      : { username: `${username}`, password: `${password}` }

const AWS_REQUIRED = ['authorizationIdentity', 'accessKeyId', 'secretAccessKey']

const aws = sasl => {
  const missing = AWS_REQUIRED.find(name => !sasl[name])
  if (missing) return refuse(`SASL AWS-IAM: Missing ${missing}`)
  const given = AWS_REQUIRED.map(name => [name, `${sasl[name]}`])
  return { ...Object.fromEntries(given), sessionToken: textOrNull(sasl.sessionToken || null) }
}

/** `for in`, as kafkajs lists them: those of a prototype count. */
const extensionsOf = extensions => {
  const list = []
  for (const name in extensions) list.push([name, `${extensions[name]}`])
  return list
}

const oauthBearer = async ({ oauthBearerProvider, authorizationIdentity }) => {
  if (oauthBearerProvider == null) {
    return refuse('SASL OAUTHBEARER: Missing OAuth bearer token provider')
  }
  const token = await oauthBearerProvider()
  if (token.value == null) return refuse('SASL OAUTHBEARER: Invalid OAuth bearer token')
  return {
    authorizationIdentity: textOrNull(authorizationIdentity),
    value: `${token.value}`,
    extensions: extensionsOf(token.extensions),
  }
}

const CREDENTIALS = {
  PLAIN: plain,
  'SCRAM-SHA-256': scram('SHA256'),
  'SCRAM-SHA-512': scram('SHA512'),
  OAUTHBEARER: oauthBearer,
  AWS: aws,
}

/**
 * Providers write a message with its length in front, as the protocol before SaslAuthenticate had it.
 *
 * @param {Buffer} message
 * @returns {Uint8Array} the message alone
 * @throws {KafkaJSNonRetriableError}
 */
const withoutLength = message => {
  const size = message instanceof Uint8Array ? message.byteLength - LENGTH_SIZE : -1
  const view = size < 0 ? null : new DataView(message.buffer, message.byteOffset, LENGTH_SIZE)
  if (view?.getInt32(0) !== size) {
    throw new KafkaJSNonRetriableError(
      "Invalid result of saslAuthenticate's request.encode(), expected a Buffer that begins with the number of its further bytes as int32"
    )
  }
  return message.subarray(LENGTH_SIZE)
}

const withLength = bytes => {
  const message = Buffer.alloc(LENGTH_SIZE + bytes.length)
  message.writeInt32BE(bytes.length)
  bytes.copy(message, LENGTH_SIZE)
  return message
}

/**
 * @param {object} options
 * @param {object} [options.sasl] the user's object; it is read for every authentication and never changed
 * @param {import('../../../index').Logger} options.logger root logger
 * @param {() => object} options.network the client's `NativeNetwork`
 * @returns {{ config: () => object | null, authenticate: (question: object) => Promise<{ value: object | null }> }}
 *   `config()` is what the core has to know beforehand; `authenticate` gives credentials, or null when a provider of
 *   the user has authenticated the connection
 */
module.exports = ({ sasl, logger, network }) => {
  const mechanismName = () => {
    const { mechanism } = sasl
    if (typeof mechanism !== 'string') {
      throw new KafkaJSNonRetriableError(
        `Invalid sasl.mechanism, expected a string received ${typeof mechanism}`
      )
    }
    return mechanism.toUpperCase()
  }

  const saslAuthenticate =
    round =>
    async ({ request, response }) => {
      const message = withoutLength(await request.encode())
      const answer = await invoke(call => network().saslAuthenticate(call, round, message))
      if (!response) return undefined
      return response.parse(await response.decode(withLength(Buffer.from(answer, 'base64'))))
    }

  return {
    config: () => (sasl ? { mechanism: mechanismName() } : null),

    authenticate: async ({ round, host, port }) => {
      const mechanism = mechanismName()
      if (sasl.authenticationProvider) {
        const provider = sasl.authenticationProvider({
          host,
          port,
          logger: logger.namespace(`SaslAuthenticator-${mechanism}`),
          saslAuthenticate: saslAuthenticate(round),
        })
        await provider.authenticate()
        return { value: null }
      }
      const credentialsOf = CREDENTIALS[mechanism]
      if (!credentialsOf) {
        return { value: refuse(`SASL ${mechanism} needs a sasl.authenticationProvider`) }
      }
      return { value: await credentialsOf(sasl) }
    },
  }
}
