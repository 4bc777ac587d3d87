'use strict'

const Sentry = require('@sentry/node')

const spans = []

/** An envelope has a header, and items of two lines each; spans come many in an item. */
function readEnvelope(body) {
  for (const line of Buffer.from(body).toString().split('\n')) {
    const { items = [] } = line.startsWith('{') ? JSON.parse(line) : {}
    for (const { name, attributes, links = [], status, ...ids } of items) {
      const values = Object.entries(attributes).map(([key, { value }]) => [key, value])
      spans.push({
        name,
        status,
        traceId: ids.trace_id,
        spanId: ids.span_id,
        parentId: ids.parent_span_id,
        links: links.map(link => link.span_id),
        attributes: Object.fromEntries(values),
      })
    }
  }
}

Sentry.init({
  dsn: 'http://key@127.0.0.1/1',
  tracesSampleRate: 1,
  transport: options =>
    Sentry.createTransport(options, async ({ body }) => {
      readEnvelope(body)
      return { statusCode: 200 }
    }),
})

const kafkajs = require('kafkajs')
const { report, traffic } = require('./traffic')

async function main() {
  const seen = await traffic(kafkajs, {
    inSpan: (name, task) => Sentry.startSpan({ name }, task),
    inHandler: () => Sentry.getActiveSpan()?.spanContext().spanId,
  })
  await Sentry.close(5000)
  report({ ...seen, spans })
}

main()
