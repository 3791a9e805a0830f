"""Several versions of one runtime side by side: which are found, which one a function gets, and a change from one to another while calls come in."""
import json
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402
from test_cli import RUNTIMES, trivet  # noqa: E402
from test_reload import Load, one_version_is_left, within, workers, write  # noqa: E402

# (runtime, file, what says its own version)
SHAPES = {
    "node": ("main.mjs", "import { add } from './more.mjs';\nexport default () => add(process.versions.node);\n",
             "more.mjs", "export const add = (v) => v;\n"),
    "python": ("main.py", "import platform\nfrom more import add\ndef handler(input, ctx):\n    return add(platform.python_version())\n",
               "more.py", "def add(v):\n    return v\n"),
}


def two_versions(runtime):
    """The default and the newest other one; skips when there is one only."""
    row = RUNTIMES[runtime]
    others = [v["version"] for v in row["versions"] if not v["default"]]
    if not row["available"]:
        pytest.skip("toolchain missing: " + row["reason"])
    if not others:
        pytest.skip(f"one version of {runtime} on this machine: {row['version']}")
    return row["version"], others[0]


def write_function(folder, name, runtime, version):
    main, text, more, more_text = SHAPES[runtime]
    write(folder, f"{name}/{main}", text)
    write(folder, f"{name}/{more}", more_text)
    choose(folder, name, runtime, version)


def choose(folder, name, runtime, version):
    write(folder, f"{name}/next.yaml", f"runtime: {runtime}{version and '@'}{version}\nlimits: {{timeout: 20s}}\n")
    os.rename(folder / name / "next.yaml", folder / name / "trivet.yaml")


def only(version):
    return "=" + version


@pytest.mark.parametrize("runtime", sorted(SHAPES))
def test_two_versions_serve_side_by_side(tmp_path, runtime):
    usual, other = two_versions(runtime)
    write_function(tmp_path, "usual", runtime, "")
    write_function(tmp_path, "asked", runtime, only(usual))
    write_function(tmp_path, "other", runtime, only(other))
    with Server(tmp_path) as server:
        for _ in range(3):
            assert server.post("/function/usual").json == usual
            assert server.post("/function/asked").json == usual
            assert server.post("/function/other").json == other
        rows = {row["name"]: row for row in server.get("/v1/functions").json["functions"]}
        assert [(rows[n]["runtime"], rows[n]["runtime_version"], rows[n]["runtime_asked"]) for n in ("usual", "asked", "other")] == [
            (runtime, usual, ""), (runtime, usual, only(usual)), (runtime, other, only(other))]
        described = server.get("/v1/functions/other").json
        versions = {v["version"]: v for v in next(r for r in server.get("/v1/runtimes").json if r["name"] == runtime)["versions"]}
        assert described["binary"] == versions[other]["binary"] != versions[usual]["binary"]
        assert versions[usual]["default"] and not versions[other]["default"]
        assert versions[usual]["cold_ms"] > 0 and versions[other]["cold_ms"] > 0
        of_runtime = {n: workers(server, n)[0]["runtime"] for n in rows}
        assert of_runtime == {"usual": runtime, "asked": runtime, "other": f"{runtime}@{other}"}


@pytest.mark.parametrize("runtime", sorted(SHAPES))
def test_each_version_has_its_own_zygote_or_spares(tmp_path, runtime):
    usual, other = two_versions(runtime)
    write_function(tmp_path, "usual", runtime, "")
    write_function(tmp_path, "other", runtime, only(other))
    with Server(tmp_path) as server:
        kept = lambda: {row["runtime"] for row in server.get("/v1/workers").json if row["kind"] != "worker" and row["state"] == "ready" and not row["function"]}  # noqa: E731
        assert within(10, lambda: kept() == {runtime, f"{runtime}@{other}"}), server.get("/v1/workers").json
        binaries = {v["version"]: os.path.realpath(v["binary"]) for v in next(r for r in server.get("/v1/runtimes").json if r["name"] == runtime)["versions"]}
        for row in server.get("/v1/workers").json:
            version = usual if row["runtime"] == runtime else other
            assert os.path.realpath(f"/proc/{row['pid']}/exe") == binaries[version], row
        assert server.post("/function/other").json == other and server.post("/function/usual").json == usual


@pytest.mark.parametrize("runtime", sorted(SHAPES))
def test_a_live_function_changes_its_version_and_loses_no_call(tmp_path, runtime):
    usual, other = two_versions(runtime)
    write_function(tmp_path, "f", runtime, only(usual))
    with Server(tmp_path, "--watch") as server:
        assert server.post("/function/f").json == usual
        with Load(server, "f", connections=8) as load:
            load.sees(usual)
            for version in (other, usual, other):
                choose(tmp_path, "f", runtime, only(version))
                load.settles(version)
        assert load.failures == [] and set(load.answers) == {usual, other}
        one_version_is_left(server, "f")
        assert {row["runtime"] for row in workers(server, "f")} == {f"{runtime}@{other}"}


@pytest.mark.parametrize("runtime", sorted(SHAPES))
def test_every_interface_of_the_runtime_runs_with_the_other_version(tmp_path, runtime):
    _, other = two_versions(runtime)
    program = {"node": ("p.mjs", "let t = '';\nfor await (const c of process.stdin) t += c;\nconst r = JSON.parse(t);\n"
                        "console.log(JSON.stringify({ request_id: r.request_id, success: true, output: process.versions.node }));\n"),
               "python": ("p.py", "import json, platform, sys\nr = json.load(sys.stdin)\n"
                          "print(json.dumps({'request_id': r['request_id'], 'success': True, 'output': platform.python_version()}))\n")}[runtime]
    context = {"node": ("c.mjs", "export default (c) => c.res.json(process.versions.node);\n"),
               "python": ("c.py", "import platform\ndef main(context):\n    return context.res.json(platform.python_version())\n")}[runtime]
    for name, (file, text), interface in (("p", program, "stdio"), ("c", context, "context")):
        write(tmp_path, f"{name}/{file}", text)
        write(tmp_path, f"{name}/trivet.yaml", f"runtime: {{engine: {runtime}, version: \"{only(other)}\"}}\nentrypoint: {file}\ninterface: {interface}\n")
    with Server(tmp_path) as server:
        for name in ("p", "c"):
            reply = server.post("/function/" + name, {})
            assert reply.status == 200 and other in reply.text, reply.text


@pytest.mark.parametrize("runtime", sorted(SHAPES))
def test_the_command_line_takes_a_version(tmp_path, runtime):
    _, other = two_versions(runtime)
    write_function(tmp_path, "f", runtime, "")
    done = trivet("run", str(tmp_path / "f"), "--runtime", f"{runtime}@{only(other)}", "-d", "null")
    assert done.returncode == 0 and json.loads(done.stdout) == other, done
    choose(tmp_path, "f", runtime, only(other))
    assert f" {runtime}@{only(other)} " in trivet("ls", str(tmp_path)).stdout
    lines = [line.split()[:2] for line in trivet("runtimes", "--server", "none").stdout.splitlines()]
    assert [f"{runtime}@{other}", other] in lines and [runtime, RUNTIMES[runtime]["version"]] in lines


SEVERAL = sorted(name for name, row in RUNTIMES.items() if len(row["versions"]) > 1)


@pytest.mark.parametrize("runtime", SEVERAL)
def test_every_version_that_is_found_runs_the_template(tmp_path, runtime):
    for version in [v["version"] for v in RUNTIMES[runtime]["versions"]]:
        function = tmp_path / f"hello-{version.replace('.', '-')}"
        shutil.copytree(ROOT / "runtimes" / runtime / "template", function)
        done = trivet("run", str(function), "--runtime", f"{runtime}@={version}", "-d", '{"name":"Ada"}')
        assert done.returncode == 0 and "Ada" in done.stdout, (version, done)


TOY = """name: toy
extensions: [.toy]
toolchain:
  binary: [no-such-toy]
  versions: ["{bin}/toy-*"]
  version: {{args: [--version], pattern: "toy ([0-9.]+)"}}
  install: "sh make-toy.sh"
interfaces: [stdio]
oneshot:
  command: ["${{binary}}", "${{entrypoint}}"]
"""


@pytest.fixture
def toys(tmp_path):
    """A runtime with three versions, made of shell scripts, and a folder of functions."""
    for version in ("1.2.0", "1.10.1", "2.0.5"):
        file = tmp_path / "bin" / f"toy-{version}"
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"#!/bin/sh\n[ \"$1\" = --version ] && {{ echo toy {version}; exit; }}\nid=$(sed 's/.*\"request_id\":\"\\([^\"]*\\)\".*/\\1/')\n"
                        f"echo '{{\"request_id\":\"'\"$id\"'\",\"success\":true,\"output\":\"{version}\"}}'\n")
        file.chmod(0o755)
    (tmp_path / "bin/toy-again").symlink_to("toy-2.0.5")
    write(tmp_path, "runtimes/toy/runtime.yaml", TOY.format(bin=tmp_path / "bin"))
    (tmp_path / "f").mkdir()
    return tmp_path


def toy_function(folder, name, asked):
    write(folder / "f", f"{name}/main.toy", "")
    write(folder / "f", f"{name}/trivet.yaml", f"runtime: toy{asked}\nentrypoint: main.toy\n")


def test_the_newest_that_fits_is_taken(toys):
    wanted = {"a": ("@1", "1.10.1"), "b": ("@1.2", "1.2.0"), "c": ("@>=1.2 <2", "1.10.1"), "d": ("@*", "2.0.5"), "e": ("@<1.10", "1.2.0"), "f": ("@^2", "2.0.5")}
    for name, (asked, _) in wanted.items():
        toy_function(toys, name, asked)
    with Server(toys / "f", "--runtimes", str(toys / "runtimes")) as server:
        assert server.get("/v1/functions").json["problems"] == []
        assert {name: server.post("/function/" + name, {}).json for name in wanted} == {name: version for name, (_, version) in wanted.items()}
        row = next(r for r in server.get("/v1/runtimes").json if r["name"] == "toy")
        assert sorted(v["version"] for v in row["versions"]) == ["1.10.1", "1.2.0", "2.0.5"]


def test_a_range_that_nothing_fits_says_what_is_there_and_how_to_install(toys):
    toy_function(toys, "f", "@3")
    with Server(toys / "f", "--runtimes", str(toys / "runtimes")) as server:
        reply = server.post("/function/f", {})
        assert reply.status == 503 and reply.json["code"] == "RUNTIME_NOT_AVAILABLE", reply.text
        for word in ("no toy here is 3", "1.2.0", "1.10.1", "2.0.5", str(toys / "bin"), "trivet.yaml"):
            assert word in reply.json["detail"], (word, reply.text)
        assert "sh make-toy.sh" in reply.text and "toy-*" in reply.text
        made = (toys / "bin/toy-2.0.5").read_text().replace("2.0.5", "3.1.0")
        write(toys, "bin/toy-3.1.0", made)
        (toys / "bin/toy-3.1.0").chmod(0o755)
        server.post("/api/functions/reload", {})
        assert server.post("/function/f", {}).json == "3.1.0"


def test_doctor_tells_versions_and_fails_for_a_range_that_nothing_fits(toys):
    doctor = lambda *more: trivet("doctor", "--server", "none", "--sandbox", "trusted", "--runtimes", str(toys / "runtimes"), *more, cwd=toys / "f")  # noqa: E731
    fine = doctor()
    assert fine.returncode == 0, fine
    assert "ok       toy 1.10.1 (" in fine.stdout or "ok       toy 1.2.0 (" in fine.stdout
    assert "also     toy 2.0.5 (" in fine.stdout
    toy_function(toys, "f", "@3")
    wrong = doctor()
    assert wrong.returncode == 69 and "no toy here is 3" in wrong.stdout and "1 needed here" in wrong.stdout, wrong
    told = doctor("--output", "json")
    assert told.returncode == 69 and json.loads(told.stdout)["missing_versions"][0]["function"] == "f", told


def test_versions_are_found_once_and_remembered(toys):
    toy_function(toys, "f", "@2")
    count = toys / "asked"
    for file in (toys / "bin").iterdir():
        if not file.is_symlink():
            file.write_text(file.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\n[ \"$1\" = --version ] && echo x >>{count}\n"))
    command = ["run", str(toys / "f/f"), "--runtimes", str(toys / "runtimes"), "--data", str(toys / "data"), "-d", "{}"]
    for _ in range(2):
        done = trivet(*command)
        assert done.returncode == 0 and json.loads(done.stdout) == "2.0.5", done
        assert count.read_text().count("x") == 3
