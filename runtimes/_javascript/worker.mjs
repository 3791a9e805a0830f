// The JavaScript worker, for Node, Deno and Bun: loads one function and answers its calls (runtimes/CONTRACT.md).
//
// frames.mjs speaks over the pipes, call.mjs is one call, and json.mjs, context.mjs, fetch.mjs are interfaces: invoke()
// hands a body to the handler, reply() answers with what it returned.

import { Buffer } from 'node:buffer';
import { pathToFileURL } from 'node:url';
import { Call, Fault, calls, describe, drain, endWhenIdle, fail, load, metaOf } from './call.mjs';
import { FrameReader, frameOf, kMore, listen, printInOrder, send, type, unheard } from './frames.mjs';

const { Bun, Deno, process } = globalThis;

const kHere = decodeURI(new URL('.', import.meta.url).pathname).slice(0, -1);

let face = null; // the interface
let file = ''; // what is loaded: the entrypoint, or what was made of it
let handler = null;
let prints = null; // knows whose code prints, when several calls may run

const reader = new FrameReader((kind, flags, id, bytes, metaAt, bodyAt, end) => {
  const meta = () => JSON.parse(bytes.utf8Slice(metaAt, bodyAt) || '{}');
  const call = calls.get(id);
  switch (kind) {
    case type.CALL: return begin(new Call(id, bytes.utf8Slice(metaAt, bodyAt)), flags, bytes, bodyAt, end);
    case type.CHUNK: return call && more(call, flags, bytes, bodyAt, end);
    case type.CANCEL: return call?.cancel();
    case type.ANSWER: return call?.answered(meta(), Buffer.from(bytes.subarray(bodyAt, end)));
    case type.CREDIT: return call?.credit(meta().bytes);
    case type.PING: return send(type.PONG, 0, '', bytes.subarray(bodyAt, end));
    case type.LOAD: return start(meta());
    case type.DRAIN: return drain();
  }
});

function begin(call, flags, bytes, at, end) {
  calls.set(call.id, call);
  if (flags & kMore && !face.receive) return (call.parts = [Buffer.from(bytes.subarray(at, end))]);
  if (flags & kMore) {
    call.incoming = face.receive(call);
    call.incoming.push(bytes, at, end, false);
  }
  run(call, bytes, at, end);
}

function more(call, flags, bytes, at, end) {
  if (!call.parts) return call.incoming?.push(bytes, at, end, !(flags & kMore));
  call.parts.push(Buffer.from(bytes.subarray(at, end)));
  if (flags & kMore) return send(type.CREDIT, call.id, JSON.stringify({ bytes: end - at }));
  const body = Buffer.concat(call.parts);
  call.parts = null;
  run(call, body, 0, body.length);
}

function run(call, ...body) {
  if (prints) prints.run(call, answer, call, ...body);
  else answer(call, ...body);
}

function answer(call, bytes, at, end) {
  try {
    const output = face.invoke(handler, call, bytes, at, end);
    if (typeof output?.then === 'function') answerLater(call, output);
    else face.reply(call, output);
  } catch (error) {
    fail(call, error);
  }
}

async function answerLater(call, promise) {
  try {
    face.reply(call, await promise);
  } catch (error) {
    fail(call, error);
  }
}

// ------------------------------------------------------------------ a worker's life

async function start(facts) {
  try {
    Object.assign(load, facts);
    reader.maxFrame = load.max_frame;
    process.chdir(load.dir);
    Object.assign(process.env, load.env);
    file = await translated(`${load.dir}/${load.entrypoint}`);
    if (load.interface === 'stdio') return await becomeProgram();
    if (load.concurrency > 1) await attributePrints();
    face = await import(`./${load.interface}.mjs`);
    const url = pathToFileURL(file).href;
    handler = face.functions ? face.functions(importFile) : choose(await importFile(url), load.handler);
    send(type.READY, 0);
  } catch (error) {
    const { code, ...rest } = describe(await located(error));
    send(type.ERROR, 0, metaOf({ code: 'LOAD_FAILED', ...rest }));
    process.exit(1);
  }
}

// Node runs what its build made of TypeScript, the others the source.
async function translated(source) {
  if (Bun || Deno || !load.output || !/\.([cm]?tsx?|jsx)$/.test(source)) return source;
  return (await import('./translated.cjs')).default.translated(source);
}

// One request, on stdin and stdout, of a program that is run as Node runs its main module. Frames are over: it ends when it has nothing to do.
async function becomeProgram() {
  pipe.close();
  const [{ default: { runMain } }, { closeSync }] = await Promise.all([import('node:module'), import('node:fs')]);
  closeSync(4);
  process.argv[1] = file;
  setImmediate(runMain); // outside of what catches our own errors: the program's own are reported as Node does
}

const importFile = (url) => import(url).catch((error) => importAsModule(url, error));

// Node before 20.19 takes a .js file that no package.json speaks of for CommonJS and fails on `export`; it is then told otherwise.
async function importAsModule(url, error) {
  if (Bun || Deno || !url.endsWith('.js') || !/^Unexpected token 'export'|outside a module/.test(error.message)) throw error;
  const { register } = await import('node:module');
  const load = `export const load = (url, context, next) => next(url, url.startsWith('${url}') ? { ...context, format: 'module' } : context)`;
  register(`data:text/javascript,${encodeURIComponent(load)}`);
  return import(`${url}?as-module`);
}

function choose(module, name) {
  const found = (face.find ?? find)(module, name);
  if (found) return found;
  const exported = Object.keys(module).join(', ') || 'nothing';
  const wish = name ? `a function called "${name}"` : (face.wish ?? 'a function: export default function (input, ctx) { ... }');
  throw new Fault('LOAD_FAILED', `${load.entrypoint} must export ${wish}; it exports ${exported}`);
}

// `export default`, `export function handler`, `module.exports =`, or the name that the manifest gives.
function find(module, name) {
  for (const place of [module, module.default]) {
    for (const key of name ? [name] : ['default', 'handler']) {
      if (typeof place?.[key] === 'function') return place[key];
    }
  }
  return null;
}

// Several calls run at once: what each prints goes to the host as LOG frames with its id.
async function attributePrints() {
  const { AsyncLocalStorage } = await import('node:async_hooks');
  const { Console } = await import('node:console');
  prints = new AsyncLocalStorage();
  for (const [name, level] of [['stdout', 'info'], ['stderr', 'error']]) {
    const stream = process[name];
    const write = stream.write.bind(stream);
    stream.write = (chunk, encoding, done) => {
      const call = prints.getStore();
      if (!call) return write(chunk, encoding, done);
      call.log(level, Buffer.from(chunk).toString().replace(/\n$/, ''));
      (typeof encoding === 'function' ? encoding : done)?.();
      return true;
    };
  }
  globalThis.console = new Console(process.stdout, process.stderr); // the own one of Deno and Bun passes these by
}

// A syntax error that also says where: Bun has it beside the message, of each when there are several.
async function located(error) {
  for (const { message, position } of error?.errors ?? [error ?? {}]) {
    if (!position) continue;
    const what = error.errors ? `\n${message}` : '';
    error.message += `${what}\n    at ${position.file}:${position.line}:${position.column}\n    ${position.lineText.trim()}`;
  }
  if (!Deno && !Bun && error instanceof SyntaxError) error.message += await placeInNode(error.message);
  return error;
}

// Node tells the place only in the report of a crash. Looked at are the file as it is, as a module, and what it imports.
async function placeInNode(message) {
  const { spawnSync } = await import('node:child_process');
  const { readFileSync } = await import('node:fs');
  const crash = (args, input) => spawnSync(process.execPath, args, { encoding: 'utf8', input, timeout: 5000 }).stderr;
  const tries = [
    () => crash(['--check', file]),
    () => crash(['--check', '--input-type=module'], readFileSync(file)).replace(/^\[stdin\]/, file),
    () => crash(['--input-type=module', '--eval', `import ${JSON.stringify(pathToFileURL(file).href)}`]),
  ];
  for (const attempt of tries) {
    const report = attempt();
    const [place, text] = report.split('\n');
    if (/^\S.*:\d+$/.test(place) && report.includes(message)) return `\n    at ${place}\n    ${text.trim()}`.trimEnd();
  }
  return '';
}

// What a first call does, with a function of our own. Nobody hears of it.
async function rehearse(times) {
  const place = process.cwd();
  const facts = { function: '', dir: kHere, entrypoint: 'rehearsal.mjs', handler: '', interface: 'json', env: {}, concurrency: 1, max_frame: 1 << 16, credit: 1 << 16 };
  await unheard(async () => {
    await start(facts);
    for (let id = 1; id <= times; id++) reader.feed(frameOf(type.CALL, id, '{"id":"","deadline_ms":0}', '{"name":"Ada","items":[1,2.5,null]}'));
  });
  process.chdir(place);
}

const isSpare = process.env.TRIVET_SPARE !== undefined;
delete process.env.TRIVET_SPARE;
printInOrder();
if (isSpare) await (await import('./spare.mjs')).warmUp(rehearse);
const [runtime, version] =
  Bun ? ['bun', Bun.version] : Deno ? ['deno', Deno.version.deno] : ['node', process.versions.node];
const features = ['cancel', 'stream'];
send(type.HELLO, 0, JSON.stringify({ protocol: 1, runtime, version, concurrency: 0, features }));
// Not awaited: while a main module is being evaluated, Bun lives on after an uncaught error.
const pipe = listen((bytes) => reader.feed(bytes));
pipe.ended.then(endWhenIdle);
