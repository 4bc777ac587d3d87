'use strict'

/** An HTTP server that stands for what a tracer reports to, and keeps what it gets. */

const http = require('node:http')
const zlib = require('node:zlib')

/** @typedef {{ method: string, path: string, headers: object, body: Buffer }} Received  body: unzipped */

/**
 * @param {object} [options]
 * @param {(request: Received) => unknown} [options.answer]  JSON to answer with; default {}
 * @returns {Promise<{ port: number, received: Received[], close: () => Promise<void> }>}
 */
async function startCollector({ answer = () => ({}) } = {}) {
  const received = []
  const server = http.createServer(async (request, response) => {
    const chunks = []
    for await (const chunk of request) chunks.push(chunk)
    const raw = Buffer.concat(chunks)
    const { headers, method, url: path } = request
    const body = unzip(raw, headers['content-encoding'])
    const entry = { method, path, headers, body }
    received.push(entry)
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(answer(entry)))
  })
  await new Promise(resolve => {
    server.listen(0, '127.0.0.1', resolve)
  })
  return {
    port: server.address().port,
    received,
    close: () =>
      new Promise(resolve => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function unzip(body, encoding) {
  if (body.length === 0) return body
  if (encoding === 'gzip')
    return zlib.gunzipSync(body, { finishFlush: zlib.constants.Z_SYNC_FLUSH })
  if (encoding === 'deflate') return zlib.inflateSync(body)
  return body
}

module.exports = { startCollector }
