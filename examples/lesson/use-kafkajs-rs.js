'use strict'

/**
 * Makes `require('kafkajs')`, as the lesson writes it, load `./client.js` for every file of this folder.
 * Required on the first line of each lesson file, so that the lesson's own text stays as it is printed.
 */

const Module = require('node:module')
const path = require('node:path')

const lessonFolder = __dirname + path.sep
const clientFile = path.join(__dirname, 'client.js')
const resolveFilename = Module._resolveFilename

Module._resolveFilename = function resolveLessonImport(request, parent, ...rest) {
  if (request === 'kafkajs' && parent?.filename?.startsWith(lessonFolder)) return clientFile
  return resolveFilename.call(this, request, parent, ...rest)
}
