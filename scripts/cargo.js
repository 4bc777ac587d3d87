#!/usr/bin/env node
'use strict'

/**
 * Stands in for cargo when @napi-rs/cli builds a release: `cargo build` also makes the library that tests and benchmarks
 * link to, and a crate of two kinds is not optimised as a whole (LTO). The addon alone is.
 */

const { spawnSync } = require('node:child_process')

/**
 * Functions that do not ask to be inlined are so only when that is small: LLVM's own limit of 225 makes the addon larger
 * and not measurably faster. What a hot path wants inlined says so.
 */
const FLAGS = ['-C', 'llvm-args=-inline-threshold=50']

/** @returns {string[]} arguments of cargo that build the addon and nothing else; `build` is what napi would run */
function addonOnly([command, ...options]) {
  return command === 'build'
    ? ['rustc', '--lib', '--crate-type', 'cdylib', ...options, '--', ...FLAGS]
    : [command, ...options]
}

if (require.main === module) {
  const { status, error } = spawnSync('cargo', addonOnly(process.argv.slice(2)), {
    stdio: 'inherit',
  })
  if (error) console.error(error.message)
  process.exitCode = status ?? 1
}

module.exports = { addonOnly }
