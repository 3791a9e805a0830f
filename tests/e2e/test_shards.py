"""A host of several shards: a function lives on one of them, and nobody who calls it can tell which."""
import concurrent.futures
import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from server import Server, UnixConnection, binary

ECHO = "def handle(input, ctx):\n    print('here is', ctx.function)\n    return {'name': ctx.function, 'input': input}\n"
CALLER = """import time

def handle(input, ctx):
    if "sleep" in input:
        time.sleep(input["sleep"])
        return "slept"
    if "count" in input:
        return [ctx.sdk.call(name, {"by": ctx.function}) for name in input["call"] for _ in range(input["count"])]
    return ctx.sdk.call(input["call"], input.get("input"), timeout=input.get("timeout", 10))
"""
STREAM = "def handle(input, ctx):\n    for i in range(input['count']):\n        yield {'i': i}\n"
NAMES = ["a", "b", "c", "d"]

# Each sandbox counts processes from 1: a worker is known by what it made up, at its first call because it may be a fork.
ONE_OF_MANY = """import os, time

def handle(input, ctx):
    global me
    me = globals().get("me") or os.urandom(8).hex()
    time.sleep(input or 0)
    return me
"""


def write(folder):
    for name in NAMES:
        (folder / f"{name}.py").write_text(ECHO)
    (folder / "caller.py").write_text(CALLER)
    (folder / "stream.py").write_text(STREAM)
    (folder / "wide").mkdir()
    (folder / "wide" / "main.py").write_text(ONE_OF_MANY)
    (folder / "wide" / "trivet.yaml").write_text("runtime: python\nscale: {max: 5, min: 3, overflow: 0, queue: 100, shards: 3}\n")


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shards")
    write(folder)
    with Server(folder, "--listen", "127.0.0.1:0", "--shards", "3") as server:
        server.port = port_of(server)
        yield server


def port_of(server):
    deadline = time.monotonic() + 10
    while "http://127.0.0.1:" not in server.stderr():
        assert time.monotonic() < deadline, server.stderr()
        time.sleep(0.01)
    return int(server.stderr().split("http://127.0.0.1:")[1].split()[0].rstrip(",;"))


def shards_of(server):
    found = {}
    for row in server.get("/v1/pools").json:
        found.setdefault(row["function"], set()).add(row["shard"])
    return found


def test_functions_are_spread_over_the_shards(served):
    for name in NAMES:
        assert served.post(f"/function/{name}", 1).json == {"name": name, "input": 1}
    found = shards_of(served)
    assert all(len(found[name]) == 1 for name in NAMES), found
    assert set.union(*(found[name] for name in NAMES)) == {0, 1, 2}, found


def test_a_connection_follows_its_requests(served):
    for connect in (lambda: http.client.HTTPConnection("127.0.0.1", served.port, timeout=20), lambda: UnixConnection(served.socket, 20)):
        connection = connect()
        for turn in range(60):
            name = NAMES[turn % len(NAMES)]
            body = json.dumps("x" * (turn * 5000))  # up to 300 KB: more than comes with the head
            connection.request("POST", f"/function/{name}", body)
            reply = connection.getresponse()
            assert reply.status == 200 and json.loads(reply.read())["name"] == name
            if turn % 7 == 0:  # the administration is on the first
                connection.request("GET", f"/v1/functions/{name}")
                assert json.loads(connection.getresponse().read())["name"] == name
        connection.close()


def test_requests_sent_ahead_are_answered_in_order(served):
    with socket.create_connection(("127.0.0.1", served.port), timeout=20) as peer:
        wanted = [NAMES[i % len(NAMES)] for i in range(100)]
        peer.sendall(b"".join(b"POST /function/%s HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n%d" % (name.encode(), len(str(i)), i)
                              for i, name in enumerate(wanted)))
        reader = peer.makefile("rb")
        for i, name in enumerate(wanted):
            assert reader.readline().startswith(b"HTTP/1.1 200"), (i, name)
            length = 0
            while (line := reader.readline().strip()):
                if line.lower().startswith(b"content-length:"):
                    length = int(line.split(b":")[1])
            assert json.loads(reader.read(length)) == {"name": name, "input": i}


def test_a_function_calls_those_of_other_shards(served):
    replies = served.post("/function/caller", {"call": NAMES, "count": 25}).json
    assert [r["name"] for r in replies] == [n for n in NAMES for _ in range(25)]
    assert served.post("/function/caller", {"call": "stream", "input": {"count": 5}}).json == [{"i": i} for i in range(5)]
    failed = served.post("/function/caller", {"call": "nosuch"})
    assert failed.status >= 400 and "nosuch" in failed.text


def test_a_call_across_ends_with_the_one_that_made_it(served):
    started = time.monotonic()
    failed = served.post("/function/caller", {"call": "wide", "input": 30, "timeout": 0.3})
    assert failed.status >= 400 and time.monotonic() - started < 10, failed.text
    deadline = time.monotonic() + 10
    while served.get("/v1/stats").json["in_flight"] > 0:
        assert time.monotonic() < deadline, "the call on the other shard goes on"
        time.sleep(0.02)


def test_pages_add_up(served):
    before = served.get("/v1/stats").json["by_function"]
    for name in NAMES:
        for _ in range(3):
            served.post(f"/function/{name}", 0)
    after = served.get("/v1/stats").json["by_function"]
    for name in NAMES:
        assert after[name]["ok"] - before.get(name, {"ok": 0})["ok"] == 3
        assert served.get(f"/v1/functions/{name}").json["stats"]["calls"] == after[name]["calls"]
        assert len(served.get(f"/v1/functions/{name}").json["workers"]) == 1
    rows = [row for row in served.get("/v1/workers").json if row["kind"] == "worker"]
    assert [row["function"] for row in rows] == sorted(row["function"] for row in rows)
    text = served.get("/metrics").text
    for name in NAMES:
        assert f'trivet_calls_total{{function="{name}",outcome="OK"}} {after[name]["ok"]}' in text
    for name in NAMES:
        assert any(line["message"] == f"here is {name}" for line in served.log_lines(function=name))
    assert served.get("/api/functions/stats").json["pools"]["a"]["calls"] == after["a"]["calls"]
    assert served.post("/api/functions/b", {"input": 1}).json["success"]


def test_a_wide_function_has_its_limits_once(served):
    served.post("/function/wide", 0)
    rows = [row for row in served.get("/v1/pools").json if row["function"] == "wide"]
    assert {row["shard"] for row in rows} == {0, 1, 2}
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        calls = [pool.submit(tcp_call, served.port, "wide", 0.2) for _ in range(20)]
        most = 0
        while not all(call.done() for call in calls):
            most = max(most, sum(row["workers"] + row["starting"] for row in served.get("/v1/pools").json if row["function"] == "wide"))
        seen = {call.result() for call in calls}
    assert 3 <= len(seen) <= 5 and most <= 5, (seen, most)


def tcp_call(port, name, value):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", f"/function/{name}", json.dumps(value))
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    assert reply.status == 200, text
    return json.loads(text)


def test_a_change_reaches_every_shard(tmp_path):
    write(tmp_path)
    with Server(tmp_path, "--shards", "3") as server:
        stop = threading.Event()
        failed = []

        def call(name):
            while not stop.is_set():
                reply = server.post(f"/function/{name}", 0)
                if reply.status != 200:
                    failed.append((name, reply.status, reply.text))

        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            callers = [pool.submit(call, name) for name in NAMES]
            try:
                for version in range(5):
                    for name in NAMES:
                        (tmp_path / f"{name}.py").write_text(ECHO.replace("'input': input", f"'version': {version}"))
                    (tmp_path / f"new{version}.py").write_text(ECHO)
                    assert server.post("/api/functions/reload", {}).status == 200
                    for name in NAMES:
                        assert server.post(f"/function/{name}", 0).json["version"] == version
                    assert server.post(f"/function/new{version}", 0).json["name"] == f"new{version}"
            finally:
                stop.set()
            for caller in callers:
                caller.result()
        assert failed == []
        (tmp_path / "a.py").unlink()
        server.post("/api/functions/reload", {})
        assert server.post("/function/a", 0).status == 404


def test_calls_in_flight_are_answered_before_the_end(tmp_path):
    write(tmp_path)
    with Server(tmp_path, "--shards", "3") as server:
        for name in (*NAMES, "wide"):
            server.post(f"/function/{name}", 0)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            calls = [pool.submit(server.post, "/function/caller", {"call": "wide", "input": 0.8}) for _ in range(3)]
            calls += [pool.submit(server.post, "/function/wide", 0.8) for _ in range(2)]
            time.sleep(0.4)
            server.process.send_signal(signal.SIGTERM)
            assert all(call.result().status == 200 for call in calls), [call.result().text for call in calls]
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("which", [0, 1, 2])
def test_the_host_ends_with_any_of_its_launchers(tmp_path, which):
    write(tmp_path)
    with Server(tmp_path, "--shards", "3") as server:
        for name in NAMES:
            server.post(f"/function/{name}", 0)
        pids = [row["pid"] for row in server.get("/v1/workers").json if row["pid"] > 0]
        launchers = sorted(child for task in os.listdir(f"/proc/{server.process.pid}/task")
                           for child in map(int, open(f"/proc/{server.process.pid}/task/{task}/children").read().split()))
        assert len(launchers) == 3
        os.kill(launchers[which], signal.SIGKILL)
        assert server.process.wait(20) != 0
        assert "the launcher was killed" in server.stderr()
        deadline = time.monotonic() + 5
        while left := [pid for pid in pids if os.path.exists(f"/proc/{pid}")]:
            assert time.monotonic() < deadline, left
            time.sleep(0.01)


def test_the_address_is_not_shared_with_another_server(served, tmp_path):
    (tmp_path / "x.py").write_text(ECHO)
    for shards in ("1", "2"):
        second = subprocess.run([binary(), "serve", str(tmp_path), "--listen", f"127.0.0.1:{served.port}", "--shards", shards],
                                capture_output=True, text=True, timeout=30)
        assert second.returncode != 0 and "another program listens there" in second.stderr, second.stderr


def test_a_number_of_shards_that_makes_no_sense_is_refused(tmp_path):
    for shards in ("-1", "65", "many"):
        done = subprocess.run([binary(), "serve", str(tmp_path), "--shards", shards], capture_output=True, text=True, timeout=30)
        assert done.returncode != 0 and "--shards" in done.stderr, done.stderr
