'use strict'

const byKey = require('../byKey')
const murmur2 = require('./murmur2')

/** Chooses as kafkajs did before 2.0.0, so that topics keep their keys' partitions. */
module.exports = byKey(murmur2)
