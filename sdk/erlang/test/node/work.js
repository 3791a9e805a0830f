import { appendFileSync, readFileSync } from 'node:fs';

export const echo = (value) => value;
export const process_user = (user) => ({ ...user, name: user.name.toUpperCase(), email: user.email.toLowerCase(), processed: true });
export const sleep = (ms, value = null) => new Promise((done) => setTimeout(done, ms, value));
export const pid = () => process.pid;
export const variable = (name) => process.env[name] ?? null;
export const mark = (path, text) => appendFileSync(path, text);
export const marks = (path) => readFileSync(path, 'utf8');
export const crash = () => process.exit(3);

export function fail(message) {
  throw new RangeError(message);
}

export function* numbers(n) {
  for (let i = 0; i < n; i++) yield i;
}

export async function later(value) {
  return value;
}
