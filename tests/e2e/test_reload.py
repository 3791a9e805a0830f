"""What a change of the sources does: the next call runs what is there now, and a manifest that breaks says so to those who call."""
import json
import pathlib
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server  # noqa: E402
from test_cli import RUNTIMES, trivet  # noqa: E402

PYTHON = "from helper import V\ndef handler(input, ctx):\n    return V\n"
NODE = "import { V } from './v.mjs';\nexport default () => V;\n"
GO = "package function\n\nfunc Handler() (string, error) { return V, nil }\n"

# (runtime, file of the function, the function, its helper, the helper's text with %s for the value)
SHAPES = [
    ("python", "c/main.py", PYTHON, "c/helper.py", "V = '%s'\n"),
    ("python", "c.py", PYTHON, "helper.py", "V = '%s'\n"),
    ("node", "c/index.mjs", NODE, "c/v.mjs", "export const V = '%s';\n"),
    ("node", "c.mjs", NODE, "v.mjs", "export const V = '%s';\n"),
    ("go", "c/function.go", GO, "c/v.go", 'package function\n\nconst V = "%s"\n'),
]


def write(folder, name, text):
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(text)


def within(seconds, look):
    """What `look` gives once it is true, or at the end."""
    deadline = time.monotonic() + seconds
    while True:
        seen = look()
        if seen or time.monotonic() > deadline:
            return seen
        time.sleep(0.02)


@pytest.mark.parametrize("runtime,main,text,helper,value", SHAPES, ids=[row[0] + "-" + row[1] for row in SHAPES])
def test_a_changed_helper_is_seen_without_a_manifest(tmp_path, runtime, main, text, helper, value):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    write(tmp_path / "dv", main, text)
    write(tmp_path / "dv", helper, value % "first")
    with Server(tmp_path / "dv", verb="dev") as server:
        assert server.post("/function/c").json == "first"
        write(tmp_path / "dv", helper, value % "second")
        assert within(20, lambda: server.post("/function/c").json == "second")


def test_a_lone_file_beside_it_that_does_not_change_keeps_its_worker_when_another_language_does(tmp_path):
    write(tmp_path, "c.py", "import os\ndef handler(input, ctx):\n    return os.getpid()\n")
    with Server(tmp_path, verb="dev") as server:
        pid = server.post("/function/c").json
        write(tmp_path, "other.mjs", "export default () => 1;\n")
        assert within(20, lambda: server.post("/function/other").status == 200)
        assert server.post("/function/c").json == pid


@pytest.mark.parametrize("runtime,entry,text,other,more", [
    ("go", "function.go", GO, "v.go", 'package function\n\nconst V = "one"\n'),
    ("python", "main.py", "from v import V\ndef handler(input, ctx):\n    return V\n", "v.py", "V = 'one'\n"),
])
def test_a_folder_with_an_entrypoint_is_one_function(tmp_path, runtime, entry, text, other, more):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    folder = tmp_path / "one"
    write(folder, entry, text)
    write(folder, other, more)
    done = trivet("run", str(folder), "-d", "null")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "one"
    with Server(folder) as server:
        assert [row["name"] for row in server.get("/v1/functions").json["functions"]] == ["one"]


BROKEN = [
    ("a field", "name: resize\nbogus: 1\n", ["resize"]),
    ("a field and the name", "name: shrink\nbogus: 1\n", ["shrink", "resize"]),
    ("the name", "name: [resize]\n", ["resize", "x"]),
    ("the YAML", "name: resize\nenv: {A: 1\n", ["resize"]),
]


@pytest.mark.parametrize("what,text,names", BROKEN, ids=[row[0] for row in BROKEN])
def test_a_manifest_that_breaks_says_so_to_callers(tmp_path, what, text, names):
    write(tmp_path, "x/main.py", "def handler(input, ctx):\n    return 1\n")
    write(tmp_path, "x/trivet.yaml", "name: resize\n")
    with Server(tmp_path) as server:
        assert server.post("/function/resize").json == 1
        write(tmp_path, "x/trivet.yaml", text)
        for _ in range(2):  # a second look knows the function only as a problem
            assert server.post("/api/functions/reload", {}).status == 200
            for name in names:
                reply = server.post("/function/" + name)
                assert reply.json["code"] == "INVALID_MANIFEST" and "x/trivet.yaml:" in reply.json["detail"], (name, reply.text)
        assert server.post("/function/nobody").json["code"] == "FUNCTION_NOT_FOUND"
        write(tmp_path, "x/trivet.yaml", "name: resize\n")
        server.post("/api/functions/reload", {})
        assert server.post("/function/resize").json == 1
        assert server.get("/v1/functions").json["problems"] == []


def test_a_broken_entry_of_a_project_is_not_blamed_on_one_that_was_taken_out(tmp_path):
    for name in "abc":
        write(tmp_path, name + "/main.py", "def handler(input, ctx):\n    return 1\n")
    write(tmp_path, "trivet.yaml", "functions:\n  a: {path: a}\n  b: {path: b}\n  c: {path: c}\n")
    with Server(tmp_path) as server:
        write(tmp_path, "trivet.yaml", "functions:\n  a: {path: a, bogus: 1}\n  c: {path: c}\n")
        server.post("/api/functions/reload", {})
        assert [server.post("/function/" + name).json["code"] for name in "ab"] == ["INVALID_MANIFEST", "FUNCTION_NOT_FOUND"]
        assert server.post("/function/c").json == 1
