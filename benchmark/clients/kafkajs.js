'use strict'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

/** kafkajs with codecs as its users register them: it has only gzip by itself. */

const zstd = require('@mongodb-js/zstd')
const kafkajs = require('kafkajs')
const snappy = require('kafkajs-snappy')
const lz4 = require('lz4-napi')
const { kafkajsApi } = require('./kafkajs-api')

const { CompressionCodecs, CompressionTypes } = kafkajs

/** The level that Kafka's own clients use unless told otherwise. */
const ZSTD_LEVEL = 3

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }) => lz4.compressFrame(buffer),
  decompress: buffer => lz4.decompressFrame(buffer),
})
CompressionCodecs[CompressionTypes.ZSTD] = () => ({
  compress: ({ buffer }) => zstd.compress(buffer, ZSTD_LEVEL),
  decompress: buffer => zstd.decompress(buffer),
})

module.exports = kafkajsApi({
  name: 'kafkajs',
  version: require('kafkajs/package.json').version,
  exports: kafkajs,
  codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
})
