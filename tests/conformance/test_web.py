"""The web interfaces (fetch, wsgi, asgi, http) over the frame: streams and their credit, bodies that come in pieces, ends of calls, work after a reply."""
import json
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from frame_host import CREDIT, CREDIT_DEFAULT, DRAIN  # noqa: E402
from test_conformance import MANIFESTS, NAMES, WEB  # noqa: E402
from test_frames import available, start  # noqa: E402,F401

PAIRS = [(runtime, interface) for runtime in NAMES for interface in WEB if interface in MANIFESTS[runtime]["interfaces"]]
web = pytest.mark.parametrize("runtime,interface", [pytest.param(*pair, id="-".join(pair)) for pair in PAIRS])
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
    host = start(runtime, interface)
    assert host.finish(begin(host, "background", x_ms=300)).body == b"started"
    assert "background done" not in [text for _, _, text in host.logs]
    host.send(DRAIN)
    assert host.receive() is None and host.process.wait(5) == 0
    (_, meta, _), = [line for line in host.logs if line[2] == "background done"]
    assert meta.get("id", "call-1") == "call-1"


@web
def test_the_facts_of_a_call(start, runtime, interface):
    facts = start(runtime, interface, env={"GREETING": "moin"}).call(body=b"", meta={"headers": [["x-action", "facts"]]}).json
    assert facts == {"id": "call-1", "function": "function", "greeting": "moin", "later": True}


@web
def test_calls_at_once_in_one_worker(start, runtime, interface):
    supported(runtime, f"{interface}/concurrent-calls")
    host = start(runtime, interface, concurrency=10)
    calls = [begin(host, "sleep", x_ms=ms) for ms in (300, 200, 100)]
    at = time.monotonic()
    assert [host.finish(call).body for call in calls] == [b"slept"] * 3
    assert time.monotonic() - at < 0.55
