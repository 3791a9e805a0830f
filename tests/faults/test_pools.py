"""Pools seen from outside: breaker, budget, queue, and how workers end."""
import concurrent.futures
import os
import pathlib
import subprocess
import time

import pytest

from server import Server, binary

BODY = """import os, time
def handler(input, ctx):
    if input == "crash": os._exit(3)
    if input == "throw": raise ValueError("mine")
    time.sleep(input if isinstance(input, (int, float)) else 0)
    return input
"""


def deploy(root, name, manifest="", body=BODY):
    folder = root / name
    folder.mkdir(parents=True)
    (folder / "main.py").write_text(body)
    (folder / "trivet.yaml").write_text("runtime: python\nentrypoint: main.py\n" + manifest)


def pool(server, name):
    return next(row for row in server.get("/v1/pools").json if row["function"] == name)


def until(what, seconds=10):
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def at_once(server, path, bodies):
    with concurrent.futures.ThreadPoolExecutor(len(bodies)) as threads:
        return list(threads.map(lambda body: server.post(path, body), bodies))


def test_breaker_opens_and_closes_again(tmp_path):
    deploy(tmp_path, "f", "restart: {backoff: 1ms..2ms, breaker: {failures: 3, window: 10s, cooldown: 400ms}}\n")
    with Server(tmp_path) as server:
        for _ in range(3):
            assert server.post("/function/f", "crash").json["code"] == "FUNCTION_CRASHED"
        refused = server.post("/function/f", "ok")
        assert refused.status == 503 and refused.json["code"] == "CIRCUIT_OPEN"
        assert int(refused.headers["retry-after"]) >= 1
        assert "FUNCTION_CRASHED" in refused.json["detail"]
        assert pool(server, "f")["breaker"] == "open"
        assert 'trivet_breaker_open{function="f"} 1' in server.get("/metrics").text
        until(lambda: pool(server, "f")["breaker"] == "half_open")
        assert server.post("/function/f", "ok").json == "ok"
        assert pool(server, "f")["breaker"] == "closed"
        assert 'trivet_breaker_open{function="f"} 0' in server.get("/metrics").text


def test_a_trial_that_fails_opens_the_breaker_again(tmp_path):
    deploy(tmp_path, "f", "restart: {backoff: 1ms..2ms, breaker: {failures: 2, cooldown: 200ms}}\n")
    with Server(tmp_path) as server:
        for _ in range(2):
            server.post("/function/f", "crash")
        until(lambda: pool(server, "f")["breaker"] == "half_open")
        assert server.post("/function/f", "crash").json["code"] == "FUNCTION_CRASHED"
        assert pool(server, "f")["breaker"] == "open" and pool(server, "f")["breaker_opened"] == 2


def test_breaker_counts_timeouts_but_no_error_of_user_code(tmp_path):
    deploy(tmp_path, "f", "limits: {timeout: 100ms}\nrestart: {backoff: 1ms..2ms, breaker: {failures: 2}}\n")
    with Server(tmp_path) as server:
        for _ in range(10):
            assert server.post("/function/f", "throw").json["code"] == "FUNCTION_ERROR"
        assert pool(server, "f")["breaker"] == "closed"
    deploy(tmp_path, "g", "limits: {timeout: 100ms}\nrestart: {backoff: 1ms..2ms, breaker: {failures: 2}}\n")
    with Server(tmp_path) as server:
        for _ in range(2):
            assert server.post("/function/g", 5).json["code"] == "FUNCTION_TIMEOUT"
        assert server.post("/function/g", 0).json["code"] == "CIRCUIT_OPEN"


def test_breaker_of_zero_failures_never_opens(tmp_path):
    deploy(tmp_path, "f", "restart: {backoff: 1ms..2ms, breaker: {failures: 0}}\n")
    with Server(tmp_path) as server:
        for _ in range(12):
            assert server.post("/function/f", "crash").json["code"] == "FUNCTION_CRASHED"


def test_ends_are_named_counted_and_remembered(tmp_path):
    deploy(tmp_path, "f", "restart: {max_calls: 2}\n")
    deploy(tmp_path, "bad", body="import nothing_of_that_name\n")
    with Server(tmp_path) as server:
        assert server.post("/function/f", "crash").json["code"] == "FUNCTION_CRASHED"
        assert [server.post("/function/f", i / 1000).status for i in range(2)] == [200, 200]
        assert server.post("/function/bad", 1).json["code"] == "LOAD_FAILED"
        until(lambda: len(pool(server, "f")["last_exits"]) == 2)
        recycled, crashed = pool(server, "f")["last_exits"]
        assert recycled["reason"] == "recycled" and recycled["pid"] > 0
        assert crashed["reason"] == "crashed" and "3" in crashed["text"]
        failed = pool(server, "bad")["last_exits"][0]
        assert failed["reason"] == "load_failed" and "nothing_of_that_name" in failed["text"]
        ends = server.get("/v1/stats").json["worker_ends"]
        assert ends == {"recycled": 1, "crashed": 1, "load_failed": 1}
        metrics = server.get("/metrics").text
        assert 'trivet_worker_ends_total{reason="load_failed"} 1' in metrics
        shown = subprocess.run([binary(), "ps", "--server", "unix:" + server.socket], capture_output=True, text=True, timeout=30).stdout
        assert "crashed" in shown and "load_failed" in shown and "BREAKER" in shown


def test_functions_share_the_workers_that_the_host_may_have(tmp_path):
    for name in ("a", "b", "c"):
        deploy(tmp_path, name)
    with Server(tmp_path, "--max-workers", "2") as server:
        with concurrent.futures.ThreadPoolExecutor(24) as threads:
            calls = [threads.submit(server.post, f"/function/{name}", 0.02) for _ in range(20) for name in ("a", "a", "b", "c")]
            most = 0
            while not all(call.done() for call in calls):
                most = max(most, server.get("/v1/stats").json["budget"]["workers"])
            assert [call.result().status for call in calls] == [200] * len(calls)
        assert most == 2
        stats = server.get("/v1/stats").json
        assert stats["worker_ends"]["evicted"] >= 1 and stats["budget"]["short_of_workers"] >= 1


@pytest.mark.parametrize("workers", ["1", "2"])
def test_functions_whose_start_takes_longer_than_a_turn_share_too(tmp_path, workers):
    for name in ("a", "b", "c"):
        deploy(tmp_path, name, body="import time\ntime.sleep(1.2)\n" + BODY)
    with Server(tmp_path, "--max-workers", workers) as server:
        with concurrent.futures.ThreadPoolExecutor(24) as threads:
            replies = list(threads.map(lambda name: server.post(f"/function/{name}", 0.02), ["a", "a", "b", "c"] * 6))
        assert [reply.status for reply in replies] == [200] * len(replies)


def test_an_idle_worker_makes_room_for_another_function(tmp_path):
    for name in ("a", "b"):
        deploy(tmp_path, name)
    with Server(tmp_path, "--max-workers", "1") as server:
        for name in ("a", "b", "a"):
            assert server.post(f"/function/{name}", 0).status == 200
        assert server.get("/v1/stats").json["worker_ends"]["evicted"] == 2


def test_a_burst_on_a_cold_function_is_not_refused(tmp_path):
    deploy(tmp_path, "f", "scale: {max: 2, overflow: 0}\n")
    with Server(tmp_path) as server:
        assert [reply.status for reply in at_once(server, "/function/f", [0.01] * 64)] == [200] * 64


def test_what_the_queue_does_not_hold_is_refused_at_once(tmp_path):
    deploy(tmp_path, "f", "scale: {max: 1, overflow: 0, queue: 2}\n")
    with Server(tmp_path) as server:
        assert server.post("/function/f", 0).status == 200
        replies = at_once(server, "/function/f", [0.5] * 8)
        refused = [reply for reply in replies if reply.status == 429]
        assert len(refused) == 5 and len(replies) - len(refused) == 3
        assert all(reply.json["code"] == "OVERLOADED" and int(reply.headers["retry-after"]) >= 1 for reply in refused)


@pytest.mark.parametrize("text, wrong", [("max_workers = 0", "max_workers"), ("max_workers = \"many\"", "max_workers"), ("max_memory = \"8XB\"", "max_memory"), ("spare_memory = \"x\"", "spare_memory")])
def test_a_budget_that_is_none_is_refused(tmp_path, text, wrong):
    (tmp_path / "trivet.toml").write_text(text + "\n")
    done = subprocess.run([binary(), "config", "show"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert done.returncode != 0 and wrong in done.stderr


def test_a_budget_is_read_from_files_variables_and_flags(tmp_path):
    (tmp_path / "trivet.toml").write_text("max_workers = 7\nmax_memory = \"1GiB\"\nspare_memory = \"32MiB\"\n")

    def shown(*flags, **more):
        done = subprocess.run([binary(), "config", "show", "--origin", *flags], cwd=pathlib.Path(tmp_path), env={**os.environ, **more}, capture_output=True, text=True, timeout=30)
        assert done.returncode == 0, done.stderr
        return {line.split()[0]: line.split()[1:] for line in done.stdout.splitlines()[1:]}

    assert shown()["max_workers"] == ["7", "trivet.toml"] and shown()["max_memory"] == [str(1 << 30), "trivet.toml"]
    assert shown(TRIVET_MAX_WORKERS="8")["max_workers"] == ["8", "TRIVET_MAX_WORKERS"]
    assert shown()["spare_memory"] == [str(32 << 20), "trivet.toml"]
    assert shown("--max-memory", "2GiB")["max_memory"] == [str(2 << 30), "flag"]
