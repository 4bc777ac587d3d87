'use strict'

/** What tests need besides node:test. Each file here says what it gives. */

const { startSingle, startThree, freePorts } = require('../../broker')
const { brokers, createTopic, withAdmin } = require('./brokers')
const { contract } = require('./contract')
const { reference, subject } = require('./libraries')
const { uniqueGroup, uniqueTopic } = require('./names')
const { apiVersionsBody, response, startPeer } = require('./peer')
const { startProxied, startProxy } = require('./proxy')
const { shapeOf } = require('./recording')
const { waitFor, within } = require('./wait')

module.exports = {
  apiVersionsBody,
  brokers,
  contract,
  createTopic,
  freePorts,
  reference,
  response,
  shapeOf,
  startPeer,
  startProxied,
  startProxy,
  startSingle,
  startThree,
  subject,
  uniqueGroup,
  uniqueTopic,
  waitFor,
  within,
  withAdmin,
}
