'use strict'

/**
 * Writes the seeds of the fuzz targets: answers of a real broker, one of each API and version, as the client asks for
 * them, and the record batches that came with fetches.
 *
 *     node fuzz/capture.js host:port      a broker without authentication
 *
 * What is in fuzz/seeds already stays.
 */

const fs = require('node:fs')
const path = require('node:path')
const { randomUUID } = require('node:crypto')

const { AssignerProtocol, CompressionTypes, Kafka } = require('..')
const { startRelay } = require('../__test__/harness/relay')
const { compress } = require('../binding')

const SEEDS = path.join(__dirname, 'seeds')

/** Larger answers teach a fuzzer nothing new. */
const LARGEST = 8 * 1024

const FETCH = 1

/** Keeps a seed, unless there is one of that name. */
function save(target, name, bytes) {
  const file = path.join(SEEDS, target, name)
  if (bytes.length > LARGEST || fs.existsSync(file)) return
  fs.mkdirSync(path.dirname(file), { recursive: true })
  fs.writeFileSync(file, bytes)
}

/** The records of a fetch: whatever starts like a batch, with the length that it states. */
function recordsIn(body) {
  const magicAt = 16
  for (let at = 0; at + 61 < body.length; at++) {
    const length = body.readInt32BE(at + 8)
    const whole = at + 12 + length
    if (body[at + magicAt] !== 2 || length < 49 || whole > body.length) continue
    if (body.readBigInt64BE(at) === 0n) return body.subarray(at)
  }
  return undefined
}

/** What no broker has to be asked for. */
function saveMade() {
  const { MemberMetadata, MemberAssignment } = AssignerProtocol
  const userData = Buffer.from('abc')
  save(
    'consumer_protocol',
    'metadata',
    MemberMetadata.encode({ version: 1, topics: ['a', 'bc'], userData })
  )
  save(
    'consumer_protocol',
    'assignment',
    MemberAssignment.encode({ version: 0, assignment: { a: [0, 1] }, userData })
  )
  const plain = Buffer.from('the same words, the same words, the same words')
  for (const [name, id] of Object.entries(CompressionTypes)) {
    const bytes = id === 0 ? plain : compress(id, plain)
    save('decompress', name.toLowerCase(), Buffer.from([id, ...bytes]))
  }
  // RFC 7677 with its salt, and a server that refuses.
  const first =
    'r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096'
  const last = 'v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4='
  save('sasl', 'sha-256', Buffer.from(`\0${first}\0${last}`))
  save('sasl', 'sha-512', Buffer.from(`\x01${first}\0e=invalid-proof`))
  for (const hex of [
    '00',
    '01',
    '7f',
    '8001',
    'feffffff0f',
    'ffffffff0f',
    'ffffffffffffffffff01',
  ]) {
    save('varints', hex, Buffer.from(hex, 'hex'))
  }
  // Formats 0 and 1, which no broker of today keeps: offset, size, checksum, magic, attributes, (time,) key, value.
  for (const magic of [0, 1]) {
    const time = magic === 0 ? '' : '0000018000000000'
    const body = Buffer.from(`00000000${`0${magic}`}00${time}000000016b0000000176`, 'hex')
    const head = Buffer.alloc(12)
    head.writeInt32BE(body.length, 8)
    save('index_batches', `format-${magic}`, Buffer.concat([head, body]))
  }
}

/** Asks a broker for everything the client can ask for. */
async function askForEverything(kafka) {
  const topic = `seed-${randomUUID()}`
  const group = `seed-${randomUUID()}`
  const admin = kafka.admin()
  await admin.connect()
  await admin.createTopics({ topics: [{ topic, numPartitions: 2 }] })

  const producer = kafka.producer()
  await producer.connect()
  for (const [name, compression] of Object.entries(CompressionTypes)) {
    const headers = { codec: name, trace: ['a', 'b'] }
    const messages = [0, 1, 2].map(n => ({
      key: `${n}`,
      value: 'v'.repeat(30 * n),
      headers,
      partition: 0,
    }))
    await producer.send({ topic, compression, messages })
  }
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId: group })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  const seen = new Promise(resolve => {
    let count = 0
    consumer.run({ eachMessage: async () => void (++count === 15 && resolve()) })
  })
  await seen
  await consumer.commitOffsets([{ topic, partition: 0, offset: '3' }])
  await admin.describeGroups([group])

  const transactional = kafka.producer({
    transactionalId: group,
    idempotent: true,
    maxInFlightRequests: 1,
  })
  await transactional.connect()
  for (const end of ['commit', 'abort']) {
    const transaction = await transactional.transaction()
    await transaction.send({ topic, messages: [{ value: end, partition: 1 }] })
    await transaction.sendOffsets({
      consumerGroupId: `${group}-2`,
      topics: [{ topic, partitions: [{ partition: 0, offset: '1' }] }],
    })
    await transaction[end]()
  }
  await transactional.disconnect()
  await consumer.disconnect()

  const acl = {
    resourceType: 2,
    resourceName: topic,
    resourcePatternType: 3,
    principal: 'User:a',
    host: '*',
    operation: 3,
    permissionType: 3,
  }
  const resource = { type: 2, name: topic }
  // Some are refused by this broker; a refusal is an answer as well.
  const questions = [
    () => admin.listGroups(),
    () => admin.describeCluster(),
    () => admin.fetchTopicMetadata({ topics: [topic, 'no such topic'] }),
    () => admin.fetchTopicOffsets(topic),
    () => admin.fetchOffsets({ groupId: group, topics: [topic] }),
    () => admin.createPartitions({ topicPartitions: [{ topic, count: 3 }] }),
    () => admin.describeConfigs({ resources: [resource] }),
    () =>
      admin.alterConfigs({
        resources: [{ ...resource, configEntries: [{ name: 'retention.ms', value: '1000000' }] }],
      }),
    () => admin.createAcls({ acl: [acl] }),
    () => admin.describeAcls(acl),
    () => admin.deleteAcls({ filters: [acl] }),
    () =>
      admin.alterPartitionReassignments({
        topics: [{ topic, partitionAssignment: [{ partition: 0, replicas: [1] }] }],
      }),
    () => admin.listPartitionReassignments({ topics: [{ topic, partitions: [0] }] }),
    () => admin.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '1' }] }),
    () => admin.deleteGroups([group, `${group}-2`]),
    () => admin.deleteTopics({ topics: [topic] }),
  ]
  for (const ask of questions) {
    await ask().catch(error => console.error(`refused: ${error.message}`))
  }
  await admin.disconnect()
}

async function main() {
  const broker = process.argv[2]
  if (!broker?.includes(':')) throw new Error('Give a broker: node fuzz/capture.js localhost:9092')
  const relay = await startRelay(broker, ({ apiKey, apiVersion, body }) => {
    save(
      'responses',
      `${apiKey}-v${apiVersion}-${body.length}`,
      Buffer.from([apiKey, apiVersion, ...body])
    )
    const records = apiKey === FETCH ? recordsIn(body) : undefined
    if (records) save('index_batches', `fetched-${records.length}`, records)
  })
  const kafka = new Kafka({
    clientId: 'seeds',
    brokers: [broker],
    logLevel: 0,
    socketFactory: relay.socketFactory,
  })
  saveMade()
  await askForEverything(kafka)
  await relay.close()
}

main().catch(error => {
  console.error(error.message)
  process.exitCode = 1
})
