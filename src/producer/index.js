'use strict'

/**
 * The producer's face: kafkajs' methods, events and words.
 */

const { invoke, loadAddon, invokeSync } = require('../binding')
const { CompressionCodecs } = require('../enums')
const { createOn, producerEvents: events } = require('../events')
const { handOverGathered } = require('./gathered')
const createMessageProducer = require('./messageProducer')
const { DefaultPartitioner, nativePartitioner } = require('./partitioners')
const createSendMessages = require('./sendMessages')
const createTransaction = require('./transaction')

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
module.exports = params => {
  const { cluster, logger: rootLogger, instrumentationEmitter, retry } = params
  const { idempotent, transactionalId, transactionTimeout } = params
  const { createPartitioner = DefaultPartitioner } = params
  const logger = rootLogger.namespace('Producer')
  // One for the producer and its transactions, so that they take turns together.
  const partitioner = createPartitioner()
  const isNative = nativePartitioner(createPartitioner) !== null
  cluster.kind = 'producer'
  cluster.onAsk('compress', async ({ codec }, [buffer]) => ({
    bytes: await CompressionCodecs[codec]().compress({ buffer }),
  }))

  let connectionStatus = 'disconnected'
  const natives = []

  /** The core's side of one kind of sends, made when first needed. */
  const nativeProducer = own => {
    let native = null
    return () => {
      if (!native) {
        const { NativeProducer } = loadAddon()
        const config = JSON.stringify({
          retry,
          partitioner: nativePartitioner(createPartitioner) ?? 'default',
          transactionTimeout,
          maxInFlightRequests: params.maxInFlightRequests,
          linger: params.linger,
          batchSize: params.batchSize,
          maxBufferedBytes: params.maxBufferedBytes,
          ...own,
        })
        native = invokeSync(() => new NativeProducer(cluster.native(), config))
        natives.push(native)
      }
      return native
    }
  }

  const plain = nativeProducer({ idempotent, transactionalId: null })
  // A send outside of a transaction is an ordinary one even if the producer has a transactional id, so the two kinds
  // have ids and sequences of their own.
  const transactional = nativeProducer({
    idempotent: true,
    transactionalId: transactionalId ?? null,
  })

  const messageProducer = (native, isIdempotent, ownId) =>
    createMessageProducer({
      idempotent: isIdempotent,
      getConnectionStatus: () => connectionStatus,
      sendMessages: createSendMessages({ native, cluster, logger, partitioner, isNative }),
      identity: { clientId: cluster.clientId, transactionalId: ownId },
    })

  const { send, sendBatch } = messageProducer(plain, idempotent, null)

  const transaction = createTransaction({
    transactionalId,
    native: transactional,
    cluster,
    logger,
    createMessageProducer: native => messageProducer(native, true, transactionalId),
  })

  const connect = async () => {
    await cluster.connect()
    connectionStatus = 'connected'
    instrumentationEmitter.emit(CONNECT)
    plain()
    // With the one for transactions, if there was one before a disconnect.
    await Promise.all(natives.map(native => invoke(call => native.open(call))))
  }

  const disconnect = async () => {
    connectionStatus = 'disconnecting'
    if (cluster.isConnected()) {
      const patience = cluster.requestTimeout + FLUSH_MARGIN
      handOverGathered()
      await Promise.all(natives.map(native => invoke(call => native.close(call, patience))))
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
    transaction,
    logger: () => logger,
  }
}
