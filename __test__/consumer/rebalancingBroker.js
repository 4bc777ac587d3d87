'use strict'

/**
 * A scripted broker in a thread of its own, which answers while the event loop of the test is blocked. The first
 * generation of its group is over with its first heartbeat; the second heartbeat wakes whoever waits at `workerData`.
 */

const { AssignerProtocol } = require('kafkajs')
const { parentPort, workerData } = require('node:worker_threads')
const { API, startScriptedBroker, write } = require('./scriptedBroker')

const MEMBER = 'member-1'
const LEADER = 'member-2'
const REBALANCE_IN_PROGRESS = 27
const WOKEN = 1

const wake = new Int32Array(workerData)
let generation = 0
let heartbeats = 0

const answers = {
  [API.JOIN_GROUP]: () => {
    generation++
    return write(encoder => {
      encoder.writeInt32(0).writeInt16(0).writeInt32(generation).writeString('RoundRobinAssigner')
      encoder.writeString(LEADER).writeString(MEMBER).writeInt32(0)
    })
  },

  [API.SYNC_GROUP]: () => {
    const assignment = AssignerProtocol.MemberAssignment.encode({
      version: 0,
      assignment: { t: [0] },
    })
    return write(encoder => encoder.writeInt16(0).writeBytes(assignment))
  },

  [API.HEARTBEAT]: () => {
    heartbeats++
    if (heartbeats > 1) {
      Atomics.store(wake, 0, WOKEN)
      Atomics.notify(wake, 0)
    }
    return write(encoder => encoder.writeInt16(generation === 1 ? REBALANCE_IN_PROGRESS : 0))
  },
}

startScriptedBroker({ topic: 't', answers, fetch: () => ({}) }).then(broker => {
  parentPort.on('message', async () => {
    await broker.close()
    parentPort.close()
  })
  parentPort.postMessage(broker.brokers)
})
