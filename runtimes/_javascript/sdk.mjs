// ctx.sdk: calls of other functions, over ASK and ANSWER (docs/formats/frame.md). Loaded when user code first asks.

import { Buffer } from 'node:buffer';
import { Fault, calls, load, metaOf } from './call.mjs';
import { send, type } from './frames.mjs';

let last = 0; // the last ask's number: of all calls of this worker

// A call of another function failed. `details` is all that is known; `status` and `body` (bytes) are of an answer that refused.
class CallError extends Error {
  constructor(error, body = null) {
    const loops = error.code === 'LOOP_DETECTED'; // told as it is by each that it passes through
    super(loops ? error.message : `${error.function}: ${error.code}: ${error.message}`);
    this.name = 'CallError';
    Object.assign(this, { code: error.code, function: error.function, status: error.status, details: error, body });
  }
}

// `input` is JSON text. Resolves to what the function returned.
export function ask(call, name, input, timeoutMs) {
  const refuse = (code, message) => Promise.reject(new CallError({ code, message, function: name }));
  if (call.isCancelled) return Promise.reject(new Fault('CANCELLED', 'the call was cancelled'));
  if (calls.get(call.id) !== call) return refuse('CANCELLED', 'the call has ended');
  const number = ++last;
  const wish = { ask: number, service: 'call', function: name };
  if (timeoutMs !== undefined) wish.timeout_ms = Math.max(0, Math.round(timeoutMs));
  const meta = metaOf(wish);
  if (12 + 3 * (meta.length + input.length) > load.max_frame && 12 + Buffer.byteLength(meta + input) > load.max_frame) {
    return refuse('PAYLOAD_TOO_LARGE', `the input has ${input.length} characters, more than limits.payload of its caller allows`);
  }
  call.asks ??= new Map();
  const answer = new Promise((resolve, reject) => {
    const answered = (meta, body) => {
      if (!meta.ok) return reject(new CallError(meta.error, body));
      try {
        resolve(valueOf(meta.type ?? 'application/json', body));
      } catch (error) {
        reject(error);
      }
    };
    call.asks.set(number, { answered, reject });
  });
  answer.catch(() => {}); // one that nobody awaits does not end the worker
  send(type.ASK, call.id, meta, input);
  return answer;
}

function valueOf(contentType, body) {
  const kind = contentType.toLowerCase();
  if (kind.startsWith('application/json')) return body.length > 0 ? JSON.parse(body.toString()) : null;
  if (kind.startsWith('application/x-ndjson')) return body.toString().split('\n').filter(Boolean).map((line) => JSON.parse(line));
  return kind.startsWith('text/') ? body.toString() : body;
}
