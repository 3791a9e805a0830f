"""The command line as a user meets it: lone files, errors, exit codes, a running server."""
import json
import os
import pathlib
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server, binary  # noqa: E402

PYTHON = "def handler(input, ctx):\n    return {'hello': input['name']}\n"


def trivet(*args, cwd=None, **more):
    return subprocess.run([binary(), *args], capture_output=True, text=True, cwd=cwd, timeout=120, **more)


def runtimes():
    return {row["name"]: row for row in json.loads(trivet("runtimes", "--output", "json", "--server", "none").stdout)}


RUNTIMES = runtimes()


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_new_makes_a_function_that_runs(tmp_path, runtime):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    made = trivet("new", runtime, str(tmp_path / "hello"))
    assert made.returncode == 0, made.stderr
    done = trivet("run", str(tmp_path / "hello"), "-d", '{"name":"Ada"}', "-v")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"message": "Hello, Ada!"}
    assert "cold:" in done.stderr and "warm:" in done.stderr


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_a_lone_file_runs(tmp_path, runtime):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    source = next(p for p in (ROOT / "runtimes" / runtime / "template").iterdir() if p.suffix in RUNTIMES[runtime]["extensions"])
    lone = tmp_path / ("greet" + source.suffix)
    lone.write_text(source.read_text())
    done = trivet("run", str(lone), "--runtime", runtime, "-d", '{"name":"Ada"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"message": "Hello, Ada!"}


BROKEN = [
    ("syntax error", "def handler(:\n", 3, "SyntaxError"),
    ("import error", "import no_such_module\ndef handler(i, c): pass\n", 3, "no_such_module"),
    ("handler missing", "x = 1\n", 3, "has no function handler"),
    ("throws", "def handler(i, c):\n    raise ValueError('boom')\n", 3, "boom"),
    ("exits", "import sys\ndef handler(i, c):\n    sys.exit(4)\n", 3, "exit code 4"),
    ("not serialisable", "def handler(i, c):\n    return {1, 2}\n", 3, "cannot be written as JSON"),
]


@pytest.mark.parametrize("what,source,code,says", BROKEN, ids=[row[0] for row in BROKEN])
def test_a_broken_function_says_what_is_wrong(tmp_path, what, source, code, says):
    (tmp_path / "f.py").write_text(source)
    done = trivet("run", str(tmp_path / "f.py"), "-d", "{}")
    assert done.returncode == code and says in done.stderr, done.stderr
    assert done.stdout == ""


USAGE = [
    (["srve"], 2, "did you mean serve?"),
    (["serve", "--listn", "x"], 2, "did you mean --listen?"),
    (["run", "/no/such/file.py"], 1, "there is no /no/such/file.py"),
    (["invoke", "f", "--server", "unix:/no/such"], 69, "trivet serve"),
    (["serve", ".", "--listen", "nonsense"], 2, "is not an address"),
    (["serve", ".", "--listen", "0.0.0.0:0"], 5, "needs an access token"),
    (["new", "pyton"], 4, "there is no runtime"),
]


@pytest.mark.parametrize("args,code,says", USAGE, ids=[" ".join(row[0]) for row in USAGE])
def test_wrong_use_is_explained(tmp_path, args, code, says):
    done = trivet(*args, cwd=tmp_path)
    assert done.returncode == code and says in done.stderr, (done.returncode, done.stderr)


def test_a_timeout_has_its_exit_code(tmp_path):
    (tmp_path / "f.py").write_text("import time\ndef handler(i, c):\n    time.sleep(60)\n")
    done = trivet("run", str(tmp_path / "f.py"), "--timeout", "100ms")
    assert done.returncode == 124 and "deadline" in done.stderr


def test_a_data_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "f.py").write_text(PYTHON)
    done = trivet("run", str(tmp_path / "f.py"), "--data", str(tmp_path / "file" / "x"))
    assert done.returncode == 1 and "--data" in done.stderr


def test_a_server_is_seen_from_the_command_line(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    with Server(tmp_path) as server:
        at = ["--server", "unix:" + server.socket]
        assert json.loads(trivet("invoke", "hello", "-d", '{"name":"Ada"}', *at).stdout) == {"hello": "Ada"}
        assert "hello" in trivet("ls", *at).stdout
        assert "idle" in trivet("ps", *at).stdout
        assert json.loads(trivet("describe", "hello", "--output", "json", *at).stdout)["runtime"] == "python"
        assert trivet("logs", *at).returncode == 0
        missing = trivet("invoke", "helo", *at)
        assert missing.returncode == 4 and 'did you mean "hello"?' in missing.stderr


def test_two_servers_cannot_share_an_address(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    with Server(tmp_path) as server:
        done = trivet("serve", str(tmp_path), "--listen", "unix:" + server.socket)
        assert done.returncode == 1 and "another program listens there" in done.stderr


def test_completion_and_version():
    assert "serve" in trivet("completion", "bash").stdout
    assert trivet("version").stdout.startswith("trivet ")
    assert "default" in trivet("config", "show", "--origin").stdout


def test_the_examples_embed_the_host(tmp_path):
    folder = os.path.join(os.path.dirname(binary()), "examples", "embed")
    (tmp_path / "hello.py").write_text(PYTHON)
    cpp = subprocess.run([folder + "/embed_cpp", str(tmp_path), "hello", '{"name":"Ada"}'], capture_output=True, text=True, timeout=60)
    assert cpp.returncode == 0 and cpp.stdout.count('{"hello":"Ada"}') == 2 and "token names: hello" in cpp.stdout, cpp.stderr
    c = subprocess.run([folder + "/embed_c", json.dumps({"root": str(tmp_path)}), "hello", '{"name":"Ada"}'], capture_output=True, text=True, timeout=60)
    assert c.stdout == '200 {"hello":"Ada"}\n', c.stderr


def test_ls_says_when_the_server_that_was_asked_for_is_not_there(tmp_path):
    done = trivet("ls", "--server", f"unix:{tmp_path}/nobody", check=False)
    assert done.returncode == 69 and done.stdout == ""
    assert "no server answers" in done.stderr
