"""Functions that call functions, when something breaks: nothing hangs, nothing is left over, everyone is told."""
import os
import pathlib
import random
import signal
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server, UnixConnection  # noqa: E402

FUNCTION = """import time
def handler(input, ctx):
    if "nap" in input:
        print("napping", flush=True)
        time.sleep(input["nap"])
        return "rested"
    if "then" in input:
        time.sleep(input.get("first", 0))
        try:
            return ctx.sdk.call(input["call"], input["then"])
        except ctx.sdk.Error as error:
            return {"code": error.code, "details": error.details}
    return input
"""
MANIFEST = "runtime: python\nentrypoint: f.py\nscale: {max: 2, overflow: 0}\nlimits: {timeout: %s}\nrestart: {backoff: 1ms..5ms, breaker: {failures: 0}}\n"


@pytest.fixture
def server(tmp_path):
    for name, timeout in (("a", "2s"), ("b", "20s"), ("c", "20s")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "f.py").write_text(FUNCTION)
        (tmp_path / name / "trivet.yaml").write_text(MANIFEST % timeout)
    with Server(tmp_path) as running:
        yield running


def until(look, seconds=10):
    deadline = time.monotonic() + seconds
    while not look():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def busy(server, function):
    return [row["pid"] for row in server.get("/v1/workers").json if row["function"] == function and row["state"] == "busy"]


def in_flight(server):
    return server.get("/v1/stats").json["in_flight"]


def test_a_callee_that_is_killed_is_an_error_of_its_caller_alone(server):
    replies = []
    caller = threading.Thread(target=lambda: replies.append(server.post("/function/b", {"call": "c", "then": {"nap": 30}})))
    caller.start()
    until(lambda: any(line["message"] == "napping" for line in server.log_lines(function="c")))
    pid, = busy(server, "c")
    os.kill(pid, signal.SIGKILL)
    caller.join()
    told = replies[0].json
    assert replies[0].status == 200 and told["code"] == "FUNCTION_CRASHED" and told["details"]["signal"] == "SIGKILL"
    assert server.post("/function/b", {"call": "c", "then": {"x": 1}}).json == {"x": 1}


def test_a_caller_that_is_killed_ends_what_it_called(server):
    replies = []
    caller = threading.Thread(target=lambda: replies.append(server.post("/function/b", {"call": "c", "then": {"nap": 15}})))
    caller.start()
    until(lambda: busy(server, "c"))
    os.kill(busy(server, "b")[0], signal.SIGKILL)
    caller.join()
    assert replies[0].json["code"] == "FUNCTION_CRASHED" and replies[0].json["function"] == "b"
    until(lambda: in_flight(server) == 0, 5)


def test_a_client_that_goes_away_ends_the_whole_chain(server):
    connection = UnixConnection(server.socket, 30)
    connection.request("POST", "/function/b", b'{"call": "c", "then": {"call": "b", "then": {"nap": 15}}}')
    until(lambda: len(busy(server, "b")) == 2 and busy(server, "c"))
    assert in_flight(server) == 3
    connection.close()
    until(lambda: in_flight(server) == 0, 5)
    assert server.post("/function/b", {"call": "c", "then": {"x": 1}}).json == {"x": 1}


def test_a_pool_whose_workers_all_wait_for_themselves_ends_by_its_deadline(server):
    replies, callers = [], []
    begin = time.monotonic()
    for _ in range(4):
        callers.append(threading.Thread(target=lambda: replies.append(server.post("/function/a", {"call": "a", "then": {"call": "a", "then": {"x": 1}}}))))
        callers[-1].start()
    for caller in callers:
        caller.join()
    assert time.monotonic() - begin < 9  # two rounds of two seconds, and what a start takes
    for reply in replies:
        told = reply.json
        assert told == {"x": 1} or told["code"] in ("FUNCTION_TIMEOUT", "OVERLOADED"), reply.text
    assert any("waiting for its call of a" in reply.text or "no worker of a became free" in reply.text for reply in replies), [r.text for r in replies]
    assert in_flight(server) == 0
    assert server.post("/function/a", {"x": 2}).json == {"x": 2}


def test_a_deadline_reaches_through_every_call_of_a_chain(server):
    begin = time.monotonic()
    reply = server.post("/function/a", {"call": "b", "then": {"call": "c", "then": {"nap": 15}}})
    assert 1.9 < time.monotonic() - begin < 4
    assert "FUNCTION_TIMEOUT" in reply.text
    until(lambda: in_flight(server) == 0, 5)


def test_a_server_that_stops_lets_a_call_make_its_calls(server):
    replies = []
    caller = threading.Thread(target=lambda: replies.append(server.post("/function/b", {"first": 0.7, "call": "c", "then": {"x": 1}})))
    caller.start()
    until(lambda: busy(server, "b"))
    server.process.send_signal(signal.SIGTERM)
    caller.join()
    assert replies[0].json == {"x": 1}
    assert server.process.wait(10) == 0


def test_kills_at_random_leave_nothing_and_mix_no_answers(server):
    dice, failures, stop = random.Random(4), [], time.monotonic() + 6

    def call():
        while time.monotonic() < stop:
            value = {"x": dice.random()}
            reply = server.post("/function/b", {"call": "c", "then": value})
            if not (reply.json == value or reply.json.get("code")):
                failures.append(reply.text)

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    kills = 0
    while time.monotonic() < stop:
        pids = [row["pid"] for row in server.get("/v1/workers").json if row["kind"] == "worker" and row["pid"] > 0]
        if pids:
            try:
                os.kill(dice.choice(pids), signal.SIGKILL)
                kills += 1
            except ProcessLookupError:
                pass
        time.sleep(0.02)
    for caller in callers:
        caller.join()
    assert failures == [] and kills > 50
    assert in_flight(server) == 0
    until(lambda: server.post("/function/b", {"call": "c", "then": {"x": 1}}).json == {"x": 1})
