// The context interface: one argument with the request, the ways to answer it, and a log (runtimes/CONTRACT.md).
// The request is taken apart only where user code looks at it.

import { Buffer } from 'node:buffer';
import { Fault, conclude, fail, metaOf, serialise, stream } from './call.mjs';

const kHidden = 'x-open-runtimes-';
const kMaxLine = 8000;
const kNoReturn = 'Return statement missing. return context.res.empty() if no response is expected.';

class Request {
  #facts;
  #cache = {};

  constructor(facts, body) {
    this.#facts = facts;
    this.bodyBinary = body;
  }

  #once(name, make) {
    return name in this.#cache ? this.#cache[name] : (this.#cache[name] = make());
  }

  get bodyText() { return this.#once('bodyText', () => this.bodyBinary.toString('utf8')); }
  get bodyRaw() { return this.bodyText; } // its old name
  get bodyJson() { return this.#once('bodyJson', () => JSON.parse(this.bodyText)); }

  get body() {
    const isJson = this.headers['content-type']?.toLowerCase().startsWith('application/json');
    if (!isJson) return this.bodyText;
    return this.bodyBinary.length > 0 ? this.bodyJson : {};
  }

  get headers() {
    return this.#once('headers', () => {
      const headers = {};
      for (const [name, value] of this.#facts.headers ?? []) {
        if (name.startsWith(kHidden)) continue;
        headers[name] = name in headers ? `${headers[name]}, ${value}` : value;
      }
      return headers;
    });
  }

  get method() { return this.#facts.method ?? 'POST'; }
  get path() { return this.#facts.path ?? '/'; }
  get scheme() { return this.#facts.scheme ?? 'http'; }
  get host() { return this.#address.host; }
  get port() { return Number(this.#address.port ?? this.#defaultPort); }
  get queryString() { return this.#facts.query ?? ''; }
  get #defaultPort() { return this.scheme === 'https' ? 443 : 80; }

  get #address() {
    return this.#once('address', () => /^(?<host>.*?)(:(?<port>\d+))?$/.exec(this.#facts.host ?? 'localhost').groups);
  }

  get url() {
    const port = this.port === this.#defaultPort ? '' : `:${this.port}`;
    const query = this.queryString && `?${this.queryString}`;
    return `${this.scheme}://${this.host}${port}${this.path}${query}`;
  }

  get query() {
    return this.#once('query', () => {
      const pairs = this.queryString.split('&').map((part) => {
        const [key, ...value] = part.split('=');
        return [key, value.join('=')];
      });
      return Object.fromEntries(pairs.filter(([key]) => key !== ''));
    });
  }
}

// What a handler must return: the answer, made by one of context.res.
class Answer {
  constructor(body, status, headers) {
    Object.assign(this, { body, status, headers });
  }

  // REPLY's meta.
  meta() {
    let type = 'text/plain';
    const headers = [];
    for (const [key, value] of isPairs(this.headers) ? this.headers : Object.entries(this.headers)) {
      const name = key.toLowerCase();
      if (name === 'content-type') type = String(value);
      else if (!name.startsWith(kHidden)) for (const item of [value].flat()) headers.push([name, String(item)]);
    }
    headers.push(['content-type', contentType(type)]);
    return metaOf({ status: this.status, headers });
  }
}

// Headers may be an object, or pairs of name and value: a Headers, a Map. (The class itself is not named: Node is slow to load it.)
const isPairs = (headers) => typeof headers[Symbol.iterator] === 'function';
const and = (headers, name, value) => (isPairs(headers) ? [...headers, [name, value]] : { ...headers, [name]: value });

// A multipart type stays as it is: its boundary may have capitals.
function contentType(type) {
  const lower = type.toLowerCase();
  if (lower.startsWith('multipart/')) return type;
  return lower.includes('charset=') ? lower : `${lower}; charset=utf-8`;
}

export function invoke(handler, call, bytes, at, end) {
  const log = (level) => (...values) => call.log(level, line(values));
  const req = new Request(call.facts, Buffer.from(bytes.subarray(at, end)));
  return handler({ req, res, log: log('info'), error: log('error'), sdk: call.sdk });
}

export function reply(call, answer) {
  if (!(answer instanceof Answer)) throw new Fault('INVALID_OUTPUT', kNoReturn);
  const { body } = answer;
  if (typeof body === 'string' || ArrayBuffer.isView(body)) conclude(call, answer.meta(), body);
  else if (isBlob(body)) void concludeLater(call, answer.meta(), body);
  else stream(call, answer.meta(), body, asBody);
}

async function concludeLater(call, meta, blob) {
  try {
    conclude(call, meta, asBody(await blob.arrayBuffer()));
  } catch (error) {
    fail(call, error);
  }
}

const res = {
  text: (body, status = 200, headers = {}) => new Answer(asBody(body), status, headers),
  send: (body, status, headers) => res.text(body, status, headers),
  binary: (body, status = 200, headers = {}) => new Answer(asBody(body), status, headers),
  json: (value, status = 200, headers = {}) =>
    new Answer(serialise(value), status, and(headers, 'content-type', 'application/json')),
  empty: () => new Answer('', 204, {}),
  redirect: (url, status = 301, headers = {}) => new Answer('', status, and(headers, 'location', url)),
  stream: (values, status = 200, headers = {}) => new Answer(values, status, headers),
};

function asBody(body) {
  if (ArrayBuffer.isView(body)) return Buffer.from(body.buffer, body.byteOffset, body.byteLength);
  if (isBlob(body)) return body; // its bytes come later
  return body instanceof ArrayBuffer ? Buffer.from(body) : String(body ?? '');
}

const isBlob = (body) => typeof body === 'object' && typeof body?.arrayBuffer === 'function';

function line(values) {
  return values.map(asText).join(' ').split('\n').map((text) => text.slice(0, kMaxLine)).join('\n');
}

function asText(value) {
  if (value instanceof Error) return value.stack ?? value.message;
  try {
    return (typeof value === 'object' && JSON.stringify(value)) || String(value);
  } catch {
    return String(value); // a circle
  }
}
