"""`prepare` in runtime.yaml: what a runtime makes of itself once, for all its workers and builds, at each level."""
import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402
from test_cli import RUNTIMES  # noqa: E402
from test_reload import within, write  # noqa: E402

READS = """import os
def handler(input, ctx):
    place = os.environ["TRIVET_PREPARED"]
    try:
        open(place + "/mine", "w")
    except OSError as error:
        return [open(place + "/it").read(), type(error).__name__]
    return [open(place + "/it").read(), "written"]
"""


@pytest.fixture
def place():
    """A folder that every user may enter: at the level `process` a worker is another one."""
    with tempfile.TemporaryDirectory(prefix="trivet-test-") as folder:
        os.chmod(folder, 0o755)
        yield pathlib.Path(folder)


@pytest.fixture
def runtimes(place):
    """Those of the tree in another place: nothing beside them was compiled ahead."""
    return pathlib.Path(shutil.copytree(ROOT / "runtimes", place / "installed" / "runtimes"))


def prepare_python(runtimes, command):
    with open(runtimes / "python" / "runtime.yaml", "a") as out:
        out.write(f"\nprepare: {{command: [/bin/sh, -c, '{command}']}}\n")


@pytest.mark.parametrize("level", ["trusted", "process", "sandbox", "strict"])
def test_workers_of_every_kind_see_what_was_made_once_and_cannot_change_it(place, runtimes, level):
    prepare_python(runtimes, f"echo r >>{place}/marks/runs; echo made >$TRIVET_PREPARED/it" if level == "trusted" else "echo made >$TRIVET_PREPARED/it")
    (place / "marks").mkdir()
    for name in ("one", "two"):
        write(place, f"functions/{name}/main.py", READS)
        write(place, f"functions/{name}/trivet.yaml", f"runtime: python\nsandbox: {{level: {level}}}\nrestart: {{max_calls: 2}}\n")
    with Server(place / "functions", "--runtimes", str(runtimes), "--sandbox", "trusted") as server:
        for _ in range(4):  # a program, forks of the runtime's zygote, of the function's
            for name in ("one", "two"):
                said = server.post("/function/" + name, {}).json
                assert said[0] == "made\n", said
                assert level == "trusted" or said[1] in ("OSError", "PermissionError"), said
        assert level == "strict" or within(20, lambda: any(row["kind"] == "zygote" and not row["function"] for row in server.get("/v1/workers").json))
    if level == "trusted":
        assert (place / "marks/runs").read_text() == "r\n"


def test_one_that_fails_is_told_to_whoever_calls_and_is_tried_again(place, runtimes):
    prepare_python(runtimes, f"echo no compiler here >&2; test -e {runtimes}/mended && echo made >$TRIVET_PREPARED/it")
    write(place, "functions/f/main.py", READS)
    with Server(place / "functions", "--runtimes", str(runtimes)) as server:
        reply = server.post("/function/f", {})
        assert reply.status == 503 and reply.json["code"] == "BUILD_FAILED", reply.text
        assert 'build step "prepare" of the runtime python' in reply.json["detail"] and "no compiler here" in reply.json["output"]
        (runtimes / "mended").touch()
        assert within(20, lambda: server.post("/function/f", {}).status == 200)


@pytest.mark.parametrize("name,file", [("erlang", "json.erl"), ("dotnet", "json.cs"), ("java", "json.java")])
def test_a_language_that_compiles_its_shim_does_so_once(place, runtimes, name, file):
    if not RUNTIMES[name]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[name]["reason"])
    for function in ("one", "two"):
        write(place, f"functions/{function}/{file}", (ROOT / "runtimes" / name / "fixture" / file).read_text())
        write(place, f"functions/{function}/trivet.yaml", f"runtime: {name}\nentrypoint: {file}\n")
    tools = f"{ROOT}/.toolchains/bin"
    with Server(place / "functions", "--runtimes", str(runtimes), env={**os.environ, "PATH": os.environ["PATH"] + ":" + tools}) as server:
        for function in ("one", "two", "one"):
            reply = server.post("/function/" + function, {"action": "echo", "value": 1}, timeout=280)
            assert reply.status == 200 and reply.json == 1, reply.text
        made = [path for path in (pathlib.Path(server.temp.name) / "data" / "prepared").iterdir() if path.suffix != ".whole"]
        assert len(made) == 1 and made[0].name.startswith(name + "-") and len(list(made[0].iterdir())) == 1, made
