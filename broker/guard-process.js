'use strict'

/** The guard of guard.js: reads its orders from standard input, acts when that ends. */

const fs = require('node:fs')
const readline = require('node:readline')
const { end } = require('./process-table')

/** @type {Map<number, import('./process-table').Mark>} */
const marks = new Map()
const directories = new Set()

readline
  .createInterface({ input: process.stdin })
  .on('line', line => {
    const { guard, release } = JSON.parse(line)
    if (guard?.mark) marks.set(guard.mark.pid, guard.mark)
    if (guard?.directory) directories.add(guard.directory)
    if (release?.mark) marks.delete(release.mark.pid)
    if (release?.directory) directories.delete(release.directory)
  })
  .on('close', async () => {
    await end([...marks.values()])
    for (const directory of directories) fs.rmSync(directory, { recursive: true, force: true })
  })
