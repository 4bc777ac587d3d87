'use strict'

/** Which of two brokers an admin asks: listGroups all of them, groups and configurations their owner. Section 5. */

const { contract, response, startPeer, waitFor } = require('../harness')
const {
  API,
  answerVersions,
  bodyOf,
  coordinatorBody,
  list,
  metadataBody,
  textAt,
  write,
} = require('../harness/wire')

const {
  LIST_OFFSETS,
  METADATA,
  FIND_COORDINATOR,
  DESCRIBE_GROUPS,
  LIST_GROUPS,
  API_VERSIONS,
  DESCRIBE_CONFIGS,
  DELETE_GROUPS,
} = API

const VERSIONS = {
  [LIST_OFFSETS]: [2, 2],
  [METADATA]: [4, 4],
  [FIND_COORDINATOR]: [0, 0],
  [DESCRIBE_GROUPS]: [0, 0],
  [LIST_GROUPS]: [0, 0],
  [API_VERSIONS]: [0, 0],
  [DESCRIBE_CONFIGS]: [1, 1],
  [DELETE_GROUPS]: [0, 0],
}

const BROKER = 4
/** For how long a broker waits for the other one to be asked. */
const PATIENCE_MS = 3000
const TOPIC = 2

/** @returns {string[]} the group ids of a DescribeGroups request */
function groupsOf(request) {
  const body = bodyOf(request)
  const groups = []
  for (let at = 4; groups.length < body.readInt32BE(0); ) {
    const group = textAt(body, at)
    groups.push(group)
    at += 2 + group.length
  }
  return groups
}

/** The owner of a group is in its name: `1-a` is that of node 1. */
const ownerOf = group => Number(group[0])

/**
 * Two brokers, the second of which is the controller.
 *
 * @param {object} context of the contract
 * @param {number} [key]  of an API that is answered when both have been asked, or have not for long; atOnce says which
 */
async function twoBrokers({ kafka, onEnd }, key) {
  const peers = []
  const answers = {
    [API_VERSIONS]: answerVersions(VERSIONS),
    [METADATA]: () =>
      metadataBody({
        brokers: { 1: peers[0].port, 2: peers[1].port },
        controller: 2,
        topics: [
          {
            name: 't',
            partitions: [
              { partition: 0, leader: 1 },
              { partition: 1, leader: 2 },
            ],
          },
        ],
      }),
    [LIST_OFFSETS]: (_, node) =>
      write(encoder => {
        encoder.writeInt32(0)
        list(encoder, ['t'], topic => {
          encoder.writeString(topic)
          list(encoder, [node - 1], partition =>
            encoder.writeInt32(partition).writeInt16(0).writeInt64(-1).writeInt64(7)
          )
        })
      }),
    [FIND_COORDINATOR]: request => {
      const owner = ownerOf(textAt(bodyOf(request), 0))
      return coordinatorBody(peers[owner - 1].port, owner)
    },
    [DESCRIBE_GROUPS]: request =>
      write(encoder => {
        list(encoder, groupsOf(request), group => {
          encoder.writeInt16(0).writeString(group).writeString('Empty')
          encoder.writeString('').writeString('').writeInt32(0)
        })
      }),
    [LIST_GROUPS]: (_, node) =>
      write(encoder => {
        encoder.writeInt16(0).writeInt32(1).writeString(`${node}-own`).writeString('consumer')
      }),
    [DELETE_GROUPS]: request =>
      write(encoder => {
        encoder.writeInt32(0)
        list(encoder, groupsOf(request), group => encoder.writeString(group).writeInt16(0))
      }),
    [DESCRIBE_CONFIGS]: (_, node) =>
      write(encoder => {
        encoder.writeInt32(0).writeInt32(1).writeInt16(0).writeString(null)
        encoder.writeInt8(BROKER).writeString(`answered by ${node}`).writeInt32(0)
      }),
  }
  const atOnce = []
  const bothAsked = () => peers.every(peer => peer.requests.some(({ apiKey }) => apiKey === key))
  for (const node of [1, 2]) {
    const answer = async request => {
      if (request.apiKey === key) {
        const asked = waitFor(bothAsked, { deadline: PATIENCE_MS }).then(() => true)
        atOnce.push(await asked.catch(() => false))
      }
      return response(request, answers[request.apiKey](request, node))
    }
    const peer = await startPeer({ answer })
    peers.push(peer)
    onEnd(() => peer.close())
  }
  const admin = kafka({ brokers: [peers[0].address] }).admin()
  const requests = key => peers.map(peer => peer.requests.filter(({ apiKey }) => apiKey === key))
  return { admin, requests, atOnce }
}

contract('5 listGroups: every broker is asked', { partitions: 0 }, async context => {
  const { admin, requests } = await twoBrokers(context)
  const { groups } = await admin.listGroups()
  context.record('groups', groups.map(({ groupId }) => groupId).sort())
  context.record(
    'requests',
    requests(LIST_GROUPS).map(({ length }) => length)
  )
})

contract(
  '5 describeGroups: one request for all of a coordinator',
  { partitions: 0 },
  async context => {
    const { admin, requests } = await twoBrokers(context)
    const { groups } = await admin.describeGroups(['1-a', '1-b', '2-a', '2-b'])
    context.record('groups', groups.map(({ groupId }) => groupId).sort())
    context.record(
      'requests',
      requests(DESCRIBE_GROUPS).map(sent => sent.map(request => groupsOf(request).sort()))
    )
  }
)

contract(
  '5 describeConfigs: brokers tell their own, the rest is told by the controller',
  {
    partitions: 0,
  },
  async context => {
    const { admin } = await twoBrokers(context)
    for (const resources of [
      [{ type: BROKER, name: '1' }],
      [{ type: BROKER, name: '2' }],
      [{ type: TOPIC, name: 't' }],
      [
        { type: BROKER, name: '1' },
        { type: TOPIC, name: 't' },
      ],
    ]) {
      const described = await admin.describeConfigs({ resources })
      context.record('answered', described.resources.map(({ resourceName }) => resourceName).sort())
    }
  }
)

const GROUPS = ['1-a', '2-a']

for (const [name, key, call] of [
  ['listGroups', LIST_GROUPS, admin => admin.listGroups()],
  ['describeGroups', DESCRIBE_GROUPS, admin => admin.describeGroups(GROUPS)],
  ['deleteGroups', DELETE_GROUPS, admin => admin.deleteGroups(GROUPS)],
]) {
  const differences = name === 'listGroups' && {
    'at once': {
      reason: 'kafkajs asks one broker after the other',
      kafkajs: [[false, true]],
      ours: [[true, true]],
    },
  }
  const options = { partitions: 0, ...(differences && { differences }) }
  contract(`5 ${name}: no broker waits for the other`, options, async context => {
    const { admin, atOnce } = await twoBrokers(context, key)
    const result = await call(admin)
    const groups = (result.groups ?? result).map(({ groupId }) => groupId)
    context.record('groups', groups.sort())
    context.record('at once', atOnce)
  })
}

contract('5 fetchTopicOffsets: no leader waits for the other', { partitions: 0 }, async context => {
  const { admin, atOnce } = await twoBrokers(context, LIST_OFFSETS)
  const offsets = await admin.fetchTopicOffsets('t')
  context.record('partitions', offsets.map(({ partition }) => partition).sort())
  context.record(
    'at once',
    atOnce.every(isAsked => isAsked)
  )
})

contract(
  '7.2 which brokers are asked for the versions they speak',
  {
    partitions: 0,
    differences: {
      asked: {
        reason: 'brokers of two versions stand side by side while a cluster is upgraded',
        kafkajs: [[true, false]],
        ours: [[true, true]],
      },
    },
  },
  async context => {
    const { admin, requests } = await twoBrokers(context)
    await admin.describeConfigs({ resources: [{ type: BROKER, name: '2' }] })
    context.record(
      'asked',
      requests(API_VERSIONS).map(({ length }) => length > 0)
    )
  }
)
