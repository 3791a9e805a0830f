#!/usr/bin/python3
"""A worker that breaks every protocol of docs/formats/port-protocols.md on demand: the function's name says how. Standard library only; PROTOCOL names
the protocol."""
import json
import os
import signal
import struct
import sys
import time

PROTOCOL = os.environ["PROTOCOL"]
IN, OUT = sys.stdin.buffer, sys.stdout.buffer


def packed(message):
    return struct.pack(">I", len(message)) + message


def read_message():
    if PROTOCOL == "ndjson":
        return IN.readline()
    head = IN.read(4)
    return head and IN.read(*struct.unpack(">I", head))


def msgpack_call(message):
    """Id and function of {"id": n, "module": text, "function": text, "args": [...]}; ids below 65536."""
    def value(at):
        tag = message[at]
        if tag < 0x80:
            return tag, at + 1
        if tag == 0xCC:
            return message[at + 1], at + 2
        if tag == 0xCD:
            return int.from_bytes(message[at + 1:at + 3], "big"), at + 3
        size, at = (tag & 31, at + 1) if tag < 0xC0 else (message[at + 1], at + 2)
        return message[at:at + size].decode(), at + size
    members, at = {}, 1
    for _ in range(3):
        key, at = value(at)
        members[key], at = value(at)
    return members["id"], members["function"]


def protobuf_call(message):
    """Id and function of a Call."""
    def varint(at):
        number, shift = 0, 0
        while True:
            byte = message[at]
            number, shift, at = number | (byte & 127) << shift, shift + 7, at + 1
            if byte < 128:
                return number, at
    members, at = {}, 0
    while at < len(message):
        tag, at = varint(at)
        members[tag >> 3], at = varint(at)
        if tag & 7 == 2:
            size = members[tag >> 3]
            members[tag >> 3], at = message[at:at + size], at + size
    return members[1], members[3].decode()


def term_call(message):
    """Id and function of a tuple of five that begins with an atom and a number below 65536; ErlPort's has the same form."""
    at = 3  # 131, 104, 5

    def value():
        nonlocal at
        tag, at = message[at], at + 1
        width = {97: 1, 98: 4, 100: 2, 115: 1, 118: 2, 119: 1}[tag]
        number, at = int.from_bytes(message[at:at + width], "big"), at + width
        if tag in (97, 98):
            return number
        at += number
        return message[at - number:at].decode()
    assert message[:3] == b"\x83h\x05"
    _, number, _, function = value(), value(), value(), value()
    return number, function


def atom(name):
    return b"d" + struct.pack(">H", len(name)) + name.encode()


def term_reply(number, text):
    value = b"m" + struct.pack(">I", len(text)) + text.encode()
    ident = b"" if number is None else b"b" + struct.pack(">I", number)
    if PROTOCOL == "erlport":
        return packed(b"\x83h\x03" + atom("r") + ident + value)
    return packed(b"\x83h" + bytes([2 if number is None else 3]) + atom("reply") + ident + b"h\x02" + atom("ok") + value)


def varint_of(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def reply(number, text):
    """A whole reply on the wire; number None leaves the id out."""
    if PROTOCOL == "msgpack":
        entry = b"\xa6result" + bytes([0xA0 | len(text)]) + text.encode()
        return packed(b"\x81" + entry if number is None else b"\x82\xa2id\xcd" + struct.pack(">H", number) + entry)
    if PROTOCOL == "protobuf":
        value = b"\x32" + varint_of(len(text)) + text.encode()
        head = b"" if number is None else b"\x08" + varint_of(number)
        return packed(head + b"\x12" + varint_of(len(value)) + value)
    if PROTOCOL in ("etf", "erlport"):
        return term_reply(number, text)
    message = json.dumps({"result": text} if number is None else {"id": number, "result": text}).encode()
    return message + b"\n" if PROTOCOL == "ndjson" else packed(message)


def send(wire):
    OUT.write(wire)
    OUT.flush()


def act(number, action):
    if action == "crash":
        print("oh no", file=sys.stderr, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "exit":
        print("oh no", file=sys.stderr, flush=True)
        sys.exit(7)
    elif action == "hang":
        time.sleep(1000)
    elif action == "garbage":
        send(b"what is this\n" if PROTOCOL == "ndjson" else packed(b"\xff\xff\xff"))
        time.sleep(1000)
    elif action == "half":
        wire = reply(number, "x" * 20)
        send(wire[:len(wire) // 2])
        sys.exit(0)
    elif action == "too_large":
        send(b"x" * 3_000_000 if PROTOCOL == "ndjson" else struct.pack(">I", 2**31))
        time.sleep(1000)
    elif action == "wrong_id":
        send(reply(number + 1000, "mixed up"))
        time.sleep(1000)
    elif action == "flood":
        for n in range(20_000):
            print(f"line {n} " + "x" * 200, file=sys.stderr)
        send(reply(number, "flooded"))
    elif action == "twice":
        send(reply(number, "first") + reply(number, "second"))
    elif action == "no_id":
        send(reply(None, "anonymous"))
    else:
        send(reply(number, action))


while message := read_message():
    if PROTOCOL == "msgpack":
        act(*msgpack_call(message))
    elif PROTOCOL == "protobuf":
        act(*protobuf_call(message))
    elif PROTOCOL in ("etf", "erlport"):
        act(*term_call(message))
    else:
        call = json.loads(message)
        act(call["id"], call["function"])
