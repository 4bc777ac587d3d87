'use strict'

process.env.KAFKAJS_NO_PARTITIONER_WARNING = '1'

/** kafkajs with the codecs that its users register: it has only gzip by itself. */

const { promisify } = require('node:util')
const zlib = require('node:zlib')
const kafkajs = require('kafkajs')
const snappy = require('kafkajs-snappy')
const lz4 = require('lz4-napi')
const { kafkajsApi } = require('./kafkajs-api')

const { CompressionCodecs, CompressionTypes } = kafkajs

CompressionCodecs[CompressionTypes.Snappy] = snappy
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: ({ buffer }) => lz4.compressFrame(buffer),
  decompress: buffer => lz4.decompressFrame(buffer),
})
const codecs = ['gzip', 'snappy', 'lz4']

if (zlib.zstdCompress) {
  const compress = promisify(zlib.zstdCompress)
  const decompress = promisify(zlib.zstdDecompress)
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: ({ buffer }) => compress(buffer),
    decompress,
  })
  codecs.push('zstd')
}

module.exports = kafkajsApi({
  name: 'kafkajs',
  version: require('kafkajs/package.json').version,
  exports: kafkajs,
  codecs,
})
