'use strict';
// Which file runs for one in TypeScript or JSX: the JavaScript that ../node/typescript.mjs put beside it. Stacks then name the lines of the source.

const { existsSync } = require('node:fs');

exports.translated = (file) => {
  const stem = file.replace(/\.([cm]?tsx?|jsx)$/, '');
  const made = stem === file ? undefined : [stem + '.mjs', stem + '.cjs'].find(existsSync);
  if (made) process.setSourceMapsEnabled(true);
  return made ?? file;
};
