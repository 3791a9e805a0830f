export enum Kind {
  Drink = 'drink',
  Cake = 'cake',
}

export interface Item {
  name: string;
  kind: Kind;
  cents: number;
}

export const menu: readonly Item[] = [
  { name: 'Espresso', kind: Kind.Drink, cents: 220 },
  { name: 'Flat <white>', kind: Kind.Drink, cents: 380 },
  { name: 'Apple pie', kind: Kind.Cake, cents: 410 },
];

export const price = ({ cents }: Pick<Item, 'cents'>): string => `${(cents / 100).toFixed(2)} €`;

export function ordered(query: URLSearchParams): Item[] {
  return query.getAll('item').map((name) => {
    const found = menu.find((item) => item.name === name);
    if (!found) throw new RangeError(`there is no ${name} on the menu`);
    return found;
  });
}
