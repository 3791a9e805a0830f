// One call: what is known about it, and the ways it ends. Exactly one of conclude(), stream() and fail() ends each.

import { Buffer } from 'node:buffer';
import { kMore, send, type } from './frames.mjs';

const kPiece = 64 * 1024; // most body bytes in one CHUNK
const kMaxText = 64 * 1024; // most characters of a message, a stack or a log line
const kMaxFields = 256 * 1024; // most characters of meta: in bytes still below what a frame allows

export const load = {}; // what LOAD said
export const calls = new Map(); // from CALL to REPLY or ERROR; any number may be there at once
const lingering = new Set(); // promises that may settle after the reply of the call that they are about
let isEnding = false;
let sdk = null; // the module, once it is needed

// A failure that has a code of its own in the protocol.
export class Fault extends Error {
  constructor(code, message) {
    super(message);
    this.code = code;
  }
}

// One call: what the host told about it, and where it stands.
export class Call {
  isCancelled = false;
  window = load.credit; // body bytes that CHUNKs may still carry
  parts = null; // of a body that comes in CHUNKs
  incoming = null; // the same, where the interface hands it on as it comes
  onCancel = null;
  asks = null; // by number: the calls that it made and that are not answered
  #meta;
  #facts = null;
  #controller = null;
  #wake = null;

  constructor(id, meta) {
    this.id = id;
    this.#meta = meta;
  }

  get facts() {
    return (this.#facts ??= JSON.parse(this.#meta || '{}'));
  }

  get signal() {
    this.#controller ??= new AbortController();
    if (this.isCancelled) this.#controller.abort();
    return this.#controller.signal;
  }

  // What ctx.sdk is. The input is taken as it is now; the rest is loaded when it is first needed.
  get sdk() {
    return {
      call: async (name, input, { timeoutMs } = {}) => {
        const text = serialise(input);
        const { ask } = await (sdk ??= import('./sdk.mjs'));
        return ask(this, String(name), text, timeoutMs);
      },
    };
  }

  answered(meta, body) {
    const open = this.asks?.get(meta.ask);
    this.asks?.delete(meta.ask);
    open?.answered(meta, body); // else the call that it belongs to has ended
  }

  // The call ends, and those that it made with it.
  dropAsks(why) {
    for (const { reject } of this.asks?.values() ?? []) reject(new Fault('CANCELLED', why));
    this.asks = null;
  }

  cancel() {
    this.isCancelled = true;
    this.dropAsks('the call was cancelled');
    if (this.parts) return fail(this); // the handler has not begun
    if (this.#controller) void this.signal;
    this.incoming?.fail(new Fault('CANCELLED', 'the call was cancelled'));
    this.onCancel?.();
    this.#wake?.();
  }

  credit(bytes) {
    this.window += bytes;
    this.#wake?.();
  }

  // Resolves when there is credit to send with, or the call was cancelled.
  async mayWrite() {
    while (this.window <= 0 && !this.isCancelled) await new Promise((wake) => (this.#wake = wake));
  }

  log(level, message, fields) {
    const id = calls.get(this.id) === this ? undefined : this.facts.id; // the host has forgotten it
    const meta = metaOf({ level, id, fields });
    send(type.LOG, this.id, meta.length > kMaxFields ? metaOf({ level, id }) : meta, String(message).slice(0, kMaxText));
  }
}

// ------------------------------------------------------------------ how it ends

// The one REPLY of a call. `meta` is JSON text or empty.
export function conclude(call, meta, body) {
  const size = typeof body === 'string' && body.length * 3 > load.max_frame ? Buffer.byteLength(body) : body.length;
  if (12 + meta.length + size > load.max_frame || meta.length > kMaxFields) {
    const advice = 'more than limits.payload allows: return less, or stream it';
    throw new Fault('INVALID_OUTPUT', `the reply has ${meta.length + size} bytes, ${advice}`);
  }
  send(type.REPLY, call.id, meta, body);
  forget(call);
}

export function fail(call, error) {
  const fault = call.isCancelled ? new Fault('CANCELLED', 'the call was cancelled') : error;
  send(type.ERROR, call.id, metaOf(describe(fault)));
  forget(call);
}

// Sends what an iterator yields as it comes, no faster than the host takes it. `encode` makes text or bytes of it.
export async function stream(call, meta, values, encode) {
  try {
    send(type.REPLY, call.id, meta, '', kMore);
    for await (const value of values) {
      const bytes = Buffer.from(encode(value));
      for (let at = 0; at < bytes.length && !call.isCancelled; ) {
        await call.mayWrite();
        const piece = bytes.subarray(at, at + Math.min(call.window, kPiece));
        call.window -= piece.length;
        at += piece.length;
        if (piece.length > 0) send(type.CHUNK, call.id, '', piece, kMore);
      }
      if (call.isCancelled) break;
    }
    if (call.isCancelled) return fail(call);
    send(type.CHUNK, call.id);
    forget(call);
  } catch (error) {
    fail(call, error);
  }
}

function forget(call) {
  calls.delete(call.id);
  call.incoming?.fail(new Fault('CANCELLED', 'the call has ended'));
  if (call.asks) call.dropAsks('the call has ended');
  if (isEnding) endWhenIdle();
}

// After DRAIN, the last answer ends the process; what goes on behind the answers is given more time when the host knows of it.
export function drain() {
  if (lingering.size > 0) send(type.BUSY, 0);
  endWhenIdle();
}

// The same without a host that would hear of it.
export function endWhenIdle() {
  isEnding = true;
  if (calls.size === 0 && lingering.size === 0) process.exit(0);
}

// Work of a call that may outlast it: one that is rejected is logged, and the process does not end before it is done.
export function linger(call, promise) {
  const failed = (error) => call.log('error', `waitUntil: ${describe(error).stack ?? describe(error).message}`);
  const work = Promise.resolve(promise).catch(failed).then(() => {
    lingering.delete(work);
    if (isEnding) endWhenIdle();
  });
  lingering.add(work);
  if (isEnding) send(type.BUSY, 0);
}

// JSON for a frame's meta: half a surrogate pair, which JSON.stringify escapes and UTF-8 does not have, is replaced.
export function metaOf(value) {
  const text = JSON.stringify(value);
  return text.includes('\\ud') ? text.replace(/(\\\\)|\\ud[89a-f][0-9a-f]{2}/g, (_, kept) => kept ?? '\ufffd') : text;
}

export function serialise(value) {
  if (value === undefined) return 'null';
  let text;
  let why = `it is a ${typeof value}`;
  try {
    text = JSON.stringify(value);
  } catch (error) {
    why = error.message;
  }
  if (text === undefined) throw new Fault('INVALID_OUTPUT', `the returned value cannot be JSON: ${why}`);
  return text;
}

const kHere = decodeURI(new URL('.', import.meta.url).pathname);
const kNoise = /\x1b\[[0-9;]*m| imported from \S*worker\.mjs$|\n +at .*\(?(node:internal|ext:).*/gm;

// What ERROR says of a thrown value, whatever that is: user code may throw what throws when it is looked at.
export function describe(error) {
  try {
    return facts(error);
  } catch {
    return { code: 'FUNCTION_ERROR', message: 'a value that cannot be shown was thrown', type: typeof error };
  }
}

// The stack ends where user code was called from.
function facts(error) {
  if (error instanceof Fault) return { code: error.code, message: error.message };
  const tidy = (text) => String(text).replace(kNoise, '').slice(0, kMaxText);
  if (typeof error?.message !== 'string') return { code: 'FUNCTION_ERROR', message: tidy(error), type: typeof error };
  const lines = String(error.stack ?? '').split('\n');
  const own = lines.findIndex((line) => /^ +at /.test(line) && line.includes(kHere));
  return {
    code: error.code === 'LOOP_DETECTED' ? error.code : 'FUNCTION_ERROR',
    message: tidy(error.message),
    type: error.constructor?.name ?? error.name,
    stack: tidy((own < 0 ? lines : lines.slice(0, own)).join('\n')),
  };
}
