'use strict'

/** Who leads a partition is learned while its messages wait: they go to the new leader, whoever has asked for it. */

const assert = require('node:assert/strict')
const test = require('node:test')
const { waitFor, within } = require('../harness')
const { connectProducer } = require('./clients')
const { startScriptedBroker } = require('./scriptedBroker')

const SOON_MS = 10_000
const NOT_ENOUGH_REPLICAS = 19
const OLD_LEADER = 1
const NEW_LEADER = 2

/** Two brokers that tell the same: topic `t`, led by the first one, and whatever is added to `topics`. */
async function scene(t, { produce, options, settings }) {
  const topics = { t: [{ partition: 0, leader: OLD_LEADER }] }
  const oldLeader = await startScriptedBroker({ topics, produce })
  const newLeader = await startScriptedBroker({ topics })
  const nodes = [oldLeader.address, newLeader.address]
  for (const broker of [oldLeader, newLeader]) broker.nodes = nodes
  const close = () => Promise.all([oldLeader.close(), newLeader.close()])
  const brokers = { brokers: oldLeader.brokers, close }
  const producer = await connectProducer(t, brokers, options, settings)
  const send = (topic, value) => producer.send({ topic, messages: [{ value }] })
  await send('t', 'the topic is known')

  /** The leader of `t` changes, and the producer learns of it because it asks for another topic. */
  const move = async leaderOfOther => {
    topics.t = [{ partition: 0, leader: NEW_LEADER }]
    topics.other = [{ partition: 0, leader: leaderOfOther }]
    await send('other', 'the leaders are known')
  }
  return { oldLeader, newLeader, send, move }
}

for (const idempotent of [false, true]) {
  test(`what waited behind a batch that the old leader has taken, idempotent ${idempotent}`, async t => {
    let release
    const released = new Promise(resolve => {
      release = resolve
    })
    const { oldLeader, newLeader, send, move } = await scene(t, {
      produce: ({ attempt }) => (attempt === 1 ? released.then(() => 0) : 0),
      // What lingers does not leave on the thread of its caller, which tells all senders when it has ended.
      options: { idempotent, linger: 1 },
    })
    const first = send('t', 'under way')
    await waitFor(() => oldLeader.attempts.length === 2)
    const second = send('t', 'behind it')
    await move(NEW_LEADER)
    release()
    await first
    await within(SOON_MS, second, 'the message behind it')
    assert.deepEqual(
      newLeader.stored.map(({ topic }) => topic),
      ['other', 't']
    )
  })
}

test('what waits for its next attempt', async t => {
  const { oldLeader, newLeader, send, move } = await scene(t, {
    produce: ({ topic, attempt }) => (topic === 't' && attempt === 1 ? NOT_ENOUGH_REPLICAS : 0),
    settings: { retry: { initialRetryTime: 500, maxRetryTime: 500, retries: 5 } },
  })
  const sent = send('t', 'refused once')
  await waitFor(() => oldLeader.attempts.length === 2)
  await move(OLD_LEADER)
  await within(SOON_MS, sent, 'the message')
  assert.deepEqual(
    newLeader.stored.map(({ topic }) => topic),
    ['t']
  )
})
