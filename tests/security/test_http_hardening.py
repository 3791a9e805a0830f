"""Hostile HTTP over raw sockets: what two readers could understand in two ways is refused, what costs without end is cut, and nothing of one message becomes another."""
import http.client
import io
import json
import pathlib
import random
import shutil
import socket
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server  # noqa: E402

SEEN = """import json
def main(context):
    r = context.req
    return context.res.text(json.dumps({"method": r.method, "path": r.path, "query": r.query_string, "body": r.body_binary.hex(), "headers": dict(r.headers)}))
"""
FORGE = """import json
def main(context):
    return context.res.text("body", 200, json.loads(context.req.body_text))
"""


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    root = tmp_path_factory.mktemp("hostile")
    for name, source in (("seen", SEEN), ("forge", FORGE)):
        write(root / name / "trivet.yaml", "runtime: python\nentrypoint: main.py\ninterface: context\n")
        write(root / name / "main.py", source)
    write(root / "f.py", "def handler(input, ctx):\n    return input\n")
    with Server(root) as running:
        for name in ("seen", "forge"):
            running.post(f"/function/{name}", {})  # warm
        yield running


class Bytes:
    def __init__(self, data):
        self.data = data

    def makefile(self, *_):
        return io.BytesIO(self.data)


def exchange(server, data, wait=10.0, pieces=None):
    """All that comes back for these bytes, until the server closes."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(wait)
        s.connect(server.socket)
        try:
            for piece in pieces or [data]:
                s.sendall(piece)
            s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # it has heard enough
        out = b""
        try:
            while piece := s.recv(65536):
                out += piece
        except ConnectionResetError:
            pass
        return out


def replies(data, method="GET"):
    """The answers in what came back, as (status, body, headers)."""
    out = []
    while data:
        reply = http.client.HTTPResponse(Bytes(data), method=method)
        reply.begin()
        out.append((reply.status, reply.read(), reply.headers))
        data = rest_after(data)
    return out


def rest_after(data):
    """What follows the first answer in `data`; all of ours have a length."""
    head, _, rest = data.partition(b"\r\n\r\n")
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return rest[int(value):]
    return b""


def statuses(server, data, **more):
    return [status for status, _, _ in replies(exchange(server, data, **more))]


CANARY = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def post(headers, body=b"", path=b"/v1/echo"):
    return b"POST " + path + b" HTTP/1.1\r\nHost: x\r\n" + headers + b"\r\n" + body


HOSTILE = {
    "length and coding": post(b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "coding and length": post(b"Transfer-Encoding: chunked\r\nContent-Length: 40\r\n", b"0\r\n\r\n"),
    "two lengths": post(b"Content-Length: 1\r\nContent-Length: 2\r\n", b"ab"),
    "two equal lengths": post(b"Content-Length: 1\r\nContent-Length: 1\r\n", b"a"),
    "list of lengths": post(b"Content-Length: 1, 1\r\n", b"a"),
    "negative length": post(b"Content-Length: -1\r\n", b"a"),
    "plus": post(b"Content-Length: +1\r\n", b"a"),
    "hexadecimal length": post(b"Content-Length: 0xa\r\n", b"a" * 10),
    "length with a blank": post(b"Content-Length: 1 1\r\n", b"a" * 11),
    "length of 2^64": post(b"Content-Length: 18446744073709551617\r\n", b"a"),
    "length with an underscore": post(b"Content-Length: 1_0\r\n", b"a" * 10),
    "empty length": post(b"Content-Length:\r\n", b"a"),
    "xchunked": post(b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunked, identity": post(b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "identity": post(b"Transfer-Encoding: identity\r\nContent-Length: 1\r\n", b"a"),
    "quoted coding": post(b'Transfer-Encoding: "chunked"\r\n', b"0\r\n\r\n"),
    "coding twice": post(b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", b"0\r\n\r\n"),
    "coding with a vertical tab": post(b"Transfer-Encoding: \x0bchunked\r\n", b"0\r\n\r\n"),
    "coding with a NUL": post(b"Transfer-Encoding: chunked\x00\r\n", b"0\r\n\r\n"),
    "coding in 1.0": b"POST /v1/echo HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "blank before the colon": post(b"Content-Length : 1\r\n", b"a"),
    "tab before the colon": post(b"Transfer-Encoding\t: chunked\r\n", b"0\r\n\r\n"),
    "fold": post(b"Transfer-Encoding:\r\n chunked\r\n", b"0\r\n\r\n"),
    "fold of another header": post(b"A: b\r\n\tc: d\r\n"),
    "first header folded": b"GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "bare LF behind a header": post(b"A: b\nContent-Length: 1\r\n", b"a"),
    "bare LF at the end": b"GET / HTTP/1.1\r\nHost: x\r\n\nGET /v1/stats HTTP/1.1\r\nHost: x\r\n\r\n",
    "only LF": b"GET / HTTP/1.1\nHost: x\n\n",
    "bare CR in a value": post(b"A: b\rContent-Length: 1\r\n"),
    "bare CR in the request line": b"GET /\r HTTP/1.1\r\nHost: x\r\n\r\n",
    "CR CR LF": b"GET / HTTP/1.1\r\r\nHost: x\r\n\r\n",
    "NUL in a name": post(b"A\x00B: c\r\n"),
    "NUL in a value": post(b"A: b\x00c\r\n"),
    "NUL in the target": b"GET /\x00 HTTP/1.1\r\nHost: x\r\n\r\n",
    "DEL in a value": post(b"A: b\x7fc\r\n"),
    "a header without a name": post(b": b\r\n"),
    "a header without a colon": post(b"Content-Length 1\r\n"),
    "no host": b"GET / HTTP/1.1\r\n\r\n",
    "two hosts": b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n",
    "two hosts that differ": b"GET / HTTP/1.1\r\nHost: x\r\nhost: y\r\n\r\n",
    "a host with a comma": b"GET / HTTP/1.1\r\nHost: x,y\r\n\r\n",
    "a host with a path": b"GET / HTTP/1.1\r\nHost: x/v1\r\n\r\n",
    "another host in the target": b"GET http://y/v1/stats HTTP/1.1\r\nHost: x\r\n\r\n",
    "a user in the target": b"GET http://x@y/ HTTP/1.1\r\nHost: y\r\n\r\n",
    "another scheme": b"GET file:///etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "authority form": b"CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n",
    "version 0.9": b"GET /\r\n\r\n",
    "version 1.2": b"GET / HTTP/1.2\r\nHost: x\r\n\r\n",
    "version 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "lower-case version": b"GET / http/1.1\r\nHost: x\r\n\r\n",
    "two blanks": b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    "tab in the request line": b"GET\t/\tHTTP/1.1\r\nHost: x\r\n\r\n",
    "blank in the target": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 128 + b"\r\n",
    "a head too large": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 70000 + b"\r\n\r\n",
    "a target too long": b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_an_ambiguous_head_is_refused_and_ends_the_connection(server, what):
    """The request behind it is not answered: nobody knows where it begins."""
    for cut in (None, 1):
        data = HOSTILE[what] + CANARY
        pieces = [data[i:i + 700] for i in range(0, len(data), 700)] if cut else None
        got = replies(exchange(server, data, pieces=pieces))
        assert [status for status, _, _ in got] in ([400], [414], [431], [501], [505]), (what, got)
        assert got[0][2]["connection"] == "close" and got[0][2]["content-type"] == "application/problem+json"


CHUNKS = {
    "no size": b"\r\nabc\r\n0\r\n\r\n", "negative": b"-1\r\na\r\n0\r\n\r\n", "plus": b"+1\r\na\r\n0\r\n\r\n", "prefix": b"0x1\r\na\r\n0\r\n\r\n",
    "over 64 bits": b"10000000000000001\r\na\r\n0\r\n\r\n", "2^63": b"8000000000000000\r\na\r\n", "all ones": b"ffffffffffffffff\r\na\r\n",
    "bare LF": b"1\na\n0\n\n", "bare LF behind a chunk": b"1\r\na\n0\r\n\r\n", "bare CR": b"1\ra\r\n0\r\n\r\n", "LF in an extension": b"1;a\nb\r\na\r\n0\r\n\r\n",
    "CR in an extension": b"1;a\rb\r\na\r\n0\r\n\r\n", "NUL in an extension": b"1;a\x00\r\na\r\n0\r\n\r\n", "blank before": b" 1\r\na\r\n0\r\n\r\n", "blank behind": b"1 \r\na\r\n0\r\n\r\n",
    "longer than its size": b"1\r\nab\r\n0\r\n\r\n", "shorter than its size": b"5\r\nab\r\n0\r\n\r\n", "endless extension": b"1;" + b"a" * 70000, "endless size": b"0" * 70000,
    "endless trailers": b"0\r\n" + b"A: b\r\n" * 20000, "one endless trailer": b"0\r\nA: " + b"b" * 70000, "trailer without a colon": b"0\r\nabc\r\n\r\n",
    "folded trailer": b"0\r\nA: b\r\n c\r\n\r\n", "blank before a trailer's colon": b"0\r\nA : b\r\n\r\n", "underscore": b"1_0\r\n" + b"a" * 16 + b"\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("what", CHUNKS)
def test_an_ambiguous_chunk_is_refused_and_ends_the_connection(server, what):
    got = statuses(server, post(b"Transfer-Encoding: chunked\r\n", CHUNKS[what]) + CANARY)
    assert got in ([400], [413], []), (what, got)  # []: it ended in the middle, and so did we


def test_trailers_do_not_become_headers(server):
    body = b"2\r\n{}\r\n0\r\nAuthorization: x\r\nContent-Length: 5\r\nHost: y\r\n\r\n"
    got = replies(exchange(server, post(b"Transfer-Encoding: chunked\r\nConnection: close\r\n", body, b"/function/seen")))
    seen = json.loads(got[0][1])
    assert got[0][0] == 200 and seen["body"] == b"{}".hex() and "authorization" not in seen["headers"] and seen["headers"]["host"] == "x"


def test_one_byte_chunks_are_taken_and_cost_little(server):
    count = 200_000
    begin = time.monotonic()
    got = replies(exchange(server, post(b"Transfer-Encoding: chunked\r\nConnection: close\r\n", b"1\r\na\r\n" * count + b"0\r\n\r\n"), wait=60))
    assert got[0][0] == 200 and len(got[0][1]) == count and time.monotonic() - begin < 30


def test_what_follows_a_refused_body_is_no_request(server):
    for headers, body in ((b"Content-Length: 999999999\r\n", b""), (b"Content-Length: 99999999999999\r\n", CANARY)):
        got = statuses(server, post(headers, body, b"/function/f") + CANARY)
        assert got == [413], got
    # a body that nobody reads is not the next request
    smuggled = b"DELETE /v1/secrets/A HTTP/1.1\r\nHost: x\r\n\r\n"
    got = statuses(server, post(b"Content-Length: %d\r\n" % len(smuggled), smuggled, b"/nowhere") + CANARY)
    assert got == [404, 200], got


def test_pipelined_requests_are_answered_each_and_in_order(server):
    data = b"".join(post(b"Content-Length: 1\r\n", b"%d" % i) for i in range(10)) + CANARY
    got = replies(exchange(server, data))
    assert [body for _, body, _ in got] == [b"%d" % i for i in range(10)] + [b"ok\n"]


def test_a_function_cannot_split_its_answer(server):
    for name, value in (("x-a", "b\r\nx-forged: 1"), ("x-a", "b\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"), ("x-a\r\nx-forged", "1"), ("x-a: 1\r\nx-forged", "1"),
                        ("x-a", "b\nx-forged: 1"), ("x-a", "b\rx-forged: 1"), ("x-a", "\x00x"), ("content-length", "1"), ("transfer-encoding", "chunked"),
                        ("connection", "keep-alive, x-a"), (" x-forged", "1"), ("x-forged ", "1"), ("x forged", "1"), ("", "1"), ("x-a", "\u2028x-forged: 1")):
        order = json.dumps({name: value, "x-fine": "yes"}).encode()
        raw = exchange(server, post(b"Content-Length: %d\r\n" % len(order), order, b"/function/forge") + CANARY)
        head, _, _ = raw.partition(b"\r\n\r\n")
        assert b"\n" not in head.replace(b"\r\n", b"") and b"\r" not in head.replace(b"\r\n", b"") and b"\x00" not in head, (name, value)
        got = replies(raw)
        assert [status for status, _, _ in got][-1] == 200 and len(got) == 2, (name, value, raw)
        assert got[0][2].get("x-forged") is None and got[1][1] == b"ok\n", (name, value, raw)


def test_an_encoded_body_reaches_a_function_as_it_is(server):
    """Nothing is decompressed here, so nothing grows."""
    bomb = b"\x1f\x8b" + bytes(range(256)) * 4
    headers = b"Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: %d\r\n" % len(bomb)
    seen = json.loads(replies(exchange(server, post(headers, bomb, b"/function/seen")))[0][1])
    assert seen["body"] == bomb.hex() and seen["headers"]["content-encoding"] == "gzip"


def test_a_head_that_drips_is_cut(server):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(server.socket)
        s.settimeout(0.2)
        begin, got = time.monotonic(), b""
        s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        while time.monotonic() - begin < 25:
            try:
                got = s.recv(4096)
                break
            except TimeoutError:
                s.sendall(b"A: b\r\n")
        assert b"408" in got.split(b"\r\n")[0] and 5 < time.monotonic() - begin < 20, got


def test_a_thousand_slow_clients_hold_nobody_up(server):
    slow = []
    try:
        for i in range(1000):
            s = socket.socket(socket.AF_UNIX)
            s.connect(server.socket)
            s.sendall(b"POST /function/f HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{" if i % 2 else b"GET /function/f HT")
            slow.append(s)
        begin = time.monotonic()
        for _ in range(20):
            assert server.post("/function/f", {"a": 1}).json == {"a": 1}
        assert time.monotonic() - begin < 5
    finally:
        for s in slow:
            s.close()


NODE = r"""const http = require('http');
const server = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (d) => pieces.push(d)).on('end', () => {
    const url = request.url.replace(/^https?:\/\/[^\/?]*/, '').replace(/^\/function\/seen/, '');
    const text = JSON.stringify({ method: request.method, path: url || '/', body: Buffer.concat(pieces).toString('hex') });
    response.writeHead(200, { 'content-length': Buffer.byteLength(text) });
    response.end(request.method === 'HEAD' ? '' : text);
  });
});
server.listen(process.argv[2], () => console.log('ready'));
"""
CHUNKED = b"Transfer-Encoding: chunked\r\n"
BASES = [post(b"Content-Length: 5\r\n", b"hello", b"/function/seen/a?b=c"), post(CHUNKED, b"5\r\nhello\r\n0\r\n\r\n", b"/function/seen/b"),
         post(CHUNKED, b"1;a=b\r\nx\r\n3\r\nyyy\r\n0\r\nT: u\r\n\r\n", b"/function/seen/c"), b"GET /function/seen/d HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\n",
         b"GET http://x/function/seen/e HTTP/1.1\r\nHost: x\r\n\r\n"]
LAST = b"GET /function/seen/last HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
SPICE = [b"\r", b"\n", b"\r\n", b" ", b"\t", b"\x00", b"\x0b", b":", b";", b",", b"0", b"1", b"-", b"+", b"a", b"\xff", b"\x7f", b"\r\n ", b"\n\n", b"\r\n\r\n", b"Content-Length: 3\r\n",
         b"Transfer-Encoding: chunked\r\n", b"Host: y\r\n", b"Content-Length: 0\r\n", b"_", b"0x", b"/", b"?"]


def node_sees(path, data):
    raw = exchange(type("At", (), {"socket": path}), data, wait=10)
    return [(json.loads(body)["method"], json.loads(body)["path"], json.loads(body)["body"]) for status, body, _ in replies(raw) if status == 200 and body]


def we_see(server, data):
    out = []
    for status, body, headers in replies(exchange(server, data)):
        if status != 200 or b'"method"' not in body:
            out.append(None)
            continue
        seen = json.loads(body)
        out.append((seen["method"], seen["path"] + ("?" + seen["query"] if seen["query"] else ""), seen["body"]))
    return out


def samples():
    random.seed(6)
    yield from (base + LAST for base in BASES)
    yield from (data + LAST for data in HOSTILE.values() if len(data) < 1000)
    for chunks in CHUNKS.values():
        if len(chunks) < 1000:
            yield post(CHUNKED, chunks, b"/function/seen/x") + LAST
    for _ in range(400):
        data = bytearray(random.choice(BASES) + random.choice(BASES) + LAST)
        for _ in range(random.choice((1, 1, 2))):
            at = random.randrange(len(data) - len(LAST))
            data[at:at + random.choice((0, 0, 1, 2))] = random.choice(SPICE)
        yield bytes(data)


@pytest.mark.skipif(not shutil.which("node"), reason="node is not installed: no other parser to compare with")
def test_another_parser_agrees_on_every_message_that_we_take(server, tmp_path):
    """Requests that we answer are those that llhttp sees, with the same bodies: what is behind us or in front of us cannot be made to see others."""
    (tmp_path / "peer.js").write_text(NODE)
    path = str(tmp_path / "n")
    peer = subprocess.Popen(["node", str(tmp_path / "peer.js"), path], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    try:
        peer.stdout.readline()
        taken = refused = 0
        for data in samples():
            ours, theirs = we_see(server, data), node_sees(path, data)
            upto = ours.index(None) if None in ours else len(ours)  # from a refusal on we take nothing
            taken, refused = taken + upto, refused + (upto < len(ours))
            assert all(row is not None for row in ours[:upto])
            for a, b in zip(ours[:upto], theirs):
                assert a == b, (data, ours, theirs)
        assert taken > 200 and refused > 100, (taken, refused)
    finally:
        peer.kill()
        peer.wait()
        peer.stdout.close()
