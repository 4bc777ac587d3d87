'use strict'

/**
 * Two copies of the package in one process, as when two dependencies bring one each: both work at once, and neither takes
 * the other's errors for its own. argv: folders of the copies. Prints `COPIES ok`.
 */

const assert = require('node:assert')
const path = require('node:path')
const { connectTo, makeTopic, read, send } = require('./client')

const copies = process.argv.slice(2).map(folder => require(path.resolve(folder)))

async function main() {
  const [first, second] = copies
  assert.notEqual(first.Kafka, second.Kafka)
  const topic = await makeTopic(first)
  await send(second, topic, ['a', 'b'])
  await send(first, topic, ['c'])
  const wanted = ['a', 'b', 'c']
  assert.deepEqual(await Promise.all(copies.map(copy => read(copy, topic, 3))), [wanted, wanted])

  // Clients of both, connected at once; one copy's end is not the other's.
  const producers = copies.map(copy => connectTo(copy).producer())
  await Promise.all(producers.map(producer => producer.connect()))
  await producers[0].disconnect()
  const [{ baseOffset }] = await producers[1].send({ topic, messages: [{ value: 'd' }] })
  assert.equal(baseOffset, '3')
  const failure = await producers[1].send({ topic, messages: [{}] }).catch(error => error)
  assert.ok(failure instanceof second.KafkaJSNonRetriableError)
  assert.ok(!(failure instanceof first.KafkaJSNonRetriableError))
  await producers[1].disconnect()

  // A codec is registered in one of them.
  first.CompressionCodecs[first.CompressionTypes.GZIP] = () => {
    throw new Error('not mine')
  }
  const other = connectTo(second).producer()
  await other.connect()
  const compression = second.CompressionTypes.GZIP
  await other.send({ topic, compression, messages: [{ value: 'e' }] })
  await other.disconnect()
  assert.equal((await read(second, topic, 5)).at(-1), 'e')
  console.log('COPIES ok')
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
