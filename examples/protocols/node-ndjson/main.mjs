// A worker that speaks ndjson: one JSON object a line. Calls run side by side; each reply has its call's id.
import { createInterface } from "node:readline";
import { answer } from "./functions.mjs";

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity }))
  answer(JSON.parse(line)).then((reply) => process.stdout.write(JSON.stringify(reply) + "\n"));
