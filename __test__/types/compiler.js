'use strict'

const fs = require('node:fs')
const os = require('node:os')
const path = require('node:path')
const ts = require('typescript')

const ROOT = path.join(__dirname, '../..')

/** A project that has the package, kafkajs and Node's types installed; the package under its own name. */
const project = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'kafkajs-rs-types-')))
process.on('exit', () => fs.rmSync(project, { recursive: true, force: true }))
fs.mkdirSync(path.join(project, 'node_modules/@types'), { recursive: true })
for (const [name, target] of Object.entries({
  'kafkajs-rs': ROOT,
  kafkajs: path.dirname(require.resolve('kafkajs/package.json')),
  '@types/node': path.dirname(require.resolve('@types/node/package.json')),
})) {
  fs.symlinkSync(target, path.join(project, 'node_modules', name), 'junction')
}

const OPTIONS = {
  strict: true,
  noEmit: true,
  // Libraries' own declarations are checked by one test, once.
  skipLibCheck: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.Node16,
  moduleResolution: ts.ModuleResolutionKind.Node16,
  types: ['node'],
  typeRoots: [path.join(project, 'node_modules/@types')],
}

/** Parsed libraries, which all programs share: parsing them is most of the work. */
const parsed = new Map()

/**
 * Compiles programs given as text, as files of a project that has the package installed.
 *
 * @param {Record<string, string>} sources file name to text
 * @param {import('typescript').CompilerOptions} [options] beside those above
 * @returns {{ program: import('typescript').Program, errors: string[] }} errors as `file:line: text`
 */
const compile = (sources, options = {}) => {
  const all = { ...OPTIONS, ...options }
  const files = new Map(
    Object.entries(sources).map(([name, text]) => [path.join(project, name), text])
  )
  const host = ts.createCompilerHost(all)
  host.getCurrentDirectory = () => project

  const { fileExists, readFile, getSourceFile } = host
  host.fileExists = name => files.has(path.normalize(name)) || fileExists(name)
  host.readFile = name => files.get(path.normalize(name)) ?? readFile(name)
  host.getSourceFile = (name, language, ...rest) => {
    const text = files.get(path.normalize(name))
    if (text !== undefined) return ts.createSourceFile(name, text, language, true)
    const key = `${name} ${JSON.stringify(language)}`
    if (!parsed.has(key)) parsed.set(key, getSourceFile(name, language, ...rest))
    return parsed.get(key)
  }

  const program = ts.createProgram([...files.keys()], all, host)
  const errors = ts.getPreEmitDiagnostics(program).map(({ file, start, messageText }) => {
    const text = ts.flattenDiagnosticMessageText(messageText, '\n')
    if (!file) return text
    const { line } = file.getLineAndCharacterOfPosition(start)
    return `${path.basename(file.fileName)}:${line + 1}: ${text}`
  })
  return { program, errors }
}

/**
 * @param {import('typescript').Program} program
 * @param {string} file absolute path of a module of the program
 * @returns {import('typescript').Symbol[]} all that other modules can import from it
 */
const exportsOf = (program, file) => {
  const checker = program.getTypeChecker()
  return checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(file)))
}

module.exports = { ROOT, compile, exportsOf }
