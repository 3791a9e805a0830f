// A worker that speaks etf: four bytes of big-endian length, then a term. Calls run side by side; each reply has its call's id.
import { Atom, Tuple, decode, encode } from "./etf.mjs";
import { answer } from "./functions.mjs";

function send({ id, error, result }) {
  const outcome = error ? new Tuple(new Atom("error"), error) : new Tuple(new Atom("ok"), result);
  const message = encode(new Tuple(new Atom("reply"), id, outcome));
  const head = Buffer.alloc(4);
  head.writeUInt32BE(message.length);
  process.stdout.write(Buffer.concat([head, message]));
}

let held = [], size = 0;  // what has come and is not yet a whole message
process.stdin.on("data", (piece) => {
  held.push(piece);
  size += piece.length;
  if (size < 4) return;
  let bytes = held.length === 1 ? held[0] : Buffer.concat(held);
  while (bytes.length >= 4 && bytes.length >= 4 + bytes.readUInt32BE()) {
    const end = 4 + bytes.readUInt32BE();
    const [, id, , name, args] = decode(bytes.subarray(4, end));
    answer({ id, function: name, args }).then(send);
    bytes = bytes.subarray(end);
  }
  held = [bytes];
  size = bytes.length;
});
