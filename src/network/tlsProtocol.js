'use strict'

/** Versions and ciphers of the `ssl` option, in the core's terms. */

const tls = require('node:tls')
const { KafkaJSNonRetriableError } = require('../errors')

const unusable = text => new KafkaJSNonRetriableError(`Failed to connect: ${text}`)

/** Oldest first. The core speaks the last two; the others have been deprecated by RFC 8996. */
const VERSIONS = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']
const OLDEST_SPOKEN = VERSIONS.indexOf('TLSv1.2')

/** OpenSSL's names of the suites before TLS 1.3, and IANA's. */
const SUITES = {
  'ECDHE-ECDSA-AES256-GCM-SHA384': 'TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384',
  'ECDHE-ECDSA-AES128-GCM-SHA256': 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256',
  'ECDHE-ECDSA-CHACHA20-POLY1305': 'TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384': 'TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384',
  'ECDHE-RSA-AES128-GCM-SHA256': 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256',
  'ECDHE-RSA-CHACHA20-POLY1305': 'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256',
}
const SUITES_OF_1_3 = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_AES_128_GCM_SHA256',
  'TLS_CHACHA20_POLY1305_SHA256',
]

const indexOf = (version, which) => {
  const index = VERSIONS.indexOf(version)
  if (index < 0) {
    throw unusable(
      `ssl.${which}Version: ${JSON.stringify(version)} is not a valid ${which}imum TLS protocol version`
    )
  }
  return index
}

/** `secureProtocol`, OpenSSL's older way to say it: `TLSv1_2_method`, or `TLS_method` for any. */
const limitsOf = ({ minVersion, maxVersion, secureProtocol }) => {
  const named = /^TLSv1(?:_(\d))?_(?:client_|server_)?method$/.exec(secureProtocol ?? '')
  const only = named && (named[1] ? `TLSv1.${named[1]}` : 'TLSv1')
  return [
    minVersion ?? only ?? tls.DEFAULT_MIN_VERSION,
    maxVersion ?? only ?? tls.DEFAULT_MAX_VERSION,
  ]
}

/**
 * @param {{ minVersion?: string, maxVersion?: string, secureProtocol?: string }} options
 * @returns {{ minVersion: string, maxVersion: string }} both among the versions that the core speaks
 * @throws {KafkaJSNonRetriableError} if there is none between them
 */
const versionRange = options => {
  const [lowest, highest] = limitsOf(options)
  const min = Math.max(indexOf(lowest, 'min'), OLDEST_SPOKEN)
  const max = indexOf(highest, 'max')
  if (max < min) {
    throw unusable(
      `no TLS version from ${lowest} to ${highest} is supported, expected ssl.maxVersion to be TLSv1.2 or TLSv1.3 and not below ssl.minVersion`
    )
  }
  return { minVersion: VERSIONS[min], maxVersion: VERSIONS[max] }
}

/**
 * @param {string} [ciphers] OpenSSL's list. Names choose suites; a list that works with keywords (`HIGH:!aNULL`) leaves
 *   all, because all that the core has are what such lists want.
 * @returns {string[] | null} names by IANA; null for all
 */
const cipherSuites = ciphers => {
  if (!ciphers) return null
  const names = ciphers.split(/[:, ]+/).filter(Boolean)
  const newer = names.filter(name => SUITES_OF_1_3.includes(name))
  const older = names.filter(name => !name.startsWith('TLS_'))
  const usesKeywords = older.some(name => !/^[A-Z0-9]+(?:-[A-Z0-9]+)+$/.test(name))
  return [
    ...(newer.length > 0 ? newer : SUITES_OF_1_3),
    ...(usesKeywords ? Object.values(SUITES) : older.flatMap(name => SUITES[name] ?? [])),
  ]
}

module.exports = { versionRange, cipherSuites }
