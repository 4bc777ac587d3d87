'use strict'

/**
 * JavaScript's end of the completion queue (its other end is `completion.rs`).
 *
 * Every asynchronous native method takes the number of a call and returns at once; the result comes through one
 * queue that is drained in batches. Promises are made here and not by the addon: they are cheaper this way, and they
 * belong to the context that loaded this module.
 */

const { errorFromPayload, keepUserError } = require('../errors')
const { loadAddon } = require('./addon')
const CallWindow = require('./callWindow')

const MAX_CALL = 2 ** 32 - 1

/** @type {Map<number, { resolve: (value: unknown) => void, reject: (payload: object) => void }>} */
const pending = new Map()
/** Of ProduceCall. */
const produces = new CallWindow()
/** @type {Map<number, ClientHooks>} */
const attached = new Map()

let queue = null
let nextCall = 1
let nextClient = 1
let holders = 0

/**
 * @typedef {object} ProduceCall a produce call under way; settled once
 * @property {number} id its number, once it has one
 * @property {(table: Int32Array, at: number, count: number) => void} delivered its rows: `count` times 8 numbers
 * @property {(payload: object) => void} failed
 *
 * @typedef {object} ClientHooks what the core's reports of one client lead to
 * @property {(name: string, payload: object) => void} onEvent an instrumentation event, name without its client
 * @property {(level: number, namespace: string, message: string, extra: object) => void} onLog
 * @property {(name: string, payload: object) => void} onSignal something the client has to react to
 * @property {(name: string, payload: object, attachments: Buffer[]) => Promise<{ value?: unknown, bytes?: Uint8Array }>}
 *   onAsk something only the user's own code can answer
 */

/** Throws outside of the drain, so that one entry cannot keep the others from being settled. */
const rethrow = error => {
  process.nextTick(() => {
    throw error
  })
}

/** Lets the user's code answer a question of the core. */
const answer = async (hooks, [name, question, payload, first, count], attachments) => {
  try {
    const bytes = count > 0 ? attachments.slice(first, first + count) : []
    const given = (await hooks.onAsk(name, payload, bytes)) ?? {}
    const value = JSON.stringify(given.value ?? null)
    completionQueue().answer(question, false, value, given.bytes)
  } catch (error) {
    completionQueue().answer(question, true, JSON.stringify(keepUserError(error)))
  }
}

const report = ([, client, kind, ...details], attachments) => {
  const hooks = attached.get(client)
  if (!hooks) return
  if (kind === 'ask') answer(hooks, details, attachments).catch(rethrow)
  else if (kind === 'event') hooks.onEvent(...details)
  else if (kind === 'log') hooks.onLog(...details)
  else hooks.onSignal(...details)
}

const settle = (entry, attachments) => {
  const [id, outcome, value, first, count] = entry
  if (id === 0) return report(entry, attachments)
  const call = pending.get(id)
  if (!call) {
    // A produce call that failed is told by the same kind of entry; its success comes as numbers.
    produces.take(id)?.failed(value)
    return undefined
  }
  pending.delete(id)
  release()
  if (outcome === 1) call.resolve(value)
  else if (outcome === 0) call.reject(value)
  else call.resolve({ value, attachments: attachments?.slice(first, first + count) ?? [] })
  return undefined
}

const settleProduced = table => {
  let at = 0
  while (at < table.length) {
    const id = table[at] >>> 0
    const count = table[at + 1]
    produces.take(id)?.delivered(table, at + 2, count)
    at += 2 + count * 8
  }
}

const drain = (produced, control, attachments) => {
  if (produced) {
    settleProduced(new Int32Array(produced.buffer, produced.byteOffset, produced.byteLength / 4))
  }
  if (!control) return
  for (const entry of JSON.parse(`[${control}]`)) {
    try {
      settle(entry, attachments)
    } catch (error) {
      rethrow(error)
    }
  }
}

/** @returns {object} the queue of this copy of the module, made by its first client */
const completionQueue = () => {
  if (!queue) {
    const { CompletionQueue } = loadAddon()
    queue = new CompletionQueue(drain)
  }
  return queue
}

const hold = () => {
  if (holders++ === 0) completionQueue().hold()
}

const release = () => {
  if (--holders === 0) completionQueue().release()
}

const takeCall = () => {
  const id = nextCall
  nextCall = id === MAX_CALL ? 1 : id + 1
  return id
}

/**
 * What a synchronous native method threw: our payload, if it is one of ours.
 *
 * @param {Error} error
 * @returns {Error}
 */
const thrownError = error => {
  if (typeof error?.message !== 'string' || !error.message.startsWith('{')) return error
  try {
    return errorFromPayload(JSON.parse(error.message))
  } catch {
    return error
  }
}

/**
 * Starts a native operation and waits for its result.
 *
 * Being `async` matters: an error made after the `await` has the frames of those who await this in its stack.
 *
 * @param {(call: number) => void} start runs the native method with the number it is given
 * @returns {Promise<any>} the parsed value, or `{ value, attachments }` when buffers come with it
 * @throws {Error} the error of kafkajs' class that the core reported
 */
const invoke = async start => {
  const id = takeCall()
  const settled = new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject })
  })
  hold()
  try {
    start(id)
  } catch (error) {
    pending.delete(id)
    release()
    throw thrownError(error)
  }
  try {
    return await settled
  } catch (payload) {
    throw errorFromPayload(payload)
  }
}

/**
 * Takes a number for a produce call, whose result comes as numbers. The native method has to be called with it at once;
 * if it throws, `dropProduce` takes the number back.
 *
 * @param {ProduceCall} produce
 * @returns {number}
 */
const takeProduce = produce => {
  const id = takeCall()
  produce.id = id
  produces.add(produce)
  return id
}

/** @param {number} id of a produce call that was not begun after all */
const dropProduce = id => {
  produces.take(id)
}

/**
 * Runs a synchronous native method.
 *
 * @template T
 * @param {() => T} method
 * @returns {T}
 * @throws {Error} the error of kafkajs' class that the core reported
 */
const invokeSync = method => {
  try {
    return method()
  } catch (error) {
    throw thrownError(error)
  }
}

/** @returns {number} the number of a new client of this copy of the module */
const nextClientNumber = () => nextClient++

/**
 * From now on the client's reports reach its hooks, and the process stays alive.
 *
 * @param {number} client
 * @param {ClientHooks} hooks
 */
const attach = (client, hooks) => {
  if (attached.has(client)) return
  attached.set(client, hooks)
  hold()
}

/**
 * Ends what `attach` began.
 *
 * @param {number} client
 */
const detach = client => {
  if (attached.delete(client)) release()
}

module.exports = {
  loadAddon,
  completionQueue,
  invoke,
  takeProduce,
  dropProduce,
  invokeSync,
  nextClientNumber,
  attach,
  detach,
}
