"""Zygotes seen from outside: what their forks find, and who becomes one."""
import os
import signal
import subprocess

from server import Server
from test_pools import at_once, until


def rows(server, kind, function=""):
    return [row for row in server.get("/v1/workers").json if row["kind"] == kind and row["function"] == function]


def test_a_fork_of_the_zygote_finds_the_packages_of_its_function(tmp_path):
    version = subprocess.run(["/usr/bin/python3", "-c", "import sys; print('python%d.%d' % sys.version_info[:2])"], capture_output=True, text=True)
    packages = tmp_path / "f" / ".venv" / "lib" / version.stdout.strip() / "site-packages"
    packages.mkdir(parents=True)
    (packages / "mine_alone.py").write_text("ANSWER = 42\n")
    deploy_into(tmp_path, "f", "import mine_alone\ndef handler(input, ctx):\n    return mine_alone.ANSWER\n")
    with Server(tmp_path) as server:
        until(lambda: any(row["state"] == "ready" for row in rows(server, "zygote")), 30)
        assert server.post("/function/f", {}).json == 42
        until(lambda: rows(server, "zygote", "f"), 30)


def deploy_into(root, name, body, manifest=""):
    (root / name / "main.py").write_text(body)
    (root / name / "trivet.yaml").write_text("runtime: python\nentrypoint: main.py\n" + manifest)


def children(pid):
    return [int(child) for task in os.listdir(f"/proc/{pid}/task") for child in open(f"/proc/{pid}/task/{task}/children").read().split()]


def inner(pid):
    """What a process calls itself in its own pid namespace."""
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("NSpid:")).split()[-1])


def test_a_fork_made_ahead_that_was_killed_is_not_missed(tmp_path):
    (tmp_path / "f").mkdir()
    deploy_into(tmp_path, "f", "import os\ndef handler(input, ctx):\n    return os.getpid()\n", "pristine: true\n")
    with Server(tmp_path) as server:
        server.post("/function/f", {})
        until(lambda: rows(server, "zygote", "f"), 30)
        zygote = rows(server, "zygote", "f")[0]["pid"]
        for _ in range(3):
            until(lambda: len(children(zygote)) == 1 and not rows(server, "worker", "f"), 30)
            parked = children(zygote)[0]
            known = inner(parked)
            os.kill(parked, signal.SIGKILL)
            assert server.post("/function/f", {}).json != known
        assert rows(server, "zygote", "f")[0]["pid"] == zygote


def test_forks_made_ahead_are_used_once_and_share_no_randomness(tmp_path):
    (tmp_path / "f").mkdir()
    deploy_into(tmp_path, "f", "import os, random\ndef handler(input, ctx):\n    return [os.getpid(), random.random()]\n", "pristine: true\n")
    with Server(tmp_path) as server:
        server.post("/function/f", {})
        until(lambda: rows(server, "zygote", "f"), 30)
        zygote = rows(server, "zygote", "f")[0]["pid"]
        seen, ahead = [], []
        for _ in range(4):
            until(lambda: len(children(zygote)) == 1 and not rows(server, "worker", "f"), 30)
            ahead.append(inner(children(zygote)[0]))
            seen.append(server.post("/function/f", {}).json)
        assert [pid for pid, _ in seen] == ahead
        assert len({number for _, number in seen}) == 4


def test_no_fork_made_ahead_outlives_its_zygote(tmp_path):
    (tmp_path / "f").mkdir()
    deploy_into(tmp_path, "f", "def handler(input, ctx):\n    return input\n")
    with Server(tmp_path) as server:
        until(lambda: any(row["state"] == "ready" for row in rows(server, "zygote")), 30)
        zygote = rows(server, "zygote")[0]["pid"]
        until(lambda: len(children(zygote)) == 1, 30)
        parked = children(zygote)[0]
        os.kill(zygote, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{parked}"), 30)


def test_of_several_workers_the_first_loads_and_the_others_are_forks(tmp_path):
    (tmp_path / "f").mkdir()
    deploy_into(tmp_path, "f", "def handler(input, ctx):\n    return input\n", "scale: {min: 8, max: 8}\n")
    with Server(tmp_path) as server:
        server.post("/function/f", {})
        until(lambda: len(rows(server, "worker", "f")) == 8 and rows(server, "zygote", "f"), 30)
        of_it = children(rows(server, "zygote", "f")[0]["pid"])
        forks = [row["pid"] for row in rows(server, "worker", "f") if row["pid"] in of_it]
        assert len(forks) >= 6, (rows(server, "worker", "f"), rows(server, "zygote"), server.get("/v1/logs?function=f").text)


def test_several_workers_of_a_function_that_cannot_be_forked_do_not_wait_for_it(tmp_path):
    (tmp_path / "f").mkdir()
    body = "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,), daemon=True).start()\ndef handler(input, ctx):\n    return input\n"
    deploy_into(tmp_path, "f", body, "scale: {min: 8, max: 8}\n")
    with Server(tmp_path) as server:
        until(lambda: len(rows(server, "worker", "f")) == 8, 30)
        assert not rows(server, "zygote", "f")
        assert server.post("/function/f", {"a": 1}).json == {"a": 1}


def test_several_workers_of_a_function_that_does_not_load_all_fail(tmp_path):
    (tmp_path / "f").mkdir()
    deploy_into(tmp_path, "f", "raise ValueError('mine')\n", "scale: {max: 8}\n")
    with Server(tmp_path) as server:
        for reply in at_once(server, "/function/f", [1] * 8):
            assert reply.status == 503 and reply.json["code"] in ("LOAD_FAILED", "CIRCUIT_OPEN"), reply.text
