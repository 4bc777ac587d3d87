'use strict'

const { Writer, ask } = require('./connection')

const FIND_COORDINATOR = 10
const DESCRIBE_GROUPS = 15

/**
 * @param {string} broker - `host:port` of any broker of the cluster
 * @param {string} groupId
 * @returns {Promise<{ state: string, members: string[] }>} state as the coordinator names it (`Stable`,
 *   `Empty`, ...), members by their client ids
 */
async function describeGroup(broker, groupId) {
  const search = new Writer().string(groupId)
  const found = await ask(broker, { apiKey: FIND_COORDINATOR, apiVersion: 0, body: search })
  const searchError = found.int16()
  if (searchError !== 0) {
    throw new Error(`No coordinator of group ${groupId} (error code ${searchError})`)
  }
  found.int32() // node id
  const coordinator = `${found.string()}:${found.int32()}`

  const body = new Writer().int32(1).string(groupId)
  const answer = await ask(coordinator, { apiKey: DESCRIBE_GROUPS, apiVersion: 0, body })
  const [group] = answer.array(() => {
    const errorCode = answer.int16()
    answer.string() // group id
    const state = answer.string()
    answer.string() // protocol type
    answer.string() // protocol
    const members = answer.array(() => {
      answer.string() // member id
      const clientId = answer.string()
      answer.string() // host
      answer.bytes() // subscription
      answer.bytes() // assignment
      return clientId
    })
    return { errorCode, state, members }
  })
  if (group.errorCode !== 0) {
    throw new Error(`Group ${groupId} cannot be described (error code ${group.errorCode})`)
  }
  return { state: group.state, members: group.members }
}

module.exports = { describeGroup }
