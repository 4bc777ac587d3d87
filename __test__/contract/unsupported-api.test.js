'use strict'

/** Contract 6 and 10: a broker that does not have an API. */

const { apiVersionsBody, contract, response, startPeer } = require('../harness')
const { errorOf } = require('./observe')

const API_VERSIONS = 18
const UNSUPPORTED_VERSION = 35
const OLDEST = { [API_VERSIONS]: [0, 0] }

contract(
  '6 KafkaJSServerDoesNotSupportApiKey: what it carries',
  { partitions: 0 },
  async ({ kafka, kafkajs, onEnd, record }) => {
    const peer = await startPeer({
      answer: request =>
        request.apiKey === API_VERSIONS
          ? response(
              request,
              apiVersionsBody(OLDEST, request.apiVersion > 0 ? UNSUPPORTED_VERSION : 0)
            )
          : 'hang up',
    })
    onEnd(() => peer.close())
    const admin = kafka({ brokers: [peer.address], retry: { retries: 0 } }).admin()
    const error = await errorOf(async () => {
      await admin.connect()
      await admin.listTopics()
    })
    record('classes', [
      error.constructor.name,
      error instanceof kafkajs.KafkaJSServerDoesNotSupportApiKey,
      error instanceof kafkajs.KafkaJSNonRetriableError,
    ])
    record('error', error)
    record('keys', Object.keys(error))
  }
)

contract(
  '10 a group that is not there has the state Dead, whatever version is spoken',
  { partitions: 0 },
  async ({ group, kafka, record }) => {
    const admin = kafka().admin()
    const { groups } = await admin.describeGroups([group])
    record('described', groups)
    const consumer = kafka().consumer({ groupId: group })
    record('of a consumer', await consumer.describeGroup())
  }
)
