// A hostile function: does what `attack` says by the means of this language, and answers what came of it. The same for Node.js, Deno and Bun.
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readSync } from 'node:fs';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';

const kept = [];

const attacks = {
  read(path) {
    const file = openSync(path, 'r');
    try { readSync(file, new Uint8Array(1)); } finally { closeSync(file); }
  },
  write: (path) => closeSync(openSync(path, 'a')),
  tcp: (address) => new Promise((resolve, reject) => {
    const at = address.lastIndexOf(':');
    const socket = connect({ host: address.slice(0, at), port: Number(address.slice(at + 1)) }, () => { socket.destroy(); resolve(); });
    socket.on('error', reject);
  }),
  kill: (pid) => void process.kill(Number(pid), 0),
  spawn(list) {
    const done = spawnSync(list[0], list.slice(1), { encoding: 'utf8', maxBuffer: 1 << 26 });
    if (done.error) throw done.error;
    return done.stdout + done.stderr;
  },
  environment: () => Object.entries(process.env).map(([name, value]) => `${name}=${value}`).join('\n'),
  async tasks(count) {
    const code = 'data:text/javascript,' + encodeURIComponent("postMessage(1); setTimeout(() => {}, 60000);");
    const started = [];
    try {
      for (let i = 0; i < Number(count); i++) {
        const worker = globalThis.Worker ? new globalThis.Worker(code, { type: 'module' })
          : new Worker("require('node:worker_threads').parentPort.postMessage(1); setTimeout(() => {}, 60000)", { eval: true });
        started.push(worker);
        await new Promise((resolve, reject) => {
          (worker.once ?? worker.addEventListener).call(worker, 'message', resolve);
          (worker.once ?? worker.addEventListener).call(worker, 'error', (e) => { e.preventDefault?.(); reject(e.error ?? e); });
        });
      }
    } finally {
      await Promise.all(started.map((worker) => worker.terminate()));
    }
  },
  memory(mib) {
    for (let i = 0; i < Number(mib); i++) kept.push(new Uint8Array(1 << 20).fill(1));
    kept.length = 0;
  },
  print(lines) {
    const line = 'x'.repeat(999);
    for (let i = 0; i < Number(lines); i++) console.log(line);
  },
  reply: (mib) => 'x'.repeat(Number(mib) << 20),
  spin() { for (;;); },
};

export default async function hostile(input) {
  try {
    return { outcome: 'allowed', detail: await attacks[input.attack](input.arguments ?? input.argument) };
  } catch (error) {
    return { outcome: `${error.code ?? error.name}: ${error.message}` };
  }
}
