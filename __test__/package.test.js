'use strict'

/** The package as a user gets it: packed by npm, unpacked into a project, loaded by every road that leads to kafkajs. */

const assert = require('node:assert/strict')
const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const test = require('node:test')
const { execFileSync } = require('node:child_process')
const ts = require('typescript')

const ROOT = path.join(__dirname, '..')

/** @returns {{ directory: string, tarball: Buffer }} `directory` has the package in node_modules, as `kafkajs-rs` and
 * under its alias `kafkajs` */
function project(t) {
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-package-'))
  t.after(() => fs.rmSync(directory, { recursive: true, force: true }))
  const pack = ['pack', '--ignore-scripts', '--silent', '--pack-destination', directory]
  execFileSync('npm', pack, { cwd: ROOT, stdio: 'ignore' })
  const [tarball] = fs.readdirSync(directory)
  execFileSync('tar', ['-xzf', tarball], { cwd: directory })
  fs.mkdirSync(path.join(directory, 'node_modules'))
  for (const name of ['kafkajs-rs', 'kafkajs']) {
    fs.cpSync(path.join(directory, 'package'), path.join(directory, 'node_modules', name), {
      recursive: true,
    })
  }
  return { directory, tarball: fs.readFileSync(path.join(directory, tarball)) }
}

/** MB, on Linux x64, where it was measured. Whoever builds with RUSTFLAGS of his own replaces ours. */
const MOST_OF_BINARY = 6
const MOST_OF_PACKAGE = 7

/** @returns {string | false} why the size of the binary says nothing */
function isNoRelease() {
  if (process.platform !== 'linux' || process.arch !== 'x64') return 'measured on Linux x64'
  if (process.env.RUSTFLAGS) return 'built with RUSTFLAGS'
  const stamp = path.join(ROOT, 'target', 'addon.json')
  const { profile } = JSON.parse(fs.readFileSync(stamp, 'utf8'))
  return profile === 'release' ? false : `a ${profile} build`
}

/** @returns {string} what the program prints */
function run(directory, name, source) {
  fs.writeFileSync(path.join(directory, name), source)
  return execFileSync(process.execPath, [name], { cwd: directory, encoding: 'utf8' })
}

/** @returns {string[]} what TypeScript has against a file */
function typeErrors(file, options) {
  const program = ts.createProgram([file], {
    strict: true,
    noEmit: true,
    skipLibCheck: true,
    typeRoots: [path.join(ROOT, 'node_modules', '@types')],
    types: ['node'],
    ...options,
  })
  return ts
    .getPreEmitDiagnostics(program)
    .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'))
}

test('the packed package is a drop-in: deep paths, ESM names, types', async t => {
  const { directory, tarball } = project(t)
  const names = Object.keys(require('kafkajs'))

  await t.test('deep requires, with and without an extension, as for kafkajs', () => {
    const paths = ['', '/index.js', '/src', '/src/index.js', '/src/errors', '/package.json']
    const source = paths
      .flatMap(deep => [`kafkajs-rs${deep}`, `kafkajs${deep}`])
      .map(name => `console.log(typeof require('${name}'))`)
      .join('\n')
    const types = run(directory, 'deep.js', source).trim().split('\n')
    assert.equal(types.length, 2 * paths.length)
    assert.ok(types.every(type => type === 'object' || type === 'function'))
  })

  await t.test('every name of kafkajs can be imported from an ES module', () => {
    const source = `import { ${names.join(', ')} } from 'kafkajs-rs'
      import whole from 'kafkajs-rs'
      import { Kafka as fromFile } from 'kafkajs-rs/index.mjs'
      const named = { ${names.join(', ')} }
      const same = Object.keys(named).every(name => named[name] === whole[name])
      console.log(same && fromFile === whole.Kafka && typeof new Kafka({ brokers: ['a:1'] }).producer)`
    assert.equal(run(directory, 'names.mjs', source), 'function\n')
  })

  await t.test('the ES module has the types of the CommonJS one', () => {
    const source = `import { Kafka, logLevel } from 'kafkajs-rs/index.mjs'
      import whole from 'kafkajs-rs/index.mjs'
      import type { Producer } from 'kafkajs-rs/index.mjs'
      import { Kafka as Same } from 'kafkajs-rs'
      export const producer: Producer = new Kafka({ brokers: [], logLevel: logLevel.INFO }).producer()
      export const kafka: Kafka = new Same({ brokers: [] })
      export const all: whole.Kafka = new whole.Kafka({ brokers: [] })\n`
    fs.writeFileSync(path.join(directory, 'types.mts'), source)
    const node16 = {
      module: ts.ModuleKind.Node16,
      moduleResolution: ts.ModuleResolutionKind.Node16,
    }
    assert.deepEqual(typeErrors(path.join(directory, 'types.mts'), node16), [])
  })

  await t.test('publint has nothing to say', async () => {
    const { publint } = await import('publint')
    const { buffer, byteOffset, byteLength } = tarball
    const content = buffer.slice(byteOffset, byteOffset + byteLength)
    const { messages } = await publint({ pack: { tarball: content }, strict: true })
    assert.deepEqual(messages, [])
  })

  await t.test('are the types wrong? They are not', async () => {
    const { checkPackage, createPackageFromTarballData } = await import('@arethetypeswrong/core')
    const { problems, entrypoints } = await checkPackage(
      createPackageFromTarballData(new Uint8Array(tarball)),
      { entrypoints: ['.', './index.mjs', './types'] }
    )
    assert.deepEqual(Object.keys(entrypoints), ['.', './index.mjs', './types'])
    // That an ES module is one, and not for require(), is what its name says.
    const isMeant = ({ kind, entrypoint }) =>
      kind === 'CJSResolvesToESM' && entrypoint === './index.mjs'
    assert.deepEqual(
      problems.filter(problem => !isMeant(problem)),
      []
    )
  })

  await t.test('types are found by each way TypeScript resolves modules', () => {
    const file = path.join(directory, 'types.ts')
    const source = `import { Kafka, Producer } from 'kafkajs-rs'
      import type { EachMessagePayload } from 'kafkajs-rs/types'
      export const producer: Producer = new Kafka({ brokers: ['a:1'] }).producer()
      export const topic = (payload: EachMessagePayload): string => payload.topic\n`
    fs.writeFileSync(file, source)
    for (const [module, moduleResolution] of [
      [ts.ModuleKind.CommonJS, ts.ModuleResolutionKind.Node10],
      [ts.ModuleKind.Node16, ts.ModuleResolutionKind.Node16],
      [ts.ModuleKind.ESNext, ts.ModuleResolutionKind.Bundler],
    ]) {
      const messages = typeErrors(file, { module, moduleResolution })
      assert.deepEqual(messages, [], ts.ModuleResolutionKind[moduleResolution])
    }
  })

  await t.test('it is small', { skip: isNoRelease() }, () => {
    const root = path.join(directory, 'package')
    const megabytesOf = names =>
      names
        .map(name => fs.statSync(path.join(root, name)))
        .reduce((sum, file) => sum + (file.isFile() ? file.size : 0), 0) / 1e6
    const names = fs.readdirSync(root, { recursive: true })
    const binaries = names.filter(name => name.endsWith('.node'))
    assert.equal(binaries.length, 1)
    const [binary, whole] = [megabytesOf(binaries), megabytesOf(names)]
    assert.ok(binary < MOST_OF_BINARY, `the binary has ${binary} MB`)
    assert.ok(whole < MOST_OF_PACKAGE, `the package has ${whole} MB`)
  })

  await t.test('it holds what runs and nothing else', () => {
    const top = fs
      .readdirSync(path.join(directory, 'package'))
      .filter(name => !name.endsWith('.node'))
    assert.deepEqual(top.filter(name => !/^(LICENSE|README|CHANGELOG)/.test(name)).sort(), [
      'binding.d.ts',
      'binding.js',
      'index.d.mts',
      'index.d.ts',
      'index.js',
      'index.mjs',
      'package.json',
      'src',
      'types',
    ])
    const sources = fs.readdirSync(path.join(directory, 'package', 'src'), { recursive: true })
    assert.ok(sources.every(name => !name.endsWith('.rs')))
  })
})

test('the manifest is one that tracers and package managers take', () => {
  const { name, version, scripts, dependencies, license, engines } = require('../package.json')
  assert.equal(name, 'kafkajs-rs')
  // Tracers hook >=2 <3 and ignore a prerelease.
  const [, minor, patch] = /^2\.(\d+)\.(\d+)$/.exec(version)
  assert.ok(minor > 2 || (minor === '2' && patch >= 4), version)
  assert.equal(dependencies, undefined)
  assert.deepEqual(
    ['preinstall', 'install', 'postinstall', 'prepare', 'prepublish'].filter(hook => scripts[hook]),
    []
  )
  assert.equal(license, 'MIT OR Apache-2.0')
  assert.equal(engines.node, '>=20')
})

test('the lock file names no registry', () => {
  const lock = fs.readFileSync(path.join(ROOT, 'package-lock.json'), 'utf8')
  assert.doesNotMatch(lock, /"resolved"/)
})
