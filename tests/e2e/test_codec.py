"""`trivet debug codec`: bytes of every wire format as JSON; what is refused is said with its position, exit code 1."""
import pathlib
import struct
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import binary  # noqa: E402


def decode(codec, bytes_, *flags):
    return subprocess.run([binary(), "debug", "codec", codec, *flags], input=bytes_, capture_output=True, timeout=30)


def packed(message):
    return struct.pack(">I", len(message)) + message


def frame(kind, call, meta, body, more=0):
    return struct.pack(">IBBHII", 12 + len(meta) + len(body), kind, more, 0, call, len(meta)) + meta + body


READ = [
    ("json", b' {"b": [1, 2.50], "a": "\\u00e9"} ', ['{"b":[1,2.5],"a":"é"}']),
    ("msgpack", bytes.fromhex("83a2696407a6726573756c74c401ffa16ecfffffffffffffffff"),
     ['{"id":7,"result":{"$base64":"/w=="},"n":18446744073709551615}']),
    ("protobuf", b"\x42\x06\x0a\x02\x18\x03\x0a\x00", ["[-2,null]"]),
    ("etf", bytes.fromhex("8368046400026f6b6d00000002ff006e0900ffffffffffffffffff6a"), ['["ok",{"$base64":"/wA="},4722366482869645213695,[]]']),
    ("packet4", packed(b'{"a":1}') + packed(b"text") + packed(b"\xff"),
     ['{"offset":4,"size":7,"message":{"a":1}}', '{"offset":15,"size":4,"message":"text"}', '{"offset":23,"size":1,"message":{"$base64":"/w=="}}']),
    ("packet4", b"", []),
    ("ndjson", b'1\n\n{"a":2}', ['{"offset":0,"size":1,"message":1}', '{"offset":3,"size":7,"message":{"a":2}}']),
    ("frame", frame(67, 5, b'{"status":201}', b"hi", more=1) + frame(70, 0, b"", b""),
     ['{"offset":0,"type":"REPLY","more":true,"call":5,"meta":{"status":201},"body":"hi"}', '{"offset":32,"type":"PONG","more":false,"call":0}']),
]


@pytest.mark.parametrize("codec,bytes_,lines", READ, ids=[f"{row[0]}-{at}" for at, row in enumerate(READ)])
def test_bytes_are_shown_as_json(codec, bytes_, lines):
    done = decode(codec, bytes_)
    assert (done.returncode, done.stdout.decode().splitlines(), done.stderr) == (0, lines, b"")


REFUSED = [
    ("json", b'{"a":}', "offset 5", 0),
    ("msgpack", bytes.fromhex("92c0d6ff00000000"), "type -1, a timestamp), which JSON has no form for, at offset 2", 0),
    ("msgpack", bytes.fromhex("dfffffffff"), "a collection of 4294967295 items, cut short, at offset 0", 0),
    ("protobuf", b"\x13", "a group", 0),
    ("etf", b"\x83h\x02a\x01", "(at byte", 0),
    ("etf", b"\x82a\x01", "begins with the byte 131", 0),
    ("packet4", packed(b"1") + b"\0\0\1\0x", "at byte 5 is over the limit of 10 bytes", 1),
    ("packet4", packed(b"1") + b"\0\0\0\x05x", "in the middle of the message at byte 5", 1),
    ("ndjson", b"1\nnope\n", "the line at byte 2 is not JSON", 1),
    ("frame", frame(67, 5, b"", b"") + b"\0\0\0\x01" + bytes(12), "length 1 is below 12 at offset 16", 1),
    ("frame", frame(67, 5, b"", b"")[:-1], "in the middle of a frame at offset 0", 0),
]


@pytest.mark.parametrize("codec,bytes_,says,lines", REFUSED, ids=[f"{row[0]}-{at}" for at, row in enumerate(REFUSED)])
def test_what_is_refused_is_said_with_its_place(codec, bytes_, says, lines):
    done = decode(codec, bytes_)
    assert done.returncode == 1
    assert says in done.stderr.decode(), done.stderr
    assert len(done.stdout.splitlines()) == lines  # what came before is shown


def test_an_unknown_codec_is_a_wrong_use():
    done = decode("msgpak", b"")
    assert done.returncode == 2 and b"msgpack" in done.stderr, done.stderr
