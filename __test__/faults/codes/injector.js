'use strict'

/** A real broker one of whose answers has another error code than the broker gave: once, where a test wants it. */

const { framed, startRelay } = require('../../harness/relay')
const { errorCode } = require('../../../src/protocol/errorCodes')
const { errorAt } = require('./errorPlaces')

const NEWEST_CODE = 133
const API_VERSIONS = 18

/** Every code that says: the same request may succeed later. */
const RETRIABLE = Array.from({ length: NEWEST_CODE }, (_, i) => errorCode(i + 1)).filter(
  ({ retriable }) => retriable
)

/**
 * @typedef {object} Injector
 * @property {(options: object) => import('node:net').Socket} socketFactory  of a client that is to come through it
 * @property {(apiKey: number, place: string, code: number) => void} inject  into the next answer that has such a place
 * @property {() => boolean} told     whether it has been done
 * @property {() => number} answers   how many answers have passed
 * @property {(apiKey: number) => number} answersOf  of one API
 * @property {() => Promise<void>} close
 *
 * @param {string} broker  host:port
 * @returns {Promise<Injector>}
 */
async function startInjector(broker) {
  let wanted
  let told = false
  const relay = await startRelay(broker, answer => {
    if (wanted === undefined || answer.apiKey !== wanted.apiKey) return undefined
    const flexible = answer.apiKey !== API_VERSIONS && answer.header.length > 4
    const at = errorAt({ ...answer, flexible }, wanted.place)
    // An answer that says something already keeps it.
    if (at === undefined || answer.body.readInt16BE(at) !== 0) return undefined
    const body = Buffer.from(answer.body)
    body.writeInt16BE(wanted.code, at)
    wanted = undefined
    told = true
    return framed(answer.header, body)
  })
  return {
    socketFactory: relay.socketFactory,
    inject(apiKey, place, code) {
      wanted = { apiKey, place, code }
      told = false
    },
    told: () => told,
    answers: () => relay.answers.length,
    answersOf: apiKey => relay.answers.filter(answer => answer.apiKey === apiKey).length,
    close: () => relay.close(),
  }
}

module.exports = { RETRIABLE, startInjector }
