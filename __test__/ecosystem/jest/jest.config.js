'use strict'

module.exports = {
  // Not beside node:test's files: only what Jest itself is to run.
  rootDir: __dirname,
  testMatch: ['**/*.jest.js'],
  testEnvironment: 'node',
  testTimeout: 30_000,
  modulePathIgnorePatterns: ['\\.clients'],
}
