'use strict'

/**
 * Loads the native addon, or says what to do when there is none for this machine.
 */

let addon = null

/**
 * @returns {typeof import('../../binding')} the addon; loaded once, by the first client and not by `require`
 * @throws {Error} that names the platform when no binary fits it
 */
const loadAddon = () => {
  if (addon) return addon
  try {
    addon = require('../../binding.js')
  } catch (cause) {
    const platform = `${process.platform}-${process.arch}`
    throw new Error(
      `kafkajs-rs has no native binary that loads on ${platform} with Node.js ${process.version}. In a checkout, build it with "npm ci && npm run build"; in an installed package, reinstall without "--omit=optional" on the machine that runs the program.`,
      { cause }
    )
  }
  return addon
}

module.exports = { loadAddon }
