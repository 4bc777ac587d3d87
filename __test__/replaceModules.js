'use strict'

const Module = require('node:module')
const path = require('node:path')

/**
 * Runs `body` while some modules are replaced, so that a test sees what is passed to them.
 *
 * @template T
 * @param {Record<string, unknown>} replacements absolute path without `.js` or `/index.js`, as a relative
 *   `require` spells it, to what requiring it gives; the file need not exist
 * @param {() => T | Promise<T>} body
 * @returns {Promise<T>} what `body` gives
 */
const replacingModules = async (replacements, body) => {
  const original = Module._load
  Module._load = function (request, parent, ...rest) {
    if (parent?.filename && request.startsWith('.')) {
      const target = path.resolve(path.dirname(parent.filename), request)
      if (Object.hasOwn(replacements, target)) return replacements[target]
    }
    return original.call(this, request, parent, ...rest)
  }
  try {
    return await body()
  } finally {
    Module._load = original
  }
}

/**
 * Loads a module as if for the first time: it, and what it requires from its own folder, is evaluated again.
 *
 * @param {string} file absolute path
 * @returns {any} what it exports
 */
const loadAfresh = file => {
  const folder = path.dirname(file) + path.sep
  const set = Object.entries(require.cache).filter(([name]) => name.startsWith(folder))
  for (const [name] of set) delete require.cache[name]
  try {
    return require(file)
  } finally {
    for (const name of Object.keys(require.cache)) {
      if (name.startsWith(folder)) delete require.cache[name]
    }
    for (const [name, module] of set) require.cache[name] = module
  }
}

module.exports = { replacingModules, loadAfresh }
