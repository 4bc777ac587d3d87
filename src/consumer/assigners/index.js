'use strict'

/** Built-in assigners; a consumer uses `roundRobin` unless told otherwise. `range` is ours. */
module.exports = {
  roundRobin: require('./roundRobin'),
  range: require('./range'),
}
