// A small Hono application as a function: pages and a stream, and work that goes on after the answer. Deno and Bun run it too.
//
//     npm ci
//     trivet serve .            # then http://127.0.0.1:7000/function/node-hono/

import { Hono } from 'hono';
import { etag } from 'hono/etag';
import { html } from 'hono/html';
import { stream } from 'hono/streaming';

const app = new Hono();
const visits = new Map();

app.get('/', etag(), (c) => c.html(html`<h1>Hello ${c.req.query('name') ?? 'World'}</h1>`));

app.post('/visits/:page', async (c) => {
  const { who } = await c.req.json();
  const count = (visits.get(c.req.param('page')) ?? 0) + 1;
  visits.set(c.req.param('page'), count);
  c.executionCtx.waitUntil(new Promise((done) => setTimeout(done, 50)).then(() => console.log(`${who} was here`)));
  return c.json({ count, greeting: c.env.GREETING }, 201);
});

app.get('/countdown/:from', (c) =>
  stream(c, async (out) => {
    for (let n = Number(c.req.param('from')); n > 0; n--) {
      await out.writeln(String(n));
      await out.sleep(5);
    }
  }),
);

app.put('/upper', (c) => {
  const upper = new TransformStream({
    transform: (piece, out) => out.enqueue(piece.map((byte) => (byte >= 97 && byte <= 122 ? byte - 32 : byte))),
  });
  return c.body(c.req.raw.body.pipeThrough(upper), 200, { 'content-type': 'text/plain' });
});

export default app;
