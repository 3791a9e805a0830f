// The body of a request that comes in CHUNKs, as a stream: what user code has not taken yet is at most what the host may send without credit.

import { send, type } from './frames.mjs';

// A copy: the frame's bytes are valid only until it has been handled.
export const ownBytes = (bytes, at, end) => new Uint8Array(bytes.subarray(at, end));

export class Incoming {
  #call;
  #pieces = [];
  #isWhole = false;
  #isWanted = true;
  #isHeld = false; // what comes is kept here, and credit is not waited for
  #failure = null;
  #waiting = []; // for the next piece: the stream, and whole()

  constructor(call) {
    this.#call = call;
  }

  push(bytes, at, end, isLast) {
    this.#isWhole = isLast;
    if (this.#isWanted && at < end) this.#pieces.push(ownBytes(bytes, at, end));
    if (this.#isHeld || !this.#isWanted) this.#grant(end - at);
    for (const wake of this.#waiting.splice(0)) wake();
  }

  // To be taken once.
  stream() {
    const cancel = () => this.drop();
    return new ReadableStream({ type: 'bytes', pull: (controller) => this.#give(controller), cancel }, { highWaterMark: 0 });
  }

  async #give(controller) {
    while (this.#pieces.length === 0 && !this.#isWhole) await this.#news();
    if (this.#failure) return controller.error(this.#failure);
    const piece = this.#pieces.shift();
    if (!piece) {
      controller.close();
      return controller.byobRequest?.respond(0);
    }
    if (!this.#isHeld) this.#grant(piece.length);
    controller.enqueue(piece);
  }

  // Nobody reads it (any more).
  drop() {
    if (!this.#isHeld) this.#grant(this.#size());
    this.#isWanted = false;
    this.#pieces = [];
  }

  // The call has ended, or was cancelled.
  fail(error) {
    if (this.#isWhole) return;
    this.#isWhole = true;
    this.#failure = error;
    for (const wake of this.#waiting.splice(0)) wake();
  }

  // Resolves when all has come; what user code has not taken yet is kept for it.
  async whole() {
    if (!this.#isHeld && this.#isWanted) this.#grant(this.#size());
    this.#isHeld = true;
    while (!this.#isWhole) await this.#news();
  }

  #news() {
    return new Promise((wake) => this.#waiting.push(wake));
  }

  #size() {
    return this.#pieces.reduce((sum, piece) => sum + piece.length, 0);
  }

  #grant(bytes) {
    if (bytes > 0 && !this.#isWhole) send(type.CREDIT, this.#call.id, `{"bytes":${bytes}}`);
  }
}
