'use strict'

/**
 * A user's `socketFactory`: the socket lives here, its bytes cross to and from the core.
 *
 * Each chunk crosses once and is copied once, so this is for tunnels, proxies and odd networks; without a
 * `socketFactory` the core opens its own sockets and nothing of this runs.
 */

const { invoke } = require('../binding')

/** What of an error the core is told. */
const describe = error => [
  `${error?.message ?? error}`,
  error?.code == null ? undefined : `${error.code}`,
]

/**
 * @param {object} options
 * @param {Function} [options.socketFactory] `({ host, port, ssl, onConnect }) => socket`
 * @param {unknown} [options.ssl] handed to it
 * @param {() => object} options.network the client's `NativeNetwork`
 * @returns {{ open: (question: { socket: number, host: string, port: number }) => Promise<{ value: object | null }> }}
 *   `open` gives null once the socket is connected, `{ threw }` or `{ failed, code }` if it cannot be
 */
module.exports = ({ socketFactory, ssl, network }) => {
  /** Writes what the core has, in order and no faster than the socket takes it, and ends the socket after it. */
  const pump = async (socket, id, writable) => {
    try {
      for (;;) {
        const { value: more, attachments } = await invoke(call =>
          network().socketOutgoing(call, id)
        )
        if (!more) break
        for (const chunk of attachments) {
          if (socket.write(chunk, 'binary') === false) await writable()
        }
      }
    } finally {
      socket.end()
      socket.unref?.()
    }
  }

  const receiver = (socket, id) => {
    let paused = false
    return chunk => {
      const goOn = network().socketReceived(id, Buffer.isBuffer(chunk) ? chunk : Buffer.from(chunk))
      if (goOn || paused || !socket.pause) return
      paused = true
      socket.pause()
      const resume = () => {
        paused = false
        socket.resume()
      }
      // If the client has gone meanwhile, the pump ends the socket.
      invoke(call => network().socketDrained(call, id)).then(resume, () => {})
    }
  }

  const connect = ({ socket: id, host, port }, resolve) => {
    let wake = () => {}
    const writable = () =>
      new Promise(done => {
        wake = done
      })
    const end = () => {
      network().socketEnded(id)
      wake()
      resolve({ failed: 'the socket ended before it was connected' })
    }
    const fail = error => {
      const [message, code] = describe(error)
      network().socketEnded(id, message, code)
      wake()
      resolve({ failed: message, code })
    }
    const socket = socketFactory({ host, port, ssl, onConnect: () => resolve(null) })
    socket.on('data', receiver(socket, id))
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', fail)
    socket.on('timeout', () => fail(new Error('Connection timeout')))
    socket.on('drain', () => wake())
    pump(socket, id, writable).catch(fail)
  }

  return {
    open: async question => {
      const outcome = await new Promise(resolve => {
        try {
          connect(question, resolve)
        } catch (error) {
          network().socketEnded(question.socket)
          resolve({ threw: describe(error)[0] })
        }
      })
      return { value: outcome }
    },
  }
}
