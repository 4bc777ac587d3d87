'use strict'

const { SpanStatusCode, context, metrics, trace } = require('@opentelemetry/api')
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs')
const {
  InMemorySpanExporter,
  NodeTracerProvider,
  SimpleSpanProcessor,
} = require('@opentelemetry/sdk-trace-node')
const {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} = require('@opentelemetry/sdk-metrics')

const spanExporter = new InMemorySpanExporter()
const tracerProvider = new NodeTracerProvider({
  spanProcessors: [new SimpleSpanProcessor(spanExporter)],
})
tracerProvider.register()
const metricExporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE)
const meterProvider = new MeterProvider({
  readers: [
    new PeriodicExportingMetricReader({
      exporter: metricExporter,
      exportIntervalMillis: 3_600_000,
    }),
  ],
})
metrics.setGlobalMeterProvider(meterProvider)
registerInstrumentations({
  instrumentations: [new KafkaJsInstrumentation()],
  tracerProvider,
  meterProvider,
})

const kafkajs = require('kafkajs')
const { report, settings, traffic } = require('./traffic')

const tracer = trace.getTracer('user')

/** A task in a span of the user's, which ends with it. */
const inSpan = (name, task) =>
  tracer.startActiveSpan(name, async span => {
    try {
      return await task()
    } finally {
      span.end()
    }
  })

/** A transaction whose two messages are in its span. */
async function transaction() {
  const { brokers, group, transactionTopic: topic } = settings
  const kafka = new kafkajs.Kafka({ brokers, logLevel: kafkajs.logLevel.NOTHING })
  const producer = kafka.producer({ transactionalId: `${group}-tx`, maxInFlightRequests: 1 })
  await producer.connect()
  const begun = await producer.transaction()
  await begun.send({ topic, messages: [{ value: 'in a transaction' }] })
  await begun.sendBatch({ topicMessages: [{ topic, messages: [{ value: 'so is this' }] }] })
  await begun.commit()
  await producer.disconnect()
}

function describeSpan(span) {
  const { traceId, spanId } = span.spanContext()
  return {
    name: span.name,
    kind: span.kind,
    traceId,
    spanId,
    parentId: span.parentSpanContext?.spanId,
    links: span.links.map(({ context: linked }) => linked.spanId),
    attributes: span.attributes,
    isError: span.status.code === SpanStatusCode.ERROR,
  }
}

async function main() {
  const seen = await traffic(kafkajs, {
    inSpan,
    inHandler: () => trace.getSpan(context.active())?.spanContext().spanId,
  })
  await inSpan('in a transaction', transaction)
  await meterProvider.forceFlush()
  const measured = metricExporter
    .getMetrics()
    .at(-1)
    .scopeMetrics.flatMap(scope => scope.metrics)
    .map(({ descriptor, dataPoints }) => ({
      name: descriptor.name,
      points: dataPoints.map(({ attributes, value }) => ({
        attributes,
        value: value.count ?? value,
      })),
    }))
  const spans = spanExporter.getFinishedSpans().map(describeSpan)
  await meterProvider.shutdown()
  await tracerProvider.shutdown()
  report({ ...seen, measured, spans })
}

main()
