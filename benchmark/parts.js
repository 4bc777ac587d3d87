'use strict'

/** What a call of `send` is made of: CPU time by what it goes to, and by thread. */

/** The core's threads have the name of the library. */
const CORE_THREAD = 'kafkajs-rs'
/** Left out: the start of the process with its warm-up, and its end. */
const SKIPPED_SECONDS = { first: 2.5, last: 0.7 }
const MICROS_PER_SECOND = 1e6
const HEAD = /^(.+?)\s+\d+\s+([\d.]+):/

/** By words in the functions of a stack; the first that fits counts. */
const PARTS = [
  ['compressing', /compressor::compress|deflate_|lz4_flex|zstd_|hist_|fse_/],
  ['writing to the socket', /sendto|tcp_sendmsg|__send\+/],
  ['reading from the socket', /recvfrom|tcp_recvmsg/],
  [
    'waking, sleeping, switching',
    /^(?!.*(?:runmicrotasks|js:)).*(?:eventfd_|epoll_p?wait|ep_poll|threadsafefunction|uv__async|pthread_mutex|futex)/s,
  ],
  ['writing records', /encode_batch|write_section|encode_all|crc32c/],
  ['copying, choosing partitions', /^(?!.*flush).*nativeproducer/s],
  ['request and answer', /flush|sender::|exchange|messenger|settle/],
  ['packing', /packcall|putmessage|writeutf8|packfor/],
  ['the rest', /(?:)/],
]

/**
 * @param {string} stacks - as `perf script` writes them
 * @param {{ samplesPerSecond: number, callsPerSecond: number }} rates - of one processor, and of the workload
 * @returns {string} a line for each part: thread, part, microseconds of a call
 */
function describeParts(stacks, { samplesPerSecond, callsPerSecond }) {
  const samples = stacks
    .split('\n\n')
    .map(stack => ({ head: HEAD.exec(stack), functions: stack.toLowerCase() }))
    .filter(({ head }) => head)
    .map(({ head, functions }) => ({ thread: head[1], at: Number(head[2]), functions }))
  const from = samples[0].at + SKIPPED_SECONDS.first
  const to = samples.at(-1).at - SKIPPED_SECONDS.last
  const counts = new Map()
  for (const { thread, at, functions } of samples) {
    if (at < from || at > to) continue
    const [part] = PARTS.find(([, words]) => words.test(functions))
    const name = `${thread === CORE_THREAD ? 'core' : 'main'}: ${part}`
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  const calls = (to - from) * callsPerSecond
  return Array.from(counts)
    .sort(([, one], [, other]) => other - one)
    .map(([name, count]) => {
      const micros = ((count / samplesPerSecond) * MICROS_PER_SECOND) / calls
      return `${micros.toFixed(1).padStart(9)}  ${name}`
    })
    .join('\n')
}

module.exports = { describeParts }
