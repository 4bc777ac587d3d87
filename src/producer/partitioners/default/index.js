'use strict'

const byKey = require('../byKey')
const murmur2 = require('./murmur2')

/** Chooses as the Java client does for messages with a key; round-robin per message for those without. */
module.exports = byKey(murmur2)
