'use strict'

/**
 * Constants of the public API, and the registry of compression codecs.
 *
 * They are plain one-way objects: `logLevel[4]` is undefined although the types call them enums, as in kafkajs.
 */

const { promisify } = require('node:util')

/** Levels of the logger; an entry is written when its level is not above the current one. There is no 3. */
const logLevel = { NOTHING: 0, ERROR: 1, WARN: 2, INFO: 4, DEBUG: 5 }

/** Codec of a record batch: the lowest three bits of its attributes. */
const CompressionTypes = { None: 0, GZIP: 1, Snappy: 2, LZ4: 3, ZSTD: 4 }

/** What a config belongs to (DescribeConfigs, AlterConfigs). */
const ConfigResourceTypes = { UNKNOWN: 0, TOPIC: 2, BROKER: 4, BROKER_LOGGER: 8 }

/** Where the value of a config comes from (DescribeConfigs). */
const ConfigSource = {
  UNKNOWN: 0,
  TOPIC_CONFIG: 1,
  DYNAMIC_BROKER_CONFIG: 2,
  DYNAMIC_DEFAULT_BROKER_CONFIG: 3,
  STATIC_BROKER_CONFIG: 4,
  DEFAULT_CONFIG: 5,
  DYNAMIC_BROKER_LOGGER_CONFIG: 6,
}

/** What an ACL protects. */
const AclResourceTypes = {
  UNKNOWN: 0,
  ANY: 1,
  TOPIC: 2,
  GROUP: 3,
  CLUSTER: 4,
  TRANSACTIONAL_ID: 5,
  DELEGATION_TOKEN: 6,
}

/** What an ACL lets somebody do. */
const AclOperationTypes = {
  UNKNOWN: 0,
  ANY: 1,
  ALL: 2,
  READ: 3,
  WRITE: 4,
  CREATE: 5,
  DELETE: 6,
  ALTER: 7,
  DESCRIBE: 8,
  CLUSTER_ACTION: 9,
  DESCRIBE_CONFIGS: 10,
  ALTER_CONFIGS: 11,
  IDEMPOTENT_WRITE: 12,
}

/** Whether an ACL allows or denies. */
const AclPermissionTypes = { UNKNOWN: 0, ANY: 1, DENY: 2, ALLOW: 3 }

/** How the resource name of an ACL is compared. */
const ResourcePatternTypes = { UNKNOWN: 0, ANY: 1, MATCH: 2, LITERAL: 3, PREFIXED: 4 }

/** Codecs are given an encoder, whose `buffer` holds the bytes; called by hand they may be given the bytes. */
const bytesOf = encoder => (Buffer.isBuffer(encoder) ? encoder : encoder.buffer)

/** Node's own. The core has one too, so hardly a program calls it, and `require` need not load `node:zlib`. */
const gzipCodec = {
  async compress(encoder) {
    return promisify(require('node:zlib').gzip)(bytesOf(encoder))
  },
  async decompress(buffer) {
    return promisify(require('node:zlib').unzip)(buffer)
  },
}

/** A codec of the addon, which is loaded only when the codec is called. */
const nativeCodec = type => {
  const run = (method, buffer) => {
    const { invokeSync, loadAddon } = require('./binding')
    return invokeSync(() => loadAddon()[method](type, buffer))
  }
  return {
    async compress(encoder) {
      return run('compress', bytesOf(encoder))
    },
    async decompress(buffer) {
      return run('decompress', buffer)
    },
  }
}

/** A codec as the registry holds it: a function, called for every batch. */
const always = codec => () => codec

const BUILTIN_CODECS = {
  [CompressionTypes.GZIP]: always(gzipCodec),
  [CompressionTypes.Snappy]: always(nativeCodec(CompressionTypes.Snappy)),
  [CompressionTypes.LZ4]: always(nativeCodec(CompressionTypes.LZ4)),
  [CompressionTypes.ZSTD]: always(nativeCodec(CompressionTypes.ZSTD)),
}

/**
 * Codec per compression type: `() => ({ compress(encoder), decompress(buffer) })`, both giving a Buffer or a
 * promise of one. Programs assign their own; it is looked up for every batch, and wins over the core's codec.
 *
 * @type {Record<number, () => { compress(encoder: { buffer: Buffer }): Promise<Buffer>, decompress(buffer: Buffer): Promise<Buffer> }>}
 */
const CompressionCodecs = { ...BUILTIN_CODECS }

/**
 * Whether the core may compress and decompress batches of this type by itself.
 *
 * @param {number} type one of `CompressionTypes`
 * @returns {boolean} `false` once a program has put its own codec into `CompressionCodecs`, or has removed ours
 */
const isBuiltinCodec = type =>
  type === CompressionTypes.None ||
  (Object.hasOwn(BUILTIN_CODECS, type) && CompressionCodecs[type] === BUILTIN_CODECS[type])

module.exports = {
  logLevel,
  CompressionTypes,
  CompressionCodecs,
  ConfigResourceTypes,
  ConfigSource,
  AclResourceTypes,
  AclOperationTypes,
  AclPermissionTypes,
  ResourcePatternTypes,
  isBuiltinCodec,
}
