'use strict'

/** What happens to a cluster of three behind proxies, one misfortune at a time, chosen by chance. */

const { setTimeout } = require('node:timers/promises')

/** Between two misfortunes, ms: everything recovers, as far as it is going to. */
const REST_MS = [4000, 10_000]
/** How long a misfortune lasts, ms: shorter than the session, so that it is a disturbance and not an outage. */
const LENGTH_MS = [1000, 6000]

const NODES = 3

/**
 * Same choices for the same seed.
 *
 * @param {number} seed
 * @returns {() => number} from 0 to 1
 */
function makeRandom(seed) {
  let state = seed
  return () => {
    state = (state * 1103515245 + 12345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** By name: takes the node and its proxy, and how long it is to last. */
const FAULTS = {
  kill: async ({ cluster, node, lasting }) => {
    await cluster.kill(node)
    await lasting()
    await cluster.restart(node)
  },
  freeze: async ({ cluster, node, lasting }) => {
    await cluster.pause(node)
    await lasting()
    await cluster.resume(node)
  },
  restart: async ({ cluster, node }) => {
    await cluster.restart(node)
  },
  cut: async ({ proxy }) => {
    proxy.cut()
  },
  'half-open': async ({ proxy, lasting }) => {
    proxy.halfOpen()
    await lasting()
    proxy.pass()
  },
  'half-open, then cut': async ({ proxy, lasting }) => {
    proxy.halfOpen()
    await lasting()
    proxy.cut()
    proxy.pass()
  },
  slow: async ({ proxy, lasting }) => {
    proxy.delay(200)
    await lasting()
    proxy.pass()
  },
}

/**
 * @param {object} scene
 * @param {import('../../broker/cluster').Cluster} scene.cluster
 * @param {object[]} scene.proxies one per node
 * @param {number} scene.seed
 * @param {AbortSignal} scene.signal no misfortune begins after it; one that lasts ends in its own time
 * @param {(fault: { name: string, node: number }) => void} scene.onFault
 */
async function runFaults({ cluster, proxies, seed, signal, onFault }) {
  const random = makeRandom(seed)
  const between = ([least, most]) => least + random() * (most - least)
  const names = Object.keys(FAULTS)
  while (!signal.aborted) {
    await sleep(between(REST_MS), signal)
    if (signal.aborted) return
    const name = names[Math.floor(random() * names.length)]
    const node = 1 + Math.floor(random() * NODES)
    onFault({ name, node })
    const lasting = () => sleep(between(LENGTH_MS))
    await FAULTS[name]({ cluster, proxy: proxies[node - 1], node, lasting })
  }
}

/** Ends early, without an error, when `signal` says so. */
async function sleep(milliseconds, signal) {
  try {
    await setTimeout(milliseconds, undefined, { signal })
  } catch (error) {
    if (error.name !== 'AbortError') throw error
  }
}

module.exports = { runFaults }
