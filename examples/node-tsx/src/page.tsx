import type { ComponentChildren } from 'preact';
import { Kind, price, type Item } from './menu.js';

export function Page({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <title>{title}</title>
      </head>
      <body>
        <h1>{title}</h1>
        {children}
      </body>
    </html>
  );
}

export function List({ items, kind }: { items: readonly Item[]; kind?: Kind }) {
  return (
    <ul class={kind ?? 'all'}>
      {items
        .filter((item) => !kind || item.kind === kind)
        .map((item) => (
          <li key={item.name}>
            {item.name}: {price(item)}
          </li>
        ))}
    </ul>
  );
}
