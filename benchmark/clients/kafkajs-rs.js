'use strict'

const { kafkajsApi } = require('./kafkajs-api')

module.exports = kafkajsApi({
  name: 'kafkajs-rs',
  version: require('../../package.json').version,
  exports: require('../..'),
  codecs: ['gzip', 'snappy', 'lz4', 'zstd'],
})
