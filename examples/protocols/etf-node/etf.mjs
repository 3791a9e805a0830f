// Terms as values: only what a host sends, and what JSON can hold.
//
//   integers (over 2^53 as BigInt), floats   numbers        true, false, null   themselves        any other atom   text
//   binaries that are UTF-8                  text           others              Buffers           lists, tuples    arrays
//   maps                                     objects
const INTEGER_MOST = 2 ** 31;

class Reader {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 1;
  }
  number(width) {
    this.at += width;
    return this.bytes.readUIntBE(this.at - width, width);
  }
  piece(size) {
    this.at += size;
    if (this.at > this.bytes.length) throw new RangeError("the term is cut off");
    return this.bytes.subarray(this.at - size, this.at);
  }
  items(size) {
    return Array.from({ length: size }, () => this.term());
  }
  atom(text) {
    if (text === "true" || text === "false") return text === "true";
    return text === "null" || text === "undefined" ? null : text;
  }
  list(size) {
    const items = this.items(size);
    if (this.number(1) !== 106) throw new TypeError("improper lists are not read here");
    return items;
  }
  big(size) {
    const negative = this.number(1) === 1;
    const digits = Buffer.from(this.piece(size)).reverse().toString("hex");
    return negative ? -BigInt("0x" + digits) : BigInt("0x" + digits);
  }
  binary(size) {
    const piece = this.piece(size), text = piece.toString("utf8");
    return Buffer.from(text, "utf8").equals(piece) ? text : Buffer.from(piece);
  }
  map(size) {
    const members = {};
    for (let i = 0; i < size; ++i) {
      const key = this.term();
      members[key] = this.term();
    }
    return members;
  }
  term() {
    const tag = this.number(1);
    switch (tag) {
      case 70: return this.piece(8).readDoubleBE();
      case 97: return this.number(1);
      case 98: return this.piece(4).readInt32BE();
      case 100: return this.atom(this.piece(this.number(2)).toString("latin1"));
      case 104: return this.items(this.number(1));
      case 105: return this.items(this.number(4));
      case 106: return [];
      case 107: return [...this.piece(this.number(2))];
      case 108: return this.list(this.number(4));
      case 109: return this.binary(this.number(4));
      case 110: return this.big(this.number(1));
      case 111: return this.big(this.number(4));
      case 115: return this.atom(this.piece(this.number(1)).toString("latin1"));
      case 116: return this.map(this.number(4));
      case 118: return this.atom(this.piece(this.number(2)).toString("utf8"));
      case 119: return this.atom(this.piece(this.number(1)).toString("utf8"));
      default: throw new TypeError(`tag ${tag} is not read here`);
    }
  }
}

export function decode(bytes) {
  if (bytes[0] !== 131) throw new TypeError("a term begins with the byte 131");
  return new Reader(bytes).term();
}

const head = (tag, number, width) => {
  const out = Buffer.alloc(1 + width);
  out[0] = tag;
  out.writeUIntBE(number, 1, width);
  return out;
};

function integer(value) {
  if (value >= -INTEGER_MOST && value < INTEGER_MOST) {
    const out = Buffer.from([98, 0, 0, 0, 0]);
    out.writeInt32BE(Number(value), 1);
    return [out];
  }
  let big = BigInt(value), negative = 0;
  if (big < 0n) [big, negative] = [-big, 1];
  const hex = big.toString(16);
  const digits = Buffer.from(hex.length % 2 ? "0" + hex : hex, "hex").reverse();
  return [digits.length < 256 ? head(110, digits.length, 1) : head(111, digits.length, 4), Buffer.from([negative]), digits];
}

function number(value) {
  if (typeof value === "bigint" || Number.isSafeInteger(value)) return integer(value);
  const out = Buffer.alloc(9);
  out[0] = 70;
  out.writeDoubleBE(value, 1);
  return [out];
}

export class Atom {
  constructor(name) {
    this.name = name;
  }
}
export class Tuple {
  constructor(...items) {
    this.items = items;
  }
}

function parts(value) {
  if (value === null || value === undefined || typeof value === "boolean") return parts(new Atom(String(value ?? null)));
  if (typeof value === "number" || typeof value === "bigint") return number(value);
  if (typeof value === "string") return parts(Buffer.from(value));
  if (Buffer.isBuffer(value)) return [head(109, value.length, 4), value];
  if (value instanceof Atom) return [head(119, Buffer.byteLength(value.name), 1), Buffer.from(value.name)];
  if (value instanceof Tuple) return [head(104, value.items.length, 1), ...value.items.flatMap(parts)];
  if (Array.isArray(value)) return value.length ? [head(108, value.length, 4), ...value.flatMap(parts), Buffer.from([106])] : [Buffer.from([106])];
  const members = Object.entries(value);
  return [head(116, members.length, 4), ...members.flatMap(([key, member]) => [...parts(key), ...parts(member)])];
}

export const encode = (value) => Buffer.concat([Buffer.from([131]), ...parts(value)]);
