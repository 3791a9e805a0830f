// A spare: a worker that was started before anybody asked for it. It has time: what user code imports most is there when it comes, and the way
// of a call has been gone once, so that nothing on it is compiled or looked up for the first time then.

const kWarm = ['node:http', 'node:https', 'node:crypto', 'node:zlib', 'node:url', 'node:util', 'node:events', 'node:stream', 'node:stream/promises',
  'node:fs', 'node:fs/promises', 'node:path', 'node:os', 'node:child_process', 'node:querystring', 'node:string_decoder', 'node:timers/promises',
  'node:assert', 'node:net', 'node:tls', 'node:dns', 'node:worker_threads', 'node:async_hooks', 'node:perf_hooks', 'node:readline', 'node:module', 'node:console'];
const kTimes = 3;

// `rehearse` loads a function of ours and calls it so many times.
export async function warmUp(rehearse) {
  const ours = ['./json.mjs', './context.mjs', './fetch.mjs'];
  await Promise.all([...kWarm, ...ours].map((name) => import(name).catch(() => {}))); // not every runtime has all of them
  // What fills itself on first use.
  void globalThis.fetch;
  void globalThis.crypto?.subtle;
  new TextDecoder().decode(new TextEncoder().encode(JSON.stringify({ at: new Date(0).toISOString(), url: new URL('http://a/?b=c').href })));
  await rehearse(kTimes);
}
