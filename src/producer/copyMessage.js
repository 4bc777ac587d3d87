'use strict'

/**
 * A message as it is now, for a call that cannot be packed at once: the caller may reuse its objects and buffers.
 */

const copyField = field => {
  if (field instanceof ArrayBuffer) return field.slice(0)
  if (!ArrayBuffer.isView(field)) return field
  return Buffer.from(new Uint8Array(field.buffer, field.byteOffset, field.byteLength))
}

const copyHeaders = headers => {
  if (headers == null) return headers
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(copyField) : copyField(value),
    ])
  )
}

/**
 * @param {object} message of any class; a custom partitioner sees the copy, so members that are not Kafka's stay, too
 * @returns {object} with its own bytes, of the same class
 */
module.exports = message => {
  const copy = Object.assign(Object.create(Object.getPrototypeOf(message)), message)
  const { key, value, headers } = message
  const fields = { key: copyField(key), value: copyField(value), headers: copyHeaders(headers) }
  for (const name of Object.keys(fields)) {
    // An accessor of the class gives what it gives.
    if (Object.hasOwn(copy, name)) copy[name] = fields[name]
  }
  return copy
}
