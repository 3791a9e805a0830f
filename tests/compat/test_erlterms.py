"""The Python codec of ErlPort's terms against the table that a real node wrote, and against bytes that nobody wrote."""
import random
import re
import sys

import pytest

from test_erlang import ROOT

sys.path.insert(0, str(ROOT / "runtimes/python"))
import erlterms  # noqa: E402

sys.path.pop(0)
TEXT = re.sub(r'"\s+"', "", (ROOT / "src/wire/etf_vectors_test.h").read_text())
VECTORS = re.findall(r'\{"([^"]+)",\s*"(\w+)",\s*"([0-9a-f]+)"', TEXT)


def test_the_table_is_there():
    assert len(VECTORS) > 50


@pytest.mark.parametrize("name,how,bytes_in_hex", VECTORS, ids=[name for name, _, _ in VECTORS])
def test_what_a_node_writes_is_read_and_written_the_same(name, how, bytes_in_hex):
    data = bytes.fromhex(bytes_in_hex)
    term, rest = erlterms.decode(data)
    assert rest == b""
    if how == "same":
        assert erlterms.encode(term) == data
    assert erlterms.decode(erlterms.encode(term))[0] == term
    assert erlterms.decode(erlterms.encode(term, compressed=9) + b"more") == (term, b"more")


def test_bytes_that_nobody_wrote_are_refused_or_read():
    dice = random.Random(7)
    refused = 0
    for _ in range(20_000):
        data = bytearray(bytes.fromhex(dice.choice(VECTORS)[2]))
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data))] = dice.randrange(256)
        data = bytes(data[:dice.randint(1, len(data))])
        try:
            term, _ = erlterms.decode(data)
        except ValueError:
            refused += 1
        else:
            erlterms.encode(term)
    assert 10_000 < refused < 20_000


def test_cut_terms_and_bombs():
    with pytest.raises(erlterms.IncompleteData):
        erlterms.decode(b"\x83m\0\0\0\x05ab")
    with pytest.raises(ValueError, match="too deep"):
        erlterms.decode(b"\x83" + b"h\x01" * 10_000 + b"j")
    import zlib
    bomb = b"\x83P\0\0\0\x05" + zlib.compress(b"m" + bytes(100_000_000), 9)
    with pytest.raises(ValueError, match="damaged"):
        erlterms.decode(bomb)
