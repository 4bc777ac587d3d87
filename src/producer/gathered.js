'use strict'

/**
 * Calls that wait for the end of the turn of the event loop: what is sent until then, in a loop or by callers that were
 * answered together, crosses to the core at once and leaves in one request.
 *
 * They are packed into stores that all producers share, so at any time they are the calls of one.
 */

const { isFull, packCall, takePacked } = require('./pack')

/** Whose calls are packed: the core's producer, if there are any. */
let owner = null
/** The core's producers that have to be told when the turn ends. */
let toFlush = []

const nextMicrotask = Promise.resolve()

/** @returns {boolean} whether the last call is over already (acks 0) */
const handOver = (isTurnOver = false) => {
  const native = owner
  owner = null
  const { data, dataLength, table, tableLength } = takePacked()
  return native.send(data, dataLength, table, tableLength, isTurnOver)
}

/** Lets the core have what is packed. Has to precede whatever else a producer of the core is asked to do. */
const handOverGathered = () => {
  if (owner) handOver()
}

const endTurn = () => {
  const natives = toFlush
  toFlush = []
  for (const native of natives) {
    if (native === owner) handOver(true)
    else native.flush()
  }
}

/** @returns {number} where the call begins, for `labelCall` */
const packFor = (native, topicMessages, topicNumber, chosen) => {
  if (owner !== native) handOverGathered()
  const callAt = packCall(topicMessages, topicNumber, chosen)
  owner = native
  return callAt
}

/** The call that was packed and labelled last may wait for others. */
const gather = native => {
  if (isFull()) handOver()
  if (toFlush.includes(native)) return
  toFlush.push(native)
  if (toFlush.length === 1) nextMicrotask.then(endTurn)
}

module.exports = { gather, handOver, handOverGathered, packFor }
