'use strict'

/**
 * `cluster.brokerPool`, as far as tracers and custom assigners read it.
 */

/**
 * @param {() => object | null} native the core's cluster, once there is one
 * @returns {object} `metadata` (null before the first answer of the cluster), `versions` (by API key), `nodes()`,
 *   `findBroker(nodeId)`
 */
module.exports = native => {
  const pool = {
    /** @returns {{ clusterId: string | null, controllerId: number, brokers: object[] } | null} */
    get metadata() {
      const snapshot = native() && JSON.parse(native().snapshot())
      return snapshot && snapshot.brokers.length > 0 ? snapshot : null
    },

    /** @returns {Record<number, { minVersion: number, maxVersion: number }>} */
    get versions() {
      return native() ? JSON.parse(native().versions()) : {}
    },

    /** @returns {Array<{ nodeId: number, host: string, port: number, rack: string | null }>} */
    nodes: () => pool.metadata?.brokers ?? [],

    /** @returns {object | undefined} the broker's address and whether the client is connected */
    findBroker: nodeId => {
      const node = pool.nodes().find(broker => broker.nodeId === nodeId)
      return node && { ...node, isConnected: () => native().isConnected() }
    },
  }
  return pool
}
