'use strict';
// Becomes a program of the user's own, as `node FILE` would be it: program.cjs FILE. What a build made of TypeScript is run in its place.

const { runMain } = require('node:module');
const { resolve } = require('node:path');
const { translated } = require('../_javascript/translated.cjs');

process.argv.splice(1, 1);
process.argv[1] = translated(resolve(process.argv[1]));
setImmediate(runMain); // so that no stack has a line of ours
