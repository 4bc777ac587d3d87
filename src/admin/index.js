'use strict'

/**
 * The admin's face: kafkajs' methods, checks and words. The work is done by the core (`operation.rs` lists all of it).
 */

const { invoke, invokeSync, loadAddon } = require('../binding')
const { InstrumentationEventEmitter, adminEvents: events, createOn } = require('../events')
const { createAcls, deleteAcls, describeAcls } = require('./arguments/acls')
const { alterConfigs, describeConfigs } = require('./arguments/configs')
const { deleteGroups, describeGroups } = require('./arguments/groups')
const {
  deleteTopicRecords,
  fetchOffsets,
  fetchTopicOffsets,
  fetchTopicOffsetsByTimestamp,
  resetOffsets,
  setOffsets,
} = require('./arguments/offsets')
const {
  alterPartitionReassignments,
  listPartitionReassignments,
} = require('./arguments/reassignments')
const {
  createPartitions,
  createTopics,
  deleteTopics,
  fetchTopicMetadata,
} = require('./arguments/topics')

const { CONNECT, DISCONNECT } = events

/** `disconnect` waits this long for calls that are under way, ms. */
const DISCONNECT_DEADLINE = 5000

const noArguments = () => null
const asItIs = result => result
const nothing = () => undefined

/** Members' bytes cross as base64. */
const withBuffers = ({ groups }) => ({
  groups: groups.map(group => ({
    ...group,
    members: group.members.map(member => ({
      ...member,
      memberMetadata: Buffer.from(member.memberMetadata, 'base64'),
      memberAssignment: Buffer.from(member.memberAssignment, 'base64'),
    })),
  })),
})

/** Waits until all of `promises` are settled, or the time is over. */
const settled = (promises, milliseconds) => {
  let timer
  const late = new Promise(resolve => {
    timer = setTimeout(resolve, milliseconds)
  })
  return Promise.race([Promise.allSettled(promises), late]).finally(() => clearTimeout(timer))
}

/**
 * @param {object} params
 * @param {import('../../index').Logger} params.logger root logger
 * @param {import('../events').InstrumentationEventEmitter} [params.instrumentationEmitter]
 * @param {object} params.retry the admin's back-off, merged and complete
 * @param {import('../../index').Cluster} params.cluster
 * @returns {import('../../index').Admin}
 */
module.exports = ({
  logger: rootLogger,
  instrumentationEmitter = new InstrumentationEventEmitter(),
  retry,
  cluster,
}) => {
  const logger = rootLogger.namespace('Admin')
  const underWay = new Set()
  let native = null

  const nativeAdmin = () => {
    if (!native) {
      const { NativeAdmin } = loadAddon()
      native = invokeSync(() => new NativeAdmin(cluster.native(), JSON.stringify(retry)))
    }
    return native
  }

  const connect = async () => {
    await cluster.connect()
    instrumentationEmitter.emit(CONNECT)
  }

  const disconnect = async () => {
    if (underWay.size > 0) await settled(underWay, DISCONNECT_DEADLINE)
    await cluster.disconnect()
    instrumentationEmitter.emit(DISCONNECT)
  }

  const carryOut = async (name, request) => {
    // No call needs `connect` before it.
    if (!cluster.isConnected()) await cluster.connect()
    return invoke(call => nativeAdmin().invoke(call, JSON.stringify({ [name]: request })))
  }

  /**
   * One method of the admin.
   *
   * @param {string} name of the core's operation
   * @param {(...args: any[]) => unknown} prepare checks the caller's arguments and gives the operation's; what it
   *   throws rejects the call before anything is sent
   * @param {(result: any) => unknown} [present] makes kafkajs' result of the operation's
   */
  const method =
    (name, prepare, present = asItIs) =>
    async (...args) => {
      const request = prepare(...args)
      const outcome = carryOut(name, request)
      underWay.add(outcome)
      try {
        return present(await outcome)
      } finally {
        underWay.delete(outcome)
      }
    }

  return {
    connect,
    disconnect,
    listTopics: method('listTopics', noArguments),
    createTopics: method('createTopics', createTopics),
    deleteTopics: method('deleteTopics', deleteTopics, nothing),
    createPartitions: method('createPartitions', createPartitions, nothing),
    fetchTopicMetadata: method('fetchTopicMetadata', fetchTopicMetadata),
    describeCluster: method('describeCluster', noArguments),
    events,
    fetchOffsets: method('fetchOffsets', fetchOffsets),
    fetchTopicOffsets: method('fetchTopicOffsets', fetchTopicOffsets),
    fetchTopicOffsetsByTimestamp: method(
      'fetchTopicOffsetsByTimestamp',
      fetchTopicOffsetsByTimestamp
    ),
    setOffsets: method('setOffsets', setOffsets, nothing),
    resetOffsets: method('resetOffsets', resetOffsets, nothing),
    describeConfigs: method('describeConfigs', describeConfigs),
    alterConfigs: method('alterConfigs', alterConfigs),
    on: createOn({ client: 'admin', instrumentationEmitter, logger }),
    logger: () => logger,
    listGroups: method('listGroups', noArguments),
    describeGroups: method('describeGroups', describeGroups, withBuffers),
    deleteGroups: method('deleteGroups', deleteGroups),
    describeAcls: method('describeAcls', describeAcls),
    deleteAcls: method('deleteAcls', deleteAcls),
    createAcls: method('createAcls', createAcls, () => true),
    deleteTopicRecords: method('deleteTopicRecords', deleteTopicRecords, nothing),
    alterPartitionReassignments: method(
      'alterPartitionReassignments',
      alterPartitionReassignments,
      nothing
    ),
    listPartitionReassignments: method('listPartitionReassignments', listPartitionReassignments),
  }
}
