"""The web interfaces (fetch, wsgi, asgi, http) over the frame: streams and their credit, bodies that come in pieces, ends of calls, work after a reply."""
import json
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from frame_host import BUSY, CREDIT, CREDIT_DEFAULT, DRAIN  # noqa: E402
from test_conformance import MANIFESTS, NAMES, WEB  # noqa: E402
from test_frames import available, start  # noqa: E402,F401

PAIRS = [(runtime, interface) for runtime in NAMES for interface in WEB if interface in MANIFESTS[runtime]["interfaces"]]
web = pytest.mark.parametrize("runtime,interface", [pytest.param(*pair, id="-".join(pair)) for pair in PAIRS])
only_for_wsgi, only_for_asgi = (
    pytest.mark.parametrize("runtime", [pytest.param(r, marks=pytest.mark.form(interface, "pool")) for r, i in PAIRS if i == interface]) for interface in ("wsgi", "asgi"))
CHUNK = b"x" * 65536


def supported(runtime, case):
    if case in MANIFESTS[runtime].get("conformance", {}).get("unsupported", {}):
        pytest.skip("unsupported: " + MANIFESTS[runtime]["conformance"]["unsupported"][case])


def begin(host, action, body=b"", more=False, **headers):
    pairs = [["x-action", action], *[[name.replace("_", "-"), str(value)] for name, value in headers.items()]]
    facts = {"method": "POST", "path": "/", "query": "", "scheme": "http", "host": "example.com", "headers": pairs}
    return host.start_call(body=body, meta=facts, more=more)


def text_of(host):
    return host.finish(begin(host, "text")).body.decode()


def upload(host, call, pieces):
    """Sends a body as a host does: no more than the credit. How much was sent."""
    credit, sent = CREDIT_DEFAULT, 0
    for _ in range(pieces):
        while credit < len(CHUNK):
            credit += json.loads(host.expect(CREDIT, call).meta)["bytes"]
        host.chunk(call, CHUNK)
        credit, sent = credit - len(CHUNK), sent + len(CHUNK)
    host.chunk(call, b"", more=False)
    return sent


def logged(host, message):
    """Waits until the worker has logged it."""
    deadline = time.monotonic() + 10
    while message not in [text for _, _, text in host.logs]:
        assert time.monotonic() < deadline, host.logs
        host.ping()
        time.sleep(0.01)


@web
def test_a_stream_waits_for_credit(start, runtime, interface):
    host = start(runtime, interface)
    call = begin(host, "endless")
    host.timeout = 0.5
    with pytest.raises(TimeoutError):
        host.finish(call, grants_credit=False)
    host.timeout = 20
    host.credit(call, 100_000)
    more = 0
    while more <= 100_000 - 65536:
        more += len(host.receive().body)
    assert more <= 100_000
    host.cancel(call)
    assert host.finish(call).error["code"] == "CANCELLED"
    logged(host, "stream ended")
    assert "Hello" in text_of(host)


@web
def test_a_body_goes_on_as_it_is_read(start, runtime, interface):
    host = start(runtime, interface)
    call = begin(host, "measure", b"begin", more=True)
    sent = upload(host, call, 40)
    assert host.finish(call).json["size"] == sent + 5


@web
def test_a_body_that_is_not_read_earns_no_credit(start, runtime, interface):
    supported(runtime, f"{interface}/unread-body")
    host = start(runtime, interface)
    call = begin(host, "sleep", b"", more=True, x_ms=200)
    host.chunk(call, CHUNK)
    assert host.finish(call).body == b"slept"
    with pytest.raises(TimeoutError):
        host.expect(CREDIT, call, timeout=0.1)
    host.chunk(call, CHUNK, more=False)  # was on its way
    assert "Hello" in text_of(host)


@web
def test_a_body_is_whole_before_a_reply_streams(start, runtime, interface):
    host = start(runtime, interface)
    call = begin(host, "echo", b"", more=True, content_type="x/y")
    sent = upload(host, call, 40)  # a host sends none of it once the reply has begun
    answer = host.finish(call)
    assert len(answer.body) == sent and len(answer.pieces) > 2 and ("content-type", "x/y") in answer.headers


@web
def test_a_call_that_is_cancelled_while_its_body_comes_ends(start, runtime, interface):
    host = start(runtime, interface)
    call = begin(host, "measure", b"begin", more=True)
    time.sleep(0.05)
    host.cancel(call)
    assert host.finish(call).error["code"] == "CANCELLED"
    host.chunk(call, CHUNK, more=False)
    assert "Hello" in text_of(host)


@web
def test_an_error_after_the_first_piece_ends_the_stream(start, runtime, interface):
    host = start(runtime, interface)
    answer = host.finish(begin(host, "broken"))
    assert answer.body == b"begun\n"
    assert answer.error["code"] == "FUNCTION_ERROR" and answer.error["message"] == "boom"


@web
def test_a_handler_hears_that_its_call_is_cancelled(start, runtime, interface):
    supported(runtime, f"{interface}/cancelled")
    host = start(runtime, interface)
    call = begin(host, "cancelled")
    host.ping()
    host.cancel(call)
    assert host.finish(call).error["code"] == "CANCELLED"
    logged(host, "cancelled seen")


@web
def test_work_goes_on_after_the_reply_and_a_worker_that_drains_waits_for_it(start, runtime, interface):
    supported(runtime, f"{interface}/background-drain")
    host = start(runtime, interface)
    assert host.finish(begin(host, "background", x_ms=300)).body == b"started"
    assert "background done" not in [text for _, _, text in host.logs]
    host.send(DRAIN)
    assert host.receive().type == BUSY and host.receive() is None and host.process.wait(5) == 0
    (_, meta, _), = [line for line in host.logs if line[2] == "background done"]
    assert meta["id"] == "call-1"


@web
def test_the_facts_of_a_call(start, runtime, interface):
    host = start(runtime, interface, env={"GREETING": "moin"})
    assert host.finish(begin(host, "facts")).json == {"id": "call-1", "function": "function", "greeting": "moin", "later": True}


@web
def test_calls_at_once_in_one_worker(start, runtime, interface):
    supported(runtime, f"{interface}/concurrent-calls")
    host = start(runtime, interface, concurrency=10)
    calls = [begin(host, "sleep", x_ms=ms) for ms in (300, 200, 100)]
    ends = []
    while len(ends) < len(calls):
        frame = host.receive()
        ends += [] if frame.more else [frame.call]
    assert ends == calls[::-1]  # the shortest came last


# ------------------------------------------------------------------ what one of them says besides

STRICT = """
from wsgiref.validate import validator

def strict(environ, start_response):
    read = environ["wsgi.input"].read(5) + environ["wsgi.input"].readline() + b"".join(environ["wsgi.input"])
    write = start_response("200 OK", [("Content-Type", "text/plain"), ("X-Read", str(len(read)))])
    write(b"written ")
    return [b"given ", b"", environ["PATH_INFO"].encode("latin-1")]

app = validator(strict)

def twice(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    try:
        raise KeyError("late")
    except KeyError:
        import sys
        start_response("500 Oops", [("Content-Type", "text/html")], sys.exc_info())
    return [b"replaced"]

def early(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])(b"sent")
    try:
        raise KeyError("late")
    except KeyError:
        import sys
        start_response("500 Oops", [], sys.exc_info())

def numbers(environ, start_response):
    start_response("200 OK", [])
    return [1]
"""


@only_for_wsgi
def test_an_application_that_the_validator_watches(start, runtime):
    host = start(runtime, "wsgi", files={"f.py": STRICT}, entrypoint="f.py")
    for pieces in (0, 3):
        facts = {"method": "POST", "path": "/gr%C3%BC%20n", "query": "", "scheme": "http", "host": "[::1]:80", "headers": [["content-type", "x/y"], ["a_b", "c"]]}
        call = host.start_call(body=b"12345\n\n67", meta=facts, more=pieces > 0)
        sent = upload(host, call, pieces) if pieces else 0
        answer = host.finish(call)
        assert answer.error is None and answer.body.decode() == "written given /grü n"
        assert ("x-read", str(9 + sent)) in answer.headers


@only_for_wsgi
@pytest.mark.parametrize("handler,status,body,error", [("twice", 500, b"replaced", None), ("early", 200, b"sent", "late"), ("numbers", 200, b"", "bytes")])
def test_start_response_is_called_twice(start, runtime, handler, status, body, error):
    answer = (host := start(runtime, "wsgi", files={"f.py": STRICT}, entrypoint="f.py", handler=handler)).finish(begin(host, "none"))
    assert (answer.status, answer.body) == (status, body)
    assert answer.error is None if error is None else error in answer.error["message"]


LIFESPAN = """
import asyncio, json

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        assert (await receive())["type"] == "lifespan.startup"
        scope["state"].update(greeting="moin", list=[])
        await send({"type": "lifespan.startup.complete"})
        assert (await receive())["type"] == "lifespan.shutdown"
        print("shut down", len(scope["state"]["list"]), flush=True)
        return await send({"type": "lifespan.shutdown.complete"})
    scope["state"]["list"].append(1)
    scope["state"]["greeting"] += "!"
    body = json.dumps(scope["state"]).encode()
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": body})

async def refuses(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})

async def breaks(scope, receive, send):
    await receive()
    raise KeyError("mine")

async def knows_none(scope, receive, send):
    assert scope["type"] == "http"
    print(scope["path"], "said", flush=True)
    await asyncio.sleep(0.05)
    print("twice")
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["path"].encode()})
"""


@only_for_asgi
def test_lifespan_has_a_state_that_calls_see(start, runtime):
    host = start(runtime, "asgi", files={"f.py": LIFESPAN}, entrypoint="f.py")
    assert [host.finish(begin(host, "none")).json for _ in range(2)] == [{"greeting": "moin!", "list": [1]}, {"greeting": "moin!", "list": [1, 1]}]
    assert host.drain() == 0 and host.stdout() == "shut down 2\n"


@only_for_asgi
@pytest.mark.parametrize("handler,says", [("refuses", "no database"), ("breaks", "mine")])
def test_a_startup_that_fails_is_a_load_that_fails(start, runtime, handler, says):
    with pytest.raises(AssertionError, match=says):
        start(runtime, "asgi", files={"f.py": LIFESPAN}, entrypoint="f.py", handler=handler)


@only_for_asgi
def test_prints_of_calls_at_once_keep_their_calls(start, runtime):
    host = start(runtime, "asgi", files={"f.py": LIFESPAN}, entrypoint="f.py", handler="knows_none", concurrency=5)
    assert host.hello["concurrency"] == 0 and "cancel" in host.hello["features"]
    calls = [host.start_call(body=b"", meta={"method": "GET", "path": "/%d" % n, "query": "", "scheme": "http", "host": "", "headers": []}) for n in range(3)]
    assert [host.finish(call).body for call in calls] == [b"/0", b"/1", b"/2"]
    host.ping()
    assert sorted((call, text) for call, _, text in host.logs) == sorted((call, text) for n, call in enumerate(calls) for text in ("/%d said" % n, "twice"))
