"""bench/: what functions are compared with is well described, and a comparison works. No test fails on a time."""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import textwrap

import pytest
from server import ROOT, binary

sys.path.insert(0, str(ROOT / "bench"))
import beside  # noqa: E402
import rig  # noqa: E402

GOOD = {"name": "a", "needs": ["sh"], "command": ["sh", "${port}"]}


@pytest.fixture
def options(tmp_path):
    return argparse.Namespace(data=str(tmp_path / "data"), rounds=1, seconds=0.05, runtime=None)


def write(folder, text):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "peers.toml").write_text(textwrap.dedent(text))


@pytest.mark.parametrize("name", sorted(p.name for p in beside.PEERS.iterdir() if p.is_dir()))
def test_a_table_names_what_is_there(name, options):
    assert (ROOT / "runtimes" / name / "runtime.yaml").exists()
    assert (beside.PEERS / name / "peers.toml").exists()
    peers, none = beside.peers_of(name, options)
    assert bool(peers) != bool(none)
    assert len({peer.name for peer in peers}) == len(peers)
    for peer in peers:
        for word in peer.words([*peer.entry["command"], *peer.entry.get("make", [])], port=1, scratch="/nowhere"):
            path = word.rpartition("=")[2]
            assert not path.startswith(str(beside.PEERS)) or pathlib.Path(path).exists(), f"{peer.name}: there is no {path}"
    if peers:
        assert (rig.FUNCTIONS / name / "trivet.yaml").exists(), "there is no function to compare"


@pytest.mark.parametrize("change, problem", [
    ({"name": ""}, "name is missing"), ({"needs": []}, "needs is missing"), ({"command": "sh"}, "command must be a list"), ({"line": 6}, "line is 4 or 5"),
    ({"makes": "x"}, "make and makes go together"), ({"at_most": {"p99": 1}}, "at_most has no p99"), ({"speed": 1}, "unknown field speed"),
    ({"command": ["sh", "${prot}"]}, "there is no word ${prot}"), ({"command": ["sh"]}, "the command does not use ${port}"), ({}, ""),
])
def test_a_peer_that_is_described_badly_is_refused(change, problem):
    assert beside.problem_of({**GOOD, **change}) == problem


@pytest.mark.parametrize("text", ["", 'none = "no"\nsame_as = "b"', "nnoe = 'no'"])
def test_a_table_that_says_nothing_or_too_much_is_refused(text, tmp_path, options):
    write(tmp_path / "a", text)
    with pytest.raises(ValueError, match="peers.toml: "):
        beside.peers_of("a", options, tmp_path)


SERVER = '''
import http.server, sys
class Echo(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.wfile.write(b"HTTP/1.1 %s OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % (sys.argv[2].encode(), len(body)) + body)
    def log_message(self, *_): pass
class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 64
Server(("127.0.0.1", int(sys.argv[1])), Echo).serve_forever()
'''
TABLE = '''
    [[peer]]
    name = "good"
    needs = ["/usr/bin/python3"]
    make = ["cp", "${here}/server.py", "${made}/made.py"]
    makes = "${made}/made.py"
    command = ["/usr/bin/python3", "${made}/made.py", "${port}", "200"]
    at_most = { p50 = 3 }

    [[peer]]
    name = "answers 500"
    needs = ["/usr/bin/python3"]
    command = ["/usr/bin/python3", "${here}/server.py", "${port}", "500"]

    [[peer]]
    name = "ends"
    needs = ["sh"]
    command = ["sh", "-c", "echo not today ${port} >&2"]

    [[peer]]
    name = "not here"
    needs = ["/no/such/file"]
    command = ["/no/such/file", "${port}"]

    [[peer]]
    name = "not made"
    needs = ["sh"]
    make = ["sh", "-c", "echo the compiler is tired; exit 1"]
    makes = "${made}/never"
    command = ["${made}/never", "${port}"]

    [[peer]]
    name = "a platform"
    line = 5
    needs = ["/no/such/file"]
    command = ["/no/such/file", "${port}"]
'''


def test_a_function_is_measured_beside_its_peers_and_those_that_cannot_be_had_are_named(tmp_path, options):
    if not (pathlib.Path(binary()).parent / "bench" / "load").exists():
        pytest.fail("the load generator is not built: ninja -C build/release")
    write(tmp_path / "peers" / "python", TABLE)
    (tmp_path / "peers" / "python" / "server.py").write_text(SERVER)
    pathlib.Path(options.data).mkdir()
    result = json.loads(json.dumps(beside.measure(options, "python", [4], tmp_path / "peers")))  # as --json writes it
    skipped = result["skipped"]
    assert "good" not in skipped, skipped["good"]
    assert sorted(skipped) == ["answers 500", "ends", "not here", "not made"]
    assert "were not 200" in skipped["answers 500"]
    assert "not today" in skipped["ends"]
    assert "/no/such/file not installed" in skipped["not here"]
    assert "the compiler is tired" in skipped["not made"]
    assert list(result["beside"]) == ["good"]
    figures = result["beside"]["good"]
    assert figures["line"] == 4 and figures["most"] == {"p50": 3, "cpu": 1.0}
    for key in beside.KEYS:
        assert all(value > 0 for value in figures[key]), key


def test_what_is_over_its_target_is_told():
    figures = {"most": {"p50": 1.0, "cpu": 0.5}, **{key: [10, 10] for key in beside.KEYS}}
    assert beside.misses(figures) == ["CPU us, 1 conn", "CPU us, 16 conn"]
    assert beside.misses({**figures, "cpu_us_1": [5, 10], "cpu_us_16": [4, 10], "p50_us_16": [90, 10], "mean_us_16": [11, 10]}) == ["mean us, 16 conn"]


def run(*args):
    return subprocess.run([sys.executable, ROOT / "bench" / "run", "--quick", *args], capture_output=True, text=True, timeout=120, env={**os.environ, "TRIVET_BIN": binary()})


def test_a_line_is_printed_with_its_floor_and_target():
    done = run("--runtime", "python", "1")
    assert done.returncode == 0, done.stderr
    assert re.search(r"python p50 us +[\d.]+  beside +[\d.]+ +[\d.]+x   target <= floor \+ 3 us, < 15 us", done.stdout)


def test_a_line_that_there_is_not_is_refused():
    done = run("3")
    assert done.returncode == 2 and "no line 3; there are 2 4 5" in done.stderr
