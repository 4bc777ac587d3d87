// The types of index.mjs: those of the CommonJS module, which is also the default export.
export * from './index.js'
export { default } from './index.js'
