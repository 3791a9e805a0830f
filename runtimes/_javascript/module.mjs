// The module interface: a call names a module below the function's folder and a function in it (runtimes/CONTRACT.md).

import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { Fault, conclude, fail, load, serialise } from './call.mjs';
import { isStream, parse } from './json.mjs';

const kExtensions = ['js', 'mjs', 'cjs', ...(globalThis.Bun || globalThis.Deno ? ['ts'] : [])];
const kName = /^[A-Za-z_$][\w$-]*([./][A-Za-z_$][\w$-]*)*$/;
const missing = (what) => new Fault('FUNCTION_NOT_FOUND', what);

// What stands for the handler: the functions that calls have named so far. `importFile` imports a file by its URL.
export const functions = (importFile) => ({ importFile, known: new Map() });

export function invoke(functions, call, bytes, at, end) {
  const { module, function: name } = call.facts;
  const args = parse(bytes, at, end) ?? [];
  if (!Array.isArray(args)) throw new Fault('INVALID_INPUT', 'the arguments are not a list');
  const key = `${module}:${name}`;
  const found = functions.known.get(key);
  if (found) return found(...args);
  return find(functions.importFile, module, name).then((it) => {
    functions.known.set(key, it);
    return it(...args);
  });
}

// An iterator is the list of its values.
export function reply(call, output) {
  if (!isStream(output)) return conclude(call, '', serialise(output));
  gather(output).then((values) => conclude(call, '', serialise(values))).catch((error) => fail(call, error));
}

async function gather(values) {
  const all = [];
  for await (const value of values) all.push(value);
  return all;
}

async function find(importFile, module, name) {
  if (!kName.test(module ?? '')) throw missing(`"${module}" is not the name of a module`);
  const path = `${load.dir}/${module.replaceAll('.', '/')}`;
  const file = kExtensions.map((extension) => `${path}.${extension}`).find((candidate) => existsSync(candidate));
  if (!file) throw missing(`there is no module ${module} in ${load.dir}`);
  const loaded = await importFile(pathToFileURL(file).href);
  for (const place of [loaded, loaded.default]) {
    if (place && Object.hasOwn(place, name) && typeof place[name] === 'function') return place[name].bind(place);
  }
  throw missing(`the module ${module} has no function ${name}`);
}
