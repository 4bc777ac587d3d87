'use strict'

/**
 * The producer's face: kafkajs' methods, events and words.
 */

const { invoke, loadAddon, invokeSync } = require('../binding')
const { createOn, producerEvents: events } = require('../events')
const createMessageProducer = require('./messageProducer')
const { DefaultPartitioner } = require('./partitioners')
const createSendMessages = require('./sendMessages')

const { CONNECT, DISCONNECT } = events

/** `disconnect` waits this much longer than a request may take for what was accepted, ms. */
const FLUSH_MARGIN = 1000

/**
 * @param {object} params checked options (`src/options.js`), plus
 * @param {import('../../index').Cluster} params.cluster
 * @param {import('../../index').Logger} params.logger root logger
 * @param {import('../events').InstrumentationEventEmitter} params.instrumentationEmitter
 * @returns {import('../../index').Producer}
 */
module.exports = (params) => {
  const { cluster, logger: rootLogger, instrumentationEmitter, retry } = params
  const { idempotent, transactionalId, transactionTimeout } = params
  const { createPartitioner = DefaultPartitioner } = params
  const logger = rootLogger.namespace('Producer')
  cluster.kind = 'producer'

  let connectionStatus = 'disconnected'
  let native = null

  const nativeProducer = () => {
    if (!native) {
      const { NativeProducer } = loadAddon()
      const config = {
        retry,
        idempotent,
        transactionalId: transactionalId ?? null,
        transactionTimeout,
        maxInFlightRequests: params.maxInFlightRequests,
        linger: params.linger,
        batchSize: params.batchSize,
        maxBufferedBytes: params.maxBufferedBytes,
      }
      native = invokeSync(() => new NativeProducer(cluster.native(), JSON.stringify(config)))
    }
    return native
  }

  const { send, sendBatch } = createMessageProducer({
    idempotent,
    getConnectionStatus: () => connectionStatus,
    sendMessages: createSendMessages({ native: nativeProducer, cluster, createPartitioner }),
  })

  const connect = async () => {
    await cluster.connect()
    connectionStatus = 'connected'
    instrumentationEmitter.emit(CONNECT)
    await invoke((call) => nativeProducer().open(call))
  }

  const disconnect = async () => {
    const wasConnected = connectionStatus !== 'disconnected'
    connectionStatus = 'disconnecting'
    if (native && wasConnected) {
      await invoke((call) => native.close(call, params.flushTimeout ?? 30000 + FLUSH_MARGIN))
    }
    await cluster.disconnect()
    connectionStatus = 'disconnected'
    instrumentationEmitter.emit(DISCONNECT)
  }

  return {
    connect,
    disconnect,
    isIdempotent: () => idempotent,
    events,
    on: createOn({ client: 'producer', instrumentationEmitter, logger }),
    send,
    sendBatch,
    logger: () => logger,
  }
}
