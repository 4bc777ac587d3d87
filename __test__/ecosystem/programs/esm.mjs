import kafkajs, { Kafka } from 'kafkajs'
import program from './traffic.js'

const { report, traffic } = program

// Tracers replace the name as well as the default.
report(await traffic({ ...kafkajs, Kafka }))
