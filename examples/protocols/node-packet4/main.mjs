// A worker that speaks packet4: four bytes of big-endian length, then JSON. Calls run side by side; each reply has its call's id.
import { answer } from "./functions.mjs";

function send(reply) {
  const message = Buffer.from(JSON.stringify(reply));
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
    answer(JSON.parse(bytes.toString("utf8", 4, end))).then(send);
    bytes = bytes.subarray(end);
  }
  held = [bytes];
  size = bytes.length;
});
