'use strict'

const { KafkaJSNonRetriableError } = require('../errors')

/**
 * The assigners that a member offers to its group: what it tells of them when it joins, and their work when this member
 * leads. What crosses to the core is in base64.
 */
module.exports = class OfferedAssigners {
  #offered
  #thrown = null

  /**
   * @param {Array<{ assigner: object, assignor: string | null }>} offered by preference; `assignor` names the one of the
   *   core that does the assigner's work, if there is one
   */
  constructor(offered) {
    this.#offered = offered
  }

  /**
   * @param {string[]} topics the subscription
   * @returns {Array<{ name: string, assignor: string | null, metadata: string }>}
   */
  protocols(topics) {
    this.#thrown = null
    return this.#offered.map(({ assigner, assignor }) => {
      const { name, metadata } = assigner.protocol({ topics })
      return { name, assignor, metadata: Buffer.from(metadata).toString('base64') }
    })
  }

  /**
   * Has the program's assigner deal the partitions out.
   *
   * @param {{ groupProtocol: string, members: object[], topics: string[] }} question of the core
   * @returns {Promise<Array<{ memberId: string, memberAssignment: string }>>}
   */
  async assign({ groupProtocol, members, topics }) {
    try {
      const { assigner } = this.#chosen(groupProtocol)
      const assignments = await assigner.assign({
        members: members.map(({ memberId, memberMetadata, groupInstanceId }) => ({
          memberId,
          memberMetadata: Buffer.from(memberMetadata, 'base64'),
          groupInstanceId,
        })),
        topics,
      })
      return assignments.map(({ memberId, memberAssignment }) => ({
        memberId,
        memberAssignment: Buffer.from(memberAssignment).toString('base64'),
      }))
    } catch (error) {
      this.#thrown = error
      throw error
    }
  }

  #chosen(groupProtocol) {
    const chosen = this.#offered.find(({ assigner }) => assigner.name === groupProtocol)
    if (chosen) return chosen
    throw new KafkaJSNonRetriableError(
      `Unsupported partition assigner "${groupProtocol}", the assigner wasn't found in the assigners list`
    )
  }

  /** @returns {unknown} what an assigner has thrown since the last join began, the very same value; null if nothing */
  get thrown() {
    return this.#thrown
  }
}
