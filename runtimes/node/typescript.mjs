// Translates a function in TypeScript or JSX for Node, by esbuild: a copy of the folder in OUTPUT, in which each such file that the entrypoint needs has its
// JavaScript beside it: a.ts becomes a.mjs, or a.cjs when it is a CommonJS module. Files stay files, so that what they say of their own place is true.
//   typescript.mjs OUTPUT ENTRYPOINT INTERFACE LONE
// Runs in the function's folder and writes nothing there. Imports are found as esbuild finds them (tsconfig.json's `paths`, no extension, .js for a .ts), and then name
// the file that is meant, as Node wants it. Packages are left alone. Types are not checked.

import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const [output, entrypoint, face, lone] = process.argv.slice(2);
const kHere = dirname(fileURLToPath(import.meta.url));
const kForeign = /\.([cm]?tsx?|jsx)$/; // what Node does not read itself
const kTest = /(^|\/)(tests?|__tests__)\/|[._-](test|spec)\.\w+$/;
const kExtensions = '.tsx,.ts,.jsx,.js,.mts,.cts,.mjs,.cjs,.json';

function fail(...lines) {
  process.stderr.write(lines.join('\n') + '\n');
  process.exit(1);
}

function canRun(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

// The function's own, else that of PATH, else the tree's.
function findEsbuild() {
  const places = [join(output, 'node_modules/.bin'), ...(process.env.PATH ?? '').split(':').filter(Boolean), join(kHere, '../../.toolchains/bin')];
  const found = places.map((place) => join(place, 'esbuild')).find(canRun);
  return found ?? fail(`${entrypoint} is translated by esbuild, which is not here: npm install -g esbuild, or sh ${kHere}/install.sh`);
}

function succeeds(program, args, options) {
  const { status, error } = spawnSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'], ...options });
  if (error) fail(`${program}: ${error.message}`);
  return status === 0;
}

function run(...command) {
  if (!succeeds(...command)) process.exit(1);
}

// With packages of its own the folder is copied as it is: what Node looks for above a file must be there.
function copy() {
  const isAlone = lone === 'yes' && !existsSync('package.json') && !existsSync('tsconfig.json');
  const what = isAlone ? `tar -cf - -- "$2"` : 'tar --exclude=./node_modules --exclude=./.git --exclude=./.trivet -cf - .';
  const packages = isAlone ? '' : '; if [ -d node_modules ] && [ ! -e "$1/node_modules" ]; then cp -a --reflink=auto node_modules "$1/"; fi';
  run('/bin/sh', ['-c', `set -e; ${what} | tar --no-same-owner -C "$1" -xf -${packages}`, 'sh', output, entrypoint]);
}

// All modules of a folder may be called; else what the entrypoint leads to counts.
function entries() {
  if (face !== 'module') return [entrypoint];
  const within = (folder) => readdirSync(join(output, folder), { withFileTypes: true }).flatMap((each) => {
    const name = posix.join(folder, each.name);
    if (each.isDirectory()) return each.name === 'node_modules' || each.name.startsWith('.') ? [] : within(name);
    return kForeign.test(name) && !/\.d\.[cm]?ts$/.test(name) && !kTest.test(name) ? [name] : [];
  });
  return within('.').sort();
}

const common = ['--platform=node', `--target=node${process.versions.node}`, '--log-level=warning', '--log-override:unsupported-require-call=silent', '--jsx=automatic',
  `--resolve-extensions=${kExtensions}`];

// What is needed, and what each import means: {file: {format, imports: [{path, original, external}]}}; null when it cannot be found out.
function look(esbuild, files) {
  const scratch = mkdtempSync(join(tmpdir(), 'trivet-'));
  const meta = join(scratch, 'meta.json');
  const options = ['--bundle', '--format=esm', '--packages=external', '--external:*.node', `--metafile=${meta}`, `--outdir=${scratch}/out`];
  const inputs = succeeds(esbuild, [...files, ...common, ...options], { cwd: output }) ? JSON.parse(readFileSync(meta, 'utf8')).inputs : null;
  rmSync(scratch, { recursive: true, force: true });
  return inputs;
}

// A module that is broken fails its own calls only: it stays as it is.
function lookAtAll(esbuild) {
  const files = entries();
  const inputs = look(esbuild, files);
  if (inputs) return inputs;
  if (face !== 'module') process.exit(1);
  return Object.assign({}, ...files.map((file) => look(esbuild, [file])));
}

// CommonJS has names that an ES module has not, and that TypeScript's own compiler gives to files written as one. They are given where they are used.
const kOfCommonJs = {
  __filename: 'import { fileURLToPath as trivetPath } from "node:url"; const __filename = trivetPath(import.meta.url);',
  __dirname: 'import { fileURLToPath as trivetFolder } from "node:url"; const __dirname = trivetFolder(new URL(".", import.meta.url)).slice(0, -1);',
  require: 'import { createRequire as trivetRequire } from "node:module"; const require = trivetRequire(import.meta.url);',
};

function planOf(file, { format }) {
  const text = readFileSync(join(output, file), 'utf8');
  if (format === 'cjs' || file.endsWith('.cts') || /^export\s*=/m.test(text)) return { extension: '.cjs', format: 'cjs', banner: '' };
  const isUsed = (name) => new RegExp(`(?<![\\w$.])${name}(?![\\w$])`).test(text) && !new RegExp(`(const|let|var|function|import)\\s+${name}(?![\\w$])`).test(text);
  return { extension: '.mjs', format: 'esm', banner: Object.keys(kOfCommonJs).filter(isUsed).map((name) => kOfCommonJs[name]).join(' ') };
}

function translate(esbuild, plans) {
  const groups = new Map();
  for (const [file, { extension, format, banner }] of plans) {
    const options = [`--format=${format}`, `--out-extension:.js=${extension}`, ...(banner ? [`--banner:js=${banner}`] : [])];
    const group = groups.get(options.join('\n')) ?? { options, files: [] };
    group.files.push(file);
    groups.set(options.join('\n'), group);
  }
  for (const { options, files } of groups.values()) {
    run(esbuild, [...files, ...common, ...options, '--sourcemap', '--sources-content=false', '--outdir=.', '--outbase=.'], { cwd: output });
  }
}

const isName = (text) => /^[A-Za-z_$][\w$]*$/.test(text) && !kReserved.has(text);
const kReserved = new Set(('arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements ' +
  'import in instanceof interface let new null package private protected public return static super switch this throw true try typeof var void while with yield').split(' '));

// Node imports JSON only by an attribute, and then without names: a module takes its place.
function moduleOfJson(file) {
  const value = JSON.parse(readFileSync(join(output, file), 'utf8'));
  const names = value && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value).filter(isName) : [];
  const named = names.length ? `export const { ${names.join(', ')} } = value;\n` : '';
  writeFileSync(join(output, file + '.mjs'), `const value = ${JSON.stringify(value)};\nexport default value;\n${named}`);
  return file + '.mjs';
}

// `said` is how a file names `path`; what it names when all is translated.
function target(file, { path, original, kind }, plans) {
  const plan = plans.get(path);
  if (plan) return plan.made;
  if (!path.endsWith('.json')) return /\.[cm]?js$/.test(path) ? path : fail(`${file}: Node cannot import ${original}`);
  return kind === 'require-call' || plans.get(file)?.format === 'cjs' ? path : moduleOfJson(path);
}

function link(file, imports, plans) {
  const place = join(output, plans.get(file)?.made ?? file);
  let text = readFileSync(place, 'utf8');
  for (const each of imports) {
    if (each.external || each.with || !each.original || each.original.startsWith('data:')) continue;
    const path = posix.relative(posix.dirname(file), target(file, each, plans));
    const said = path.startsWith('../') ? path : './' + path;
    if (said === each.original) continue;
    const quoted = each.original.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
    text = text.replace(new RegExp(`(\\bfrom\\s*|\\bimport\\s*\\(?\\s*|\\brequire\\s*\\(\\s*)(["'])${quoted}\\2(?!,? *[{w])`, 'g'), (_, before, quote) => before + quote + said + quote);
  }
  writeFileSync(place, text);
}

copy();
const esbuild = findEsbuild();
const inputs = lookAtAll(esbuild);
const plans = new Map();
for (const [file, facts] of Object.entries(inputs)) {
  if (!kForeign.test(file)) continue;
  const plan = planOf(file, facts);
  const stem = file.replace(kForeign, '');
  plan.made = stem + plan.extension;
  const rival = ['.mjs', '.cjs'].map((extension) => stem + extension).find((name) => existsSync(join(output, name)));
  const twin = [...plans].find(([, other]) => other.made.replace(/\.\w+$/, '') === stem);
  if (rival || twin) fail(`${file} and ${rival ?? twin[0]} would become one file: rename one of them`);
  plans.set(file, plan);
}
translate(esbuild, plans);
for (const [file, { imports }] of Object.entries(inputs)) {
  if (plans.has(file) || /\.[cm]?js$/.test(file)) link(file, imports, plans);
}
