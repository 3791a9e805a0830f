"""Terms of the External Term Format as values of Python, in the way of ErlPort 0.11.

    integer, float           int, float
    true, false, undefined   True, False, None
    any other atom           Atom, which is bytes
    binary                   bytes
    list, string             List, which is a list and has to_string(); with a tail: ImproperList
    tuple, map               tuple, Map, which is a dict
    pid, port, reference,    OpaqueObject: given back, it is the same term
    function, bit string

A str is written as a list of code points; what is none of these is pickled into {'$erlport.opaque', python, Bytes}, and comes back as itself.
"""
import pickle
import struct
import zlib

EXPANDED_MOST = 1 << 30
DEPTH_MOST = 200
STRING_MOST = 65535


class Atom(bytes):
    __slots__ = ()

    def __new__(cls, name):
        if isinstance(name, str):
            name = name.encode()
        if len(name.decode("utf-8", "surrogateescape")) > 255:
            raise ValueError("an atom has at most 255 characters")
        return super().__new__(cls, name)

    def __repr__(self):
        return "Atom(%s)" % super().__repr__()


class List(list):
    __slots__ = ()

    def to_string(self):
        try:
            return "".join(map(chr, self))
        except (TypeError, ValueError, OverflowError):
            raise TypeError("the list is not a string") from None

    def __repr__(self):
        return "List(%s)" % super().__repr__()


class ImproperList(list):
    __slots__ = ("tail",)

    def __init__(self, items, tail):
        if not items:
            raise ValueError("a list without items has no tail")
        if isinstance(tail, list):
            raise TypeError("a list as a tail makes a proper list")
        super().__init__(items)
        self.tail = tail

    def __eq__(self, other):
        return isinstance(other, ImproperList) and list(self) == list(other) and self.tail == other.tail

    __hash__ = None

    def __repr__(self):
        return "ImproperList(%s, %r)" % (super().__repr__(), self.tail)


class Map(dict):
    __slots__ = ()

    def __hash__(self):  # keys of maps may be maps
        return hash(frozenset(self.items()))


class OpaqueObject:
    """A term of another language: its bytes, without the version byte in front."""

    __slots__ = ("data", "language")
    marker = Atom(b"$erlport.opaque")

    def __init__(self, data, language):
        self.data, self.language = data, language

    def __eq__(self, other):
        return isinstance(other, OpaqueObject) and (self.data, self.language) == (other.data, other.language)

    def __hash__(self):
        return hash((self.data, self.language))

    def __repr__(self):
        return "<opaque %s>" % self.language.decode()


ERLANG, PYTHON = Atom(b"erlang"), Atom(b"python")
SPECIAL = {b"true": True, b"false": False, b"undefined": None}


class IncompleteData(ValueError):
    """The bytes end before the term does."""


def decode(data):
    """(term, the bytes after it)"""
    if data[:1] != b"\x83":
        raise ValueError("a term begins with the byte 131")
    if data[1:2] == b"P":
        size = struct.unpack(">I", data[2:6])[0] if len(data) >= 6 else 0
        if size > EXPANDED_MOST:
            raise ValueError("the term expands to %d bytes" % size)
        expand = zlib.decompressobj()
        try:
            whole = expand.decompress(data[6:], size + 1)
        except zlib.error as error:
            raise ValueError("the compressed term is damaged: %s" % error) from None
        if len(whole) != size or not expand.eof:
            raise ValueError("the compressed term is damaged")
        reader = Reader(whole, 0)
        term = reader.outermost()
        if reader.at != len(whole):
            raise ValueError("there is more after the term")
        return term, expand.unused_data
    reader = Reader(data, 1)
    term = reader.outermost()
    return term, data[reader.at:]


class Reader:
    def __init__(self, data, at):
        self.data, self.at = data, at

    def take(self, size):
        end = self.at + size
        if end > len(self.data):
            raise IncompleteData("the term is cut off")
        piece, self.at = self.data[self.at:end], end
        return piece

    def number(self, width):
        return int.from_bytes(self.take(width), "big")

    def outermost(self):
        try:
            return self.term(0)
        except RecursionError:
            raise ValueError("terms lie too deep in each other") from None

    def term(self, depth):
        if depth > DEPTH_MOST:
            raise ValueError("terms lie too deep in each other")
        begin = self.at
        tag = self.number(1)
        read = READERS.get(tag)
        if read:
            return read(self, depth)
        if tag not in OPAQUE:
            raise ValueError("there is no term with the tag %d" % tag)
        self.skip(tag, depth)
        return OpaqueObject(self.data[begin:self.at], ERLANG)

    def items(self, count, depth):
        if count > len(self.data) - self.at:
            raise IncompleteData("the term is cut off")
        return [self.term(depth + 1) for _ in range(count)]

    def big(self, width):
        size, negative = self.number(width), self.number(1)
        value = int.from_bytes(self.take(size), "little")
        return -value if negative else value

    def atom(self, width, latin1):
        raw = self.take(self.number(width))
        name = raw.decode("latin-1").encode() if latin1 else raw.decode().encode()
        return SPECIAL[name] if name in SPECIAL else Atom(name)

    def list(self, depth):
        items = self.items(self.number(4), depth)
        tail = self.term(depth + 1)
        if isinstance(tail, ImproperList):
            return ImproperList(items + list(tail), tail.tail)
        return List(items + tail) if isinstance(tail, list) else ImproperList(items, tail)

    def tuple(self, width, depth):
        items = self.items(self.number(width), depth)
        if len(items) == 3 and items[0] == OpaqueObject.marker and isinstance(items[1], Atom) and isinstance(items[2], bytes):
            return pickle.loads(items[2]) if items[1] == PYTHON else OpaqueObject(items[2].removeprefix(b"\x83"), items[1])
        return tuple(items)

    def map(self, depth):
        found = Map()
        for _ in range(self.number(4)):
            key = self.term(depth + 1)
            found[hashable(key)] = self.term(depth + 1)
        return found

    def skip(self, tag, depth):
        if tag in (112, 77):  # NEW_FUN: its size counts itself; BIT_BINARY: the bits of the last byte are told
            size = self.number(4)
            self.take(max(0, size - 4) if tag == 112 else size + 1)
        elif tag in (113, 117):  # EXPORT, FUN
            for _ in range(3 if tag == 113 else 4 + self.number(4)):
                self.term(depth + 1)
        else:
            words = self.number(2) if tag in (114, 90) else 0
            self.term(depth + 1)
            self.take(OPAQUE[tag] + 4 * words)


def hashable(key):
    """A key of a map: lists are tuples there."""
    key = tuple(map(hashable, key)) if isinstance(key, (list, tuple)) else key
    try:
        hash(key)
    except TypeError:
        raise ValueError("%r cannot be the key of a map" % (key,)) from None
    return key


# What follows the node's name in pids, ports and references; None where it is told otherwise.
OPAQUE = {103: 9, 88: 12, 102: 5, 89: 8, 120: 12, 101: 5, 114: 1, 90: 4, 112: None, 113: None, 117: None, 77: None}
READERS = {
    97: lambda r, _: r.number(1),
    98: lambda r, _: int.from_bytes(r.take(4), "big", signed=True),
    70: lambda r, _: struct.unpack(">d", r.take(8))[0],
    99: lambda r, _: float(r.take(31).split(b"\0", 1)[0]),
    100: lambda r, _: r.atom(2, True),
    115: lambda r, _: r.atom(1, True),
    118: lambda r, _: r.atom(2, False),
    119: lambda r, _: r.atom(1, False),
    109: lambda r, _: r.take(r.number(4)),
    106: lambda r, _: List(),
    107: lambda r, _: List(r.take(r.number(2))),
    108: Reader.list,
    104: lambda r, depth: r.tuple(1, depth),
    105: lambda r, depth: r.tuple(4, depth),
    110: lambda r, _: r.big(1),
    111: lambda r, _: r.big(4),
    116: Reader.map,
}


def encode(term, compressed=0):
    body = bytearray()
    write(body, term)
    if compressed:
        packed = zlib.compress(bytes(body), 6 if compressed is True else compressed)
        if len(packed) + 5 < len(body):
            return b"\x83P" + struct.pack(">I", len(body)) + packed
    return b"\x83" + bytes(body)


def write(out, term):
    kind = term.__class__
    if kind is bool or term is None:
        write_atom(out, {True: b"true", False: b"false", None: b"undefined"}[term])
    elif isinstance(term, int):
        write_integer(out, int(term))
    elif isinstance(term, float):
        out += b"F" + struct.pack(">d", term)
    elif isinstance(term, Atom):
        write_atom(out, term)
    elif isinstance(term, (bytes, bytearray)):
        out += b"m" + struct.pack(">I", len(term)) + term
    elif isinstance(term, str):
        write_list(out, [ord(c) for c in term], None)
    elif isinstance(term, list):
        write_list(out, term, getattr(term, "tail", None) if isinstance(term, ImproperList) else None, isinstance(term, ImproperList))
    elif isinstance(term, tuple):
        out += b"h" + bytes([len(term)]) if len(term) < 256 else b"i" + struct.pack(">I", len(term))
        for item in term:
            write(out, item)
    elif isinstance(term, dict):
        out += b"t" + struct.pack(">I", len(term))
        for key, value in term.items():
            write(out, key)
            write(out, value)
    elif isinstance(term, OpaqueObject) and term.language == ERLANG:
        out += term.data
    elif isinstance(term, OpaqueObject):
        write(out, (OpaqueObject.marker, term.language, term.data))
    else:
        write(out, (OpaqueObject.marker, PYTHON, pickle.dumps(term, -1)))


def write_integer(out, value):
    if 0 <= value < 256:
        out += bytes([97, value])
    elif -(1 << 31) <= value < 1 << 31:
        out += b"b" + struct.pack(">i", value)
    else:
        magnitude = abs(value).to_bytes((value.bit_length() + 7) // 8, "little")
        head = bytes([110, len(magnitude)]) if len(magnitude) < 256 else b"o" + struct.pack(">I", len(magnitude))
        out += head + bytes([value < 0]) + magnitude


def write_atom(out, name):
    try:
        latin1 = bytes(name).decode().encode("latin-1")
        out += b"d" + struct.pack(">H", len(latin1)) + latin1
    except UnicodeEncodeError:
        out += (bytes([119, len(name)]) if len(name) < 256 else b"v" + struct.pack(">H", len(name))) + name


def write_list(out, items, tail, improper=False):
    if not improper and not items:
        out += b"j"
    elif not improper and len(items) <= STRING_MOST and all(i.__class__ is int and 0 <= i < 256 for i in items):
        out += b"k" + struct.pack(">H", len(items)) + bytes(items)
    else:
        out += b"l" + struct.pack(">I", len(items))
        for item in items:
            write(out, item)
        if improper:
            write(out, tail)
        else:
            out += b"j"
