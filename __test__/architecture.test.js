'use strict'

/**
 * Layers import downwards only. A forbidden import, in Rust or in JavaScript, fails here with its line.
 */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const path = require('node:path')
const { test } = require('node:test')

const SRC = path.join(__dirname, '..', 'src')

/** What each Rust capability may import besides itself and what everybody may. */
const RUST_MAY_IMPORT = {
  protocol: [],
  network: ['protocol'],
  cluster: ['network', 'protocol'],
  group: ['cluster', 'network', 'protocol'],
  producer: ['cluster', 'network', 'protocol'],
  consumer: ['group', 'cluster', 'network', 'protocol'],
  admin: ['cluster', 'network', 'protocol'],
}
const RUST_FOR_ALL = ['clock', 'config', 'error', 'event', 'tasks']

/** What each folder of JavaScript may require besides itself and what everybody may. */
const JS_MAY_REQUIRE = {
  protocol: [],
  binding: [],
  network: ['binding'],
  cluster: ['binding', 'network'],
  producer: ['binding', 'cluster', 'protocol'],
  consumer: ['binding', 'cluster', 'protocol'],
  admin: ['binding', 'cluster', 'consumer/assignerProtocol', 'protocol'],
}
const JS_FOR_ALL = [
  'channels',
  'enums',
  'errorClasses',
  'errors',
  'events',
  'logger',
  'options',
  'protocol',
]

const filesOf = (extension, folder = SRC) =>
  fs.readdirSync(folder, { withFileTypes: true }).flatMap(entry => {
    const file = path.join(folder, entry.name)
    if (entry.isDirectory()) return filesOf(extension, file)
    return entry.name.endsWith(extension) ? [file] : []
  })

/** Lines of a Rust file outside of its test module, without comments. */
const rustLines = file => {
  const [code] = fs
    .readFileSync(file, 'utf8')
    .split(/^#\[cfg\(test\)\]\n(?:pub\(\w+\) )?mod tests/m)
  return code.split('\n').map(line => line.replace(/\/\/.*$/, ''))
}

const isTest = file => /[\\/]tests?[\\/]|[\\/]tests\.rs$/.test(file)
const isBinding = file =>
  file.startsWith(path.join(SRC, 'binding')) || path.basename(file) === 'binding.rs'
const name = (file, index) => `${path.relative(path.join(SRC, '..'), file)}:${index + 1}`

/** Findings of `look(line, file)` over all lines of all Rust files that are not tests. */
const inRust = look =>
  filesOf('.rs')
    .filter(file => !isTest(file))
    .flatMap(file =>
      rustLines(file).flatMap((line, index) => {
        const finding = look(line, file)
        return finding ? [`${name(file, index)} ${finding}`] : []
      })
    )

test('Rust layers import downwards only', () => {
  const found = inRust((line, file) => {
    const [layer] = path.relative(SRC, file).split(path.sep)
    if (!(layer in RUST_MAY_IMPORT) || isBinding(file)) return null
    const allowed = [layer, ...RUST_MAY_IMPORT[layer], ...RUST_FOR_ALL]
    const imported = [...line.matchAll(/\bcrate::(\w+)/g)].map(match => match[1])
    const forbidden = imported.filter(module => !allowed.includes(module))
    return forbidden.length > 0 ? `imports ${forbidden.join(', ')}` : null
  })
  assert.deepEqual(found, [])
})

test('bindings of a capability import no other capability than cluster and their own', () => {
  const found = inRust((line, file) => {
    if (path.basename(file) !== 'binding.rs') return null
    const [layer] = path.relative(SRC, file).split(path.sep)
    const allowed = [
      'binding',
      'cluster',
      layer,
      ...(RUST_MAY_IMPORT[layer] ?? []),
      ...RUST_FOR_ALL,
    ]
    const imported = [...line.matchAll(/\bcrate::(\w+)/g)].map(match => match[1])
    const forbidden = imported.filter(module => !allowed.includes(module))
    return forbidden.length > 0 ? `imports ${forbidden.join(', ')}` : null
  })
  assert.deepEqual(found, [])
})

test('napi lives in bindings only', () => {
  const found = inRust((line, file) =>
    !isBinding(file) && /\bnapi(?:_derive)?\b/.test(line) ? 'names napi' : null
  )
  assert.deepEqual(found, [])
})

test('only network opens sockets, only tasks spawns, only clock reads the wall clock', () => {
  const rules = [
    [/\bTcpStream\b|\bTcpListener\b|\bUdpSocket\b|\blookup_host\b/, path.join(SRC, 'network')],
    [/\btokio::spawn\b|\bthread::spawn\b/, path.join(SRC, 'tasks.rs')],
    [/\bSystemTime\b/, path.join(SRC, 'clock.rs')],
    [/\bunbounded_channel\b/, 'nowhere'],
  ]
  const found = inRust((line, file) => {
    const broken = rules.find(([pattern, home]) => pattern.test(line) && !file.startsWith(home))
    return broken ? `matches ${broken[0]}` : null
  })
  assert.deepEqual(found, [])
})

test('unsafe code stays in binding', () => {
  const found = inRust((line, file) =>
    !file.startsWith(path.join(SRC, 'binding')) && /\bunsafe\b(?!_)/.test(line) ? 'is unsafe' : null
  )
  assert.deepEqual(found, [])
})

test('JavaScript requires downwards only', () => {
  const found = filesOf('.js').flatMap(file => {
    const [layer, ...rest] = path.relative(SRC, file).split(path.sep)
    if (rest.length === 0 || !(layer in JS_MAY_REQUIRE)) return []
    const allowed = [layer, ...JS_MAY_REQUIRE[layer], ...JS_FOR_ALL]
    const source = fs.readFileSync(file, 'utf8')
    return [...source.matchAll(/require\('(\.[^']*)'\)/g)]
      .map(match => path.relative(SRC, path.resolve(path.dirname(file), match[1])))
      .filter(target => !target.startsWith('..'))
      .filter(
        target => !allowed.some(prefix => target === prefix || target.startsWith(`${prefix}/`))
      )
      .map(target => `${path.relative(SRC, file)} requires ${target}`)
  })
  assert.deepEqual(found, [])
})

test('JavaScript has no run-time dependency and no file called by a name that says nothing', () => {
  const { dependencies } = require('../package.json')
  assert.equal(dependencies, undefined)
  const empty = /^(?:utils?|helpers?|common|misc)\b/
  const named = [...filesOf('.js'), ...filesOf('.rs')].filter(file =>
    empty.test(path.basename(file))
  )
  assert.deepEqual(named, [])
})
