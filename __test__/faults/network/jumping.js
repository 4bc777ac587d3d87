'use strict'

/** To be required before a program: its clock jumps almost an hour forwards and back, ten times a second. */

/** A broker refuses messages from further in the future than an hour. */
const JUMPS_MS = [0, 3_590_000, -3_590_000]
const PERIOD_MS = 100

const { now } = Date
let jump = 0
Date.now = () => now() + JUMPS_MS[jump]
setInterval(() => {
  jump = (jump + 1) % JUMPS_MS.length
}, PERIOD_MS).unref()
