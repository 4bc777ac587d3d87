import { createRequire, register } from 'node:module'

register('@opentelemetry/instrumentation/hook.mjs', import.meta.url)

const require = createRequire(import.meta.url)
const { registerInstrumentations } = require('@opentelemetry/instrumentation')
const { KafkaJsInstrumentation } = require('@opentelemetry/instrumentation-kafkajs')
const { NodeTracerProvider } = require('@opentelemetry/sdk-trace-node')

const tracerProvider = new NodeTracerProvider()
tracerProvider.register()
registerInstrumentations({ instrumentations: [new KafkaJsInstrumentation()], tracerProvider })
