// The fetch interface: `export default { fetch(request, env, ctx) }`, with the runtime's own Request and Response (runtimes/CONTRACT.md).
//
// A Response whose body is at hand is one REPLY; any other is sent as its stream gives it, no faster than the host takes it.

import { Buffer } from 'node:buffer';
import { setImmediate } from 'node:timers';
import { Fault, conclude, fail, linger, metaOf, stream } from './call.mjs';
import { Incoming, ownBytes } from './incoming.mjs';
import { Context } from './json.mjs';

const kWholeMost = 1 << 20; // a body that is longer is streamed, at hand or not
const kUntyped = globalThis.Bun ? 'text/plain;charset=UTF-8' : 'application/octet-stream'; // Bun gives text its type only where it serves it itself

// The worker hands a request's pieces to this as they come, and does not wait for the last.
export const receive = (call) => new Incoming(call);

export const wish = 'a fetch function: export default { async fetch(request, env, ctx) { ... } }';

// `export default { fetch }`, `export default function`, `export function fetch`, or the name that the manifest gives.
export function find(module, name) {
  const key = name || 'fetch';
  const own = module.default;
  for (const place of [own, module, own?.default]) {
    if (typeof place?.[key] === 'function' && place[key] !== globalThis[key]) return place[key].bind(place);
  }
  return [own, own?.default].find((it) => !name && typeof it === 'function') ?? null;
}

// The third argument: what the json interface tells, and waitUntil().
class FetchContext extends Context {
  constructor(call) {
    super(call);
    // The promise may settle after the reply. A worker that is asked to end waits for it.
    this.waitUntil = (promise) => linger(call, promise);
  }
}

export function invoke(handler, call, bytes, at, end) {
  const ctx = new FetchContext(call);
  return handler(requestOf(call, bytes, at, end), ctx.env, ctx);
}

function requestOf(call, bytes, at, end) {
  const { method = 'POST', scheme = 'http', host, path = '/', query = '', headers = [] } = call.facts;
  const init = { method, headers, signal: call.signal };
  if (method === 'GET' || method === 'HEAD') {
    call.incoming?.drop(); // the standard knows no body for them
  } else if (call.incoming) {
    init.body = call.incoming.stream();
    init.duplex = 'half';
  } else if (at < end) {
    init.body = ownBytes(bytes, at, end);
  }
  return new Request(`${scheme}://${host || 'localhost'}${path}${query && '?'}${query}`, init);
}

export function reply(call, response) {
  if (!isResponse(response)) {
    const given = response?.constructor?.name ?? String(response);
    throw new Fault('INVALID_OUTPUT', `the fetch function must return a Response; it returned ${given}`);
  }
  const headers = [...response.headers];
  if (response.body && !response.headers.has('content-type')) headers.push(['content-type', kUntyped]);
  const meta = metaOf({ status: response.status, headers });
  if (response.body) send(call, meta, response.body.getReader()).catch((error) => fail(call, error));
  else conclude(call, meta, '');
}

// Also one of a library that brings its own.
const isResponse = (it) => it instanceof Response || (it?.[Symbol.toStringTag] === 'Response' && typeof it.status === 'number');

async function send(call, meta, reader) {
  call.onCancel = () => reader.cancel(call.signal.reason).catch(() => {});
  const pieces = [];
  let size = 0;
  let next = reader.read();
  for (const turn = new Promise((done) => setImmediate(done)); size < kWholeMost; next = reader.read()) {
    const got = await Promise.race([next, turn]);
    if (!got) break; // it has to be waited for
    if (got.done && call.isCancelled) return fail(call);
    if (got.done) return conclude(call, meta, pieces.length === 1 ? pieces[0] : Buffer.concat(pieces));
    pieces.push(bytesOf(got.value));
    size += pieces.at(-1).length;
  }
  next.catch(() => {}); // who cares is told in rest()
  await call.incoming?.whole(); // the host sends none of it after a reply that streams
  await stream(call, meta, rest(reader, pieces, next), bytesOf);
}

async function* rest(reader, pieces, next) {
  try {
    yield* pieces;
    for (let got = await next; !got.done; got = await reader.read()) yield got.value;
  } finally {
    reader.cancel().catch(() => {});
  }
}

function bytesOf(value) {
  if (value instanceof Uint8Array) return value;
  if (typeof value === 'string') return Buffer.from(value);
  if (ArrayBuffer.isView(value)) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  if (value instanceof ArrayBuffer) return Buffer.from(value);
  throw new TypeError(`the body of a Response consists of bytes; its stream gave ${value?.constructor?.name ?? value}`);
}
