'use strict'

/**
 * What a test body notes down about a library, in a form in which two libraries can be compared: errors become their
 * class, text and properties, Buffers become text, and names that differ from run to run become placeholders.
 */

class Recording {
  /** @param {Record<string, string>} masks text -> placeholder */
  constructor(masks = {}) {
    this.entries = new Map()
    this.masks = { ...masks }
  }

  /**
   * Appends to the list of this label. Order counts within a label and not between labels, so what must happen in
   * order goes under one label.
   *
   * @param {string} label
   * @param {unknown} value copied now: later changes do not show
   */
  record(label, value) {
    const list = this.entries.get(label) ?? []
    list.push(snapshot(value))
    this.entries.set(label, list)
  }

  /**
   * @param {string | number} text what differs from run to run: a port, a member id
   * @param {string} placeholder
   */
  mask(text, placeholder) {
    this.masks[String(text)] = placeholder
  }

  /** @returns {Record<string, unknown[]>} label -> what was recorded, with the placeholders */
  toObject() {
    // Longest first: a name may be part of another.
    const masks = Object.entries(this.masks).sort(([a], [b]) => b.length - a.length)
    return Object.fromEntries(
      [...this.entries].map(([label, list]) => [label, masked(list, masks)])
    )
  }
}

/**
 * @param {unknown} value
 * @param {unknown[]} [path] objects above it, for circles
 * @returns {unknown} a copy made of plain objects, arrays and primitives
 */
function snapshot(value, path = []) {
  if (typeof value === 'function') return `[function ${value.name}]`
  if (typeof value === 'symbol') return value.toString()
  if (typeof value !== 'object' || value === null) return value
  if (path.includes(value)) return '[circular]'
  const below = [...path, value]
  if (Buffer.isBuffer(value)) return { buffer: describeBytes(value) }
  if (value instanceof Error) return describeError(value, below)
  if (Array.isArray(value)) return value.map(item => snapshot(item, below))
  if (value instanceof Map) {
    return { map: [...value].map(([key, item]) => [snapshot(key, below), snapshot(item, below)]) }
  }
  if (value instanceof Set) return { set: [...value].map(item => snapshot(item, below)) }
  if (value instanceof Date) return { date: value.getTime() }
  return snapshotProperties(value, below)
}

function snapshotProperties(object, path) {
  const entries = Object.entries(object).map(([key, item]) => [key, snapshot(item, path)])
  return Object.fromEntries(entries)
}

/** Text where it is text: a report with hexadecimal in it is hard to read. */
function describeBytes(buffer) {
  const text = buffer.toString('utf8')
  return Buffer.from(text, 'utf8').equals(buffer) ? text : `0x${buffer.toString('hex')}`
}

/** Enumerable properties (name, retriable, code, type, cause, ...) without the stack, which names files. */
function describeError(error, path) {
  const { stack, ...properties } = snapshotProperties(error, path)
  return { class: error.constructor.name, message: error.message, ...properties }
}

function masked(value, masks) {
  if (typeof value === 'string') {
    return masks.reduce((text, [name, placeholder]) => text.replaceAll(name, placeholder), value)
  }
  if (typeof value === 'number') {
    const mask = masks.find(([name]) => name === String(value))
    return mask ? mask[1] : value
  }
  if (Array.isArray(value)) return value.map(item => masked(item, masks))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [masked(key, masks), masked(item, masks)])
  )
}

/**
 * The form of a value whose content differs from run to run: each number, digit string, string, Buffer or boolean is
 * replaced by its kind.
 *
 * @param {unknown} value
 * @returns {unknown}
 */
function shapeOf(value) {
  if (value === null) return null
  if (typeof value === 'string') return /^-?\d+$/.test(value) ? 'digits' : 'string'
  if (Buffer.isBuffer(value)) return 'Buffer'
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== 'object') return typeof value
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, shapeOf(item)]))
}

module.exports = { Recording, shapeOf }
