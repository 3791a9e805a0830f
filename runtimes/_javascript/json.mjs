// The json interface: handler(input, ctx) -> output, both plain values (runtimes/CONTRACT.md).

import { Buffer } from 'node:buffer';
import { Fault, conclude, load, serialise, stream } from './call.mjs';

const kLines = JSON.stringify({ status: 200, headers: [['content-type', 'application/x-ndjson']] });

export function invoke(handler, call, bytes, at, end) {
  return handler(parse(bytes, at, end), new Context(call));
}

export function reply(call, output) {
  if (isStream(output)) stream(call, kLines, output, asLine);
  else conclude(call, '', serialise(output));
}

// The second argument of a handler. It asks its call only for what user code reads.
export class Context {
  #call;
  #log = null;

  constructor(call) {
    this.#call = call;
  }

  get callId() { return this.#call.facts.id; }
  get function() { return load.function; }
  get auth() { return this.#call.facts.auth ?? null; }
  get env() { return load.env; }
  get deadline() { return this.#call.facts.deadline_ms; }
  get signal() { return this.#call.signal; }
  get sdk() { return this.#call.sdk; }

  get log() {
    const at = (level) => (message, fields) => this.#call.log(level, message, fields);
    return (this.#log ??= { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') });
  }
}

const asLine = (value) => (ArrayBuffer.isView(value) ? value : serialise(value) + '\n');
export const isStream = (value) =>
  typeof value === 'object' && value !== null && (Symbol.asyncIterator in value || typeof value.next === 'function');

export function parse(bytes, at, end) {
  if (at === end) return null;
  const text = bytes.utf8Slice(at, end);
  // What is not UTF-8 decodes to U+FFFD, which an input may also hold rightly.
  if (text.includes('\ufffd') && Buffer.compare(Buffer.from(text), bytes.subarray(at, end)) !== 0) {
    throw new Fault('INVALID_INPUT', 'the input is not UTF-8');
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Fault('INVALID_INPUT', `the input is not JSON: ${error.message}`);
  }
}
