// Pages of a café, rendered by Preact from TypeScript with JSX: components, types and an enum, translated by esbuild when the function is built.
//
//     trivet serve .            # then http://127.0.0.1:7000/function/node-tsx/

import { render } from 'preact-render-to-string';
import { Kind, menu, ordered, price } from './menu';
import { List, Page } from './page';

const html = (page: Parameters<typeof render>[0]) => new Response(`<!doctype html>${render(page)}`, { headers: { 'content-type': 'text/html; charset=utf-8' } });

const Menu = () => (
  <Page title="Menu">
    {Object.values(Kind).map((kind) => (
      <List items={menu} kind={kind} />
    ))}
  </Page>
);

export default {
  fetch(request: Request): Response {
    const url = new URL(request.url);
    if (url.pathname === '/') return html(<Menu />);
    if (url.pathname !== '/bill') return new Response('no such page', { status: 404 });
    const items = ordered(url.searchParams);
    return html(
      <Page title="Your bill">
        <List items={items} />
        <p>
          Together <b>{price({ cents: items.reduce((sum, { cents }) => sum + cents, 0) })}</b>
        </p>
      </Page>,
    );
  },
};
