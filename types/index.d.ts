// kafkajs has its types at this path, and programs import from it.
export * from '../index'
