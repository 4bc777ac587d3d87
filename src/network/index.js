'use strict'

/**
 * How the connections of one client are made and secured: what the core is told beforehand of `ssl`, `sasl` and
 * `socketFactory`, and what it asks while it opens a connection.
 */

const { loadAddon } = require('../binding')
const createSasl = require('./sasl')
const createSockets = require('./socket')

/** Only for who encrypts: `node:tls` and `node:crypto` are a good part of what `require` would take. */
const loadTls = () => require('./tls')

/**
 * @param {object} options
 * @param {true | import('node:tls').ConnectionOptions} [options.ssl]
 * @param {object} [options.sasl] never changed, and read again for each authentication
 * @param {Function} [options.socketFactory]
 * @param {number} options.reauthenticationThreshold ms
 * @param {import('../../index').Logger} options.logger root logger
 * @param {() => object} options.native the client's `NativeCluster`
 * @returns {{ config: () => object, answers: Record<string, (question: object, buffers: Buffer[]) => unknown> }}
 *   `config()` gives the core's `SecurityConfig`; it throws a KafkaJSNonRetriableError for an option that cannot be
 *   used. `answers` are what the core asks for, by name.
 */
module.exports = ({ ssl, sasl, socketFactory, reauthenticationThreshold, logger, native }) => {
  let network = null
  const nativeNetwork = () => {
    if (!network) {
      const { NativeNetwork } = loadAddon()
      network = new NativeNetwork(native())
    }
    return network
  }
  const authentication = createSasl({ sasl, logger, network: nativeNetwork })
  const sockets = createSockets({ socketFactory, ssl, network: nativeNetwork })

  return {
    config: () => ({
      // A socket of the user is encrypted by the user, who is handed `ssl`.
      tls: socketFactory || !ssl ? null : loadTls().tlsConfig(ssl),
      sasl: authentication.config(),
      reauthenticationThreshold,
      socketFactory: Boolean(socketFactory),
    }),

    answers: {
      sasl: authentication.authenticate,
      'tls.identity': (question, chain) => loadTls().checkIdentity(ssl)(question, chain),
      'socket.open': sockets.open,
    },
  }
}
