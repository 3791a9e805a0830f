// The frame protocol, version 1: docs/formats/frame.md. Frames come in on fd 3 and leave on fd 4.
//
// A reader cuts bytes into frames, send() writes one, listen() brings the bytes. Reading goes through the event
// loop, so timers and sockets of user code run while the worker waits; writing is synchronous, so order is never in
// doubt. What differs between the runtimes is at the end of this file.

import { Buffer } from 'node:buffer';

export const type = {
  LOAD: 1, CALL: 2, CHUNK: 3, CANCEL: 4, PING: 5, ANSWER: 6, DRAIN: 8, CREDIT: 9,
  HELLO: 65, READY: 66, REPLY: 67, ERROR: 68, LOG: 69, PONG: 70, ASK: 71, BUSY: 74,
};
export const kMore = 1; // flag: the body goes on in CHUNK frames

const kHeader = 16;
const kBuffer = 64 * 1024; // what a pipe holds
const kMaxMeta = 1 << 20;

// Cuts the bytes that arrive into frames. A frame that lies whole in one piece is handed on where it is: its bytes
// are valid until `receive` returns. A longer one is gathered in a buffer of its own size: each byte is copied once.
export class FrameReader {
  maxFrame = kMaxMeta + 12; // until LOAD tells
  #receive;
  #held = null; // a frame that has begun: its header, and then the whole
  #have = 0;

  constructor(receive) {
    this.#receive = receive;
  }

  feed(bytes) {
    let at = 0;
    while (at < bytes.length) {
      const left = bytes.length - at;
      const size = !this.#held && left >= kHeader ? this.#sizeOf(bytes, at) : Infinity;
      if (size <= left) {
        this.#deliver(bytes, at, at + size);
        at += size;
      } else {
        at += this.#gather(bytes, at);
      }
    }
  }

  #gather(bytes, at) {
    this.#held ??= Buffer.allocUnsafe(kHeader);
    const taken = bytes.copy(this.#held, this.#have, at);
    this.#have += taken;
    if (this.#have < this.#held.length) return taken;
    const size = this.#sizeOf(this.#held, 0);
    const held = this.#held;
    if (size > held.length) {
      this.#held = Buffer.allocUnsafe(size);
      held.copy(this.#held);
    } else {
      this.#held = null;
      this.#have = 0;
      this.#deliver(held, 0, size);
    }
    return taken;
  }

  // The frame's size with its header. A frame that breaks the rules means that nothing behind it can be trusted.
  #sizeOf(bytes, at) {
    const length = bytes.readUInt32BE(at);
    const meta = bytes.readUInt32BE(at + 12);
    const reserved = (bytes[at + 5] & ~kMore) | bytes[at + 6] | bytes[at + 7];
    if (length < 12 || length > this.maxFrame || meta > length - 12 || meta > kMaxMeta || reserved) {
      throw new Error(`the host sent a frame that breaks the protocol (length ${length}, meta ${meta})`);
    }
    return length + 4;
  }

  #deliver(bytes, at, end) {
    const metaAt = at + kHeader;
    const bodyAt = metaAt + bytes.readUInt32BE(at + 12);
    const call = bytes.readUInt32BE(at + 8);
    this.#receive(bytes[at + 4], bytes[at + 5] & kMore, call, bytes, metaAt, bodyAt, end);
  }
}

const scratch = Buffer.allocUnsafe(kBuffer);

// Sends one frame. `meta` is JSON text or empty, `body` is text or bytes. What fits is built in a buffer that is kept:
// three bytes are the most that one unit of text becomes, so nothing has to be measured first.
export function send(type, call, meta = '', body = '', flags = 0) {
  const isText = typeof body === 'string';
  let frame = scratch;
  if (kHeader + 3 * (meta.length + body.length) > kBuffer) {
    frame = Buffer.allocUnsafe(kHeader + Buffer.byteLength(meta) + Buffer.byteLength(body));
  }
  const metaSize = meta === '' ? 0 : frame.utf8Write(meta, kHeader);
  const bodyAt = kHeader + metaSize;
  const size = bodyAt + (isText ? frame.utf8Write(body, bodyAt) : body.length);
  if (!isText) frame.set(body, bodyAt);
  frame.writeUInt32BE(size - 4, 0);
  frame.writeUInt32BE((type << 24) | (flags << 16), 4);
  frame.writeUInt32BE(call, 8);
  frame.writeUInt32BE(metaSize, 12);
  write(frame, size);
}

// The bytes of a short frame, for those who play the host.
export function frameOf(kind, call, meta, body) {
  const frame = Buffer.alloc(kHeader + meta.length + body.length);
  frame.writeUInt32BE(frame.length - 4, 0);
  frame[4] = kind;
  frame.writeUInt32BE(call, 8);
  frame.writeUInt32BE(meta.length, 12);
  frame.utf8Write(meta + body, kHeader);
  return frame;
}

// Does `task`; what it sends meanwhile goes nowhere.
export async function unheard(task) {
  const real = write;
  write = () => {};
  try {
    await task();
  } finally {
    write = real;
  }
}

// ------------------------------------------------------------------ what each runtime does fastest

const { Bun, Deno, process } = globalThis;
const { Socket } = Bun ? {} : await import('node:net');
let write = Deno ? denoWriter() : await nodeWriter();

// Calls `receive` with the bytes of fd 3 as they come. The bytes are valid until it returns. `ended` resolves at their end; close() stops
// listening, and then nothing of it keeps the process alive (Node only).
export function listen(receive) {
  if (Bun) return { ended: listenInBun(receive) };
  const buffer = Buffer.allocUnsafe(kBuffer); // one for all reads: saves a microsecond a call
  const callback = (count) => (receive(buffer.subarray(0, count)), true);
  const pipe = new Socket({ fd: 3, readable: true, writable: false, onread: { buffer, callback } });
  pipe.resume();
  const ended = new Promise((end) => pipe.on('end', end).on('error', end));
  return { ended, close: () => pipe.removeAllListeners('end').destroy() };
}

async function listenInBun(receive) {
  for await (const piece of Bun.file(3).stream()) {
    receive(Buffer.from(piece.buffer, piece.byteOffset, piece.length));
  }
}

// Node prints without waiting when a pipe is full; then a reply would overtake what was printed before it.
export function printInOrder() {
  if (Bun || Deno) return; // they wait; and merely to look at Bun's streams takes 6 ms
  for (const stream of [process.stdout, process.stderr]) stream._handle?.setBlocking?.(true);
}

// Node and Bun mark the descriptors that they inherit close-on-exec.
async function nodeWriter() {
  const { writeSync } = await import('node:fs');
  return (frame, size) => writeWhole((at) => writeSync(4, frame, at, size - at), size);
}

// Deno does not, and it writes only to files that it opened itself.
function denoWriter() {
  const libc = Deno.dlopen('libc.so.6', { fcntl: { parameters: ['i32', 'i32', 'i32'], result: 'i32' } });
  const kSetFlags = 2;
  const kCloseOnExec = 1;
  for (const fd of [3, 4]) libc.symbols.fcntl(fd, kSetFlags, kCloseOnExec);
  const file = Deno.openSync('/proc/self/fd/4', { write: true });
  return (frame, size) => writeWhole((at) => file.writeSync(frame.subarray(at, size)), size);
}

// A pipe takes a large frame in parts, and refuses while it is full if whoever made it asked for that.
function writeWhole(writeFrom, size) {
  for (let at = 0; at < size; ) {
    try {
      at += writeFrom(at);
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(1); // the host is gone
      if (error.code !== 'EAGAIN') throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
