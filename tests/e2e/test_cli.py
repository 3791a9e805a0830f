"""The command line as a user meets it: lone files, errors, exit codes, a running server."""
import json
import os
import pathlib
import shutil
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
    assert json.loads(done.stdout)["message"] == "Hello, Ada!"
    assert "cold:" in done.stderr and "warm:" in done.stderr


@pytest.mark.parametrize("runtime", sorted(RUNTIMES))
def test_a_lone_file_runs(tmp_path, runtime):
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    source = next(p for p in (ROOT / "runtimes" / runtime / "template").iterdir() if p.suffix in RUNTIMES[runtime]["extensions"])
    lone = tmp_path / source.name
    shutil.copy(source, lone)
    done = trivet("run", str(lone), "--runtime", runtime, "-d", '{"name":"Ada"}')
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["message"] == "Hello, Ada!"


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
    (["run", "/no/such/file.py"], 4, "there is no /no/such/file.py"),
    (["ls", "nodir"], 4, "there is no nodir"),
    (["serve", "nodir"], 4, "there is no nodir"),
    (["bench", "nofile.py"], 4, "there is no nofile.py"),
    (["run", "."], 4, "holds no function"),
    (["run", "--bogus"], 2, "unknown flag --bogus"),
    (["run", "--timeuot", "1s"], 2, "did you mean --timeout?"),
    (["run", "a.py", "b.py"], 2, "unexpected argument b.py"),
    (["foo", "new"], 2, "unknown verb foo"),
    (["help", "foo"], 2, "unknown verb foo"),
    (["token", "new", "--server", "unix:/no/such"], 69, "--data"),
    (["token", "new", "--data", "d", "--scope", "al"], 7, "is no scope"),
    (["secret", "set", "A", "value", "--data", "d"], 2, "unexpected argument value"),
    (["calls", "get", "--what", "x"], 7, "calls is not supported yet"),
    (["invoke", "a b", "--server", "unix:/no/such"], 4, "names are lower-case letters"),
    (["describe", "hello?x=1"], 4, "names are lower-case letters"),
    (["new", "python", "Bad Name"], 2, "names are lower-case letters"),
    (["invoke", "f", "--server", "unix:/no/such"], 69, "trivet serve"),
    (["serve", ".", "--listen", "nonsense"], 2, "is not an address"),
    (["serve", ".", "--listen", "0.0.0.0:0"], 5, "trivet token new --scope admin --data"),
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


def test_help_and_version_as_flags_and_as_verbs():
    assert trivet("--version").stdout == trivet("version").stdout
    assert trivet("help").stdout == trivet("--help").stdout != ""
    assert trivet("help", "run").stdout == trivet("run", "--help").stdout != ""
    assert trivet("help", "config", "show").stdout == trivet("config", "show", "--help").stdout
    assert "dlq" not in trivet("completion", "bash").stdout


def test_output_that_cannot_be_written_is_a_failure(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    for args in (["ls", "."], ["run", "hello.py", "-d", '{"name":"Ada"}'], ["version"], ["--help"], ["bench", "hello.py", "-n", "1", "--warm"]):
        with open("/dev/full", "w") as full:
            done = subprocess.run([binary(), *args], cwd=tmp_path, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
        assert done.returncode == 1 and "No space left" in done.stderr, (args, done.returncode, done.stderr)


def test_a_reply_as_json(tmp_path):
    (tmp_path / "hello.py").write_text("def handler(i, c):\n    print('words')\n    return i['give']\n")
    at = ["--output", "json"]
    for body in ('{"a": [1, 2.50, 12345678901234567890123]}', "null", '"text"'):
        done = trivet("run", "hello.py", "-d", '{"give": %s}' % body, *at, cwd=tmp_path)
        row = json.loads(done.stdout)
        assert done.stdout.count("\n") == 1 and row["status"] == 200 and row["body"] == json.loads(body), done.stdout
        assert len(row["call_id"]) == 36 and row["timing"]["start_ms"] > 0 and row["timing"]["run_ms"] > 0
    failed = trivet("run", "hello.py", "-d", "{}", *at, cwd=tmp_path)
    problem = json.loads(failed.stderr.splitlines()[-1])
    assert failed.returncode == 3 and failed.stdout == "" and json.loads(failed.stderr.splitlines()[0])["message"] == "words"
    assert (problem["code"], problem["status"], problem["type"], problem["error_type"]) == ("FUNCTION_ERROR", 500, "about:blank", "KeyError")
    with Server(tmp_path) as server:
        at += ["--server", "unix:" + server.socket]
        row = json.loads(trivet("invoke", "hello", "-d", '{"give": {"a": 1}}', *at).stdout)
        assert (row["status"], row["body"]) == (200, {"a": 1}) and row["timing"]["run_ms"] > 0
        missing = trivet("invoke", "helo", *at)
        assert missing.returncode == 4 and json.loads(missing.stderr)["code"] == "FUNCTION_NOT_FOUND"
    strange = subprocess.run([binary(), "invoke", b"\xff\x1b", "--output", "json"], stderr=subprocess.PIPE, timeout=60)
    assert json.loads(strange.stderr.decode())["detail"] == 'there is no function "\ufffd\x1b"'
    nobody = trivet("invoke", "hello", "--server", "unix:/no/such", "--output", "json")
    assert nobody.returncode == 69 and json.loads(nobody.stderr)["code"] == "UNAVAILABLE"


def test_a_body_that_is_no_json_in_json(tmp_path):
    (tmp_path / "hello.py").write_text("def handler(context):\n    return context.res.binary(bytes([0, 255, 1, 2]))\n")
    done = trivet("run", "hello.py", "--interface", "context", "--output", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["body_base64"] == "AP8BAg==", done.stderr
    (tmp_path / "hello.py").write_text("def handler(context):\n    return context.res.text('say \\'hi\\'\\n')\n")
    done = trivet("run", "hello.py", "--interface", "context", "--output", "json", cwd=tmp_path)
    assert json.loads(done.stdout)["body"] == "say 'hi'\n", done.stderr


def test_logs_escape_controls_and_quote_names(tmp_path):
    (tmp_path / "hello.py").write_text("def handler(i, c):\n    c.log.info('red \\x1b[31m\\x07\\tbell \\x9b')\n    c.log.info('one\\ntwo')\n")
    with Server(tmp_path) as server:
        at = ["--server", "unix:" + server.socket]
        assert trivet("invoke", "hello", *at).returncode == 0
        out = trivet("logs", "hello", *at).stdout
        assert "red \\x1b[31m\\x07\tbell \\x9b\n" in out and "one\n    two\n" in out, out
        assert "red" in trivet("logs", *at, "--output", "json").stdout
        assert trivet("logs", "hello&tail=1", *at).stdout == ""
        assert trivet("logs", "--call", "x&call=", *at).stdout == ""
        wrong = trivet("logs", "--tail", "-5", *at)
        assert wrong.returncode == 2 and "not a number of lines" in wrong.stderr, wrong.stderr


def test_a_token_is_asked_for_by_the_flag(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    with Server(tmp_path, env={"TRIVET_TOKEN": "secret"}, tcp="127.0.0.1") as server:
        at = ["--server", f"http://127.0.0.1:{server.port}"]
        for args in (["ls"], ["logs"], ["invoke", "hello"], ["ps"]):
            refused = trivet(*args, *at)
            assert refused.returncode == 5 and "asks for a token" in refused.stderr, refused.stderr
            assert "--token" in refused.stderr and "TRIVET_TOKEN" in refused.stderr
        assert trivet("logs", "--token", "secret", *at).returncode == 0


def test_new_says_how_to_try_it_in_a_folder_with_a_blank(tmp_path):
    (tmp_path / "my things").mkdir()
    made = trivet("new", "python", "my things/hello", cwd=tmp_path)
    assert made.returncode == 0 and "trivet run 'my things/hello' -d" in made.stderr, made.stderr
    assert trivet("new", "python", ".", cwd=tmp_path / "my things").returncode == 2


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


def test_config_says_where_a_setting_came_from():
    def rows(*args, **env):
        shown = trivet("config", "show", "--origin", "--output", "json", *args, env={**os.environ, **env})
        return {name: (row["value"], row["origin"]) for name, row in json.loads(shown.stdout).items()}

    assert rows("--server", "http://y", TRIVET_SERVER="http://x")["server"] == ("http://y", "flag")
    assert rows("--server=http://y", TRIVET_SERVER="http://x")["server"] == ("http://y", "flag")
    assert rows(TRIVET_SERVER="http://x")["server"] == ("http://x", "TRIVET_SERVER")
    assert rows()["listen"] == ("127.0.0.1:7007", "default")
    assert rows(TRIVET_LISTEN="unix:/x")["listen"] == ("unix:/x", "TRIVET_LISTEN")
    assert rows("--listen", "unix:/y", TRIVET_LISTEN="unix:/x")["listen"] == ("unix:/y", "flag")


def test_ls_counts_what_cannot_be_served(tmp_path):
    (tmp_path / "good.py").write_text(PYTHON)
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "trivet.yaml").write_text("runtime: nosuch\nentrypoint: x\n")
    for more in ([], ["--output", "json"]):
        done = trivet("ls", str(tmp_path), *more)
        assert done.returncode == 0 and done.stderr.endswith("trivet: 1 problem\n"), done.stderr


ABSENT = """name: absent
title: Absent
extensions: [.absent]
entrypoints: [main.absent]
toolchain:
  binary: [no-such-binary]
  version: {args: [--version], pattern: "([0-9.]+)"}
  install: "echo installed"
interfaces: [stdio]
oneshot:
  command: ["${binary}", "${entrypoint}"]
"""


def test_runtimes_say_what_nobody_has_tested_and_how_workers_start(tmp_path):
    (tmp_path / "absent").mkdir(parents=True)
    (tmp_path / "absent" / "runtime.yaml").write_text(ABSENT + "untested: no compiler\n")
    lines = trivet("runtimes", "--server", "none", "--runtimes", str(tmp_path)).stdout.splitlines()
    assert [line for line in lines if line.startswith("absent") and "missing, untested" in line], lines
    assert RUNTIMES["python"]["start"] == "zygote" and RUNTIMES["node"]["start"] == "spare" and RUNTIMES["python"]["untested"] == ""


def test_doctor_fails_when_something_needed_is_missing(tmp_path):
    (tmp_path / "runtimes" / "absent").mkdir(parents=True)
    (tmp_path / "runtimes" / "absent" / "runtime.yaml").write_text(ABSENT)
    here = tmp_path / "here"
    here.mkdir()

    def doctor(*args):
        return trivet("doctor", "--server", "none", "--sandbox", "trusted", "--runtimes", str(tmp_path / "runtimes"), *args, cwd=here)

    idle = doctor()
    assert idle.returncode == 0 and "missing  absent" in idle.stdout, idle  # but nobody here needs it
    (here / "hello.absent").write_text("")
    done = doctor()
    assert done.returncode == 69 and "functions here need it" in done.stdout, done
    done = doctor("--output", "json")
    assert done.returncode == 69 and json.loads(done.stdout)["missing_needed"] == ["absent"]


def fake_runtime(folder, name, install, more=""):
    """One whose toolchain is the program `tool` in its folder, which the install command is to make."""
    place = folder / "runtimes" / name
    place.mkdir(parents=True)
    text = ABSENT.replace("absent", name).replace("no-such-binary", '"${runtime}/tool"').replace('"echo installed"', install)
    (place / "runtime.yaml").write_text(text + more)
    return place


def doctor_of(folder, *args):
    here = folder / "here"
    here.mkdir(exist_ok=True)
    path = f"{folder}/bin:{os.environ['PATH']}"
    return trivet("doctor", *args, "--server", "none", "--runtimes", str(folder / "runtimes"), cwd=here, env={**os.environ, "PATH": path})


def test_doctor_fix_runs_the_script_of_a_runtime(tmp_path):
    place = fake_runtime(tmp_path, "fixable", "sh ${runtime}/install.sh", "untested: no compiler\n")
    (place / "install.sh").write_text('echo "noise of the script"\nprintf \'#!/bin/sh\\necho 4.2\\n\' >"$(dirname "$0")/tool"\nchmod +x "$(dirname "$0")/tool"\n')
    before = doctor_of(tmp_path, "fixable")
    assert before.returncode == 69 and "missing  fixable" in before.stdout and "untested: no compiler" in before.stdout, before
    assert f"install: sh {place}/install.sh" in before.stdout and not (place / "tool").exists()
    done = doctor_of(tmp_path, "fixable", "--fix")
    assert done.returncode == 0 and f"installing fixable: sh {place}/install.sh" in done.stderr, done
    assert "noise of the script" in done.stderr and "noise" not in done.stdout
    assert done.stdout.startswith(f"ok       fixable 4.2 ({place}/tool); untested: no compiler\n"), done.stdout
    again = doctor_of(tmp_path, "fixable", "--fix", "--output", "json")
    assert again.returncode == 0 and "installing" not in again.stderr, again
    row, = json.loads(again.stdout)["runtimes"]
    assert row["name"] == "fixable" and row["version"] == "4.2"


@pytest.mark.parametrize("install,says", [
    ("sh ${runtime}/install.sh", "its install command ended with code 7"),
    ("echo fine", "its install command succeeded, and yet"),
    ("kill -9 $$", "its install command was killed"),
])
def test_doctor_fix_says_what_could_not_be_installed(tmp_path, install, says):
    place = fake_runtime(tmp_path, "broken", install)
    (place / "install.sh").write_text("echo no network >&2\nexit 7\n")
    done = doctor_of(tmp_path, "broken", "--fix", "--output", "json")
    assert done.returncode == 69 and "broken is still missing: " + says in done.stderr, done
    assert json.loads(done.stdout)["runtimes"][0]["available"] is False


def test_doctor_fix_installs_packages_without_a_question(tmp_path):
    fake_runtime(tmp_path, "packaged", '"apt-get install one && apt-get install two three"')
    (tmp_path / "bin").mkdir()
    for name, text in (("apt-get", f'echo "$@" >>{tmp_path}/asked'), ("sudo", 'exec "$@"')):
        (tmp_path / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / "bin" / name).chmod(0o755)
    assert doctor_of(tmp_path, "packaged", "--fix").returncode == 69
    assert (tmp_path / "asked").read_text() == "install -y one\ninstall -y two three\n"


def test_doctor_fix_runs_nothing_for_what_is_installed_by_hand(tmp_path):
    fake_runtime(tmp_path, "manual", f'"by hand: touch {tmp_path}/ran"')
    done = doctor_of(tmp_path, "manual", "--fix")
    assert done.returncode == 69 and "install: by hand: touch" in done.stdout and "installing" not in done.stderr, done
    assert not (tmp_path / "ran").exists() and "untested" not in done.stdout


def test_doctor_knows_no_other_names(tmp_path):
    for more in ([], ["--fix"]):
        done = doctor_of(tmp_path, "nosuch", *more)
        assert done.returncode == 4 and "there is no runtime nosuch" in done.stderr, done


def test_ps_has_no_process_zero(tmp_path):
    (tmp_path / "once").mkdir()
    (tmp_path / "once" / "main.py").write_text("import sys\nprint(sys.stdin.read() and '{\"success\": true, \"output\": 1}')\n")
    (tmp_path / "once" / "trivet.yaml").write_text("runtime: python\nentrypoint: main.py\ninterface: stdio\nmode: oneshot\n")
    with Server(tmp_path) as server:
        at = ["--server", "unix:" + server.socket]
        assert trivet("invoke", "once", "-d", "{}", *at).stdout == "1"
        rows = trivet("ps", *at).stdout.splitlines()
        assert all(line.split()[2] != "0" for line in rows[1:]), rows


def test_describe_takes_a_name_only(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    with Server(tmp_path) as server:
        for name in ("hello?x=1", "hello HTTP/1.1\r\nX: y", "hello/..", "a b"):
            for verb in ("describe", "invoke"):
                done = trivet(verb, name, "--server", "unix:" + server.socket)
                assert done.returncode == 4 and "there is no function" in done.stderr, (verb, name, done.stderr)


def test_bench_by_name_with_several_callers(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    (tmp_path / "other.py").write_text(PYTHON)

    def bench(*args, **more):
        done = trivet("bench", *args, "-n", "40", "--colds", "1", "--output", "json", **more)
        assert done.returncode == 0, done.stderr
        row = json.loads(done.stdout)
        return row["function"], row["cold"]["n"], row["warm"]["n"], row["warm"]["callers"]

    alone = {"cwd": tmp_path, "env": {**os.environ, "TRIVET_SERVER": "none"}}
    assert bench("hello", "-c", "3", **alone) == ("hello", 1, 40, 3)
    assert bench("hello", "--cold", "--warm", **alone) == ("hello", 1, 40, 1)
    assert bench("hello", "--cold", **alone) == ("hello", 1, 0, 1)
    assert bench("hello.py", "--warm", **alone) == ("hello", 0, 40, 1)
    with Server(tmp_path) as server:
        assert bench("other", "--server", "unix:" + server.socket, cwd="/") == ("other", 1, 40, 1)
    missing = trivet("bench", "helo", **alone)
    assert missing.returncode == 4 and "there is no function" in missing.stderr


def test_bench_of_an_input_larger_than_a_pipe(tmp_path):
    (tmp_path / "hello.py").write_text(PYTHON)
    (tmp_path / "big.json").write_text(json.dumps({"name": "x" * 300_000}))
    done = trivet("bench", "hello.py", "-n", "20", "--warm", "-d", "@big.json", "--output", "json", cwd=tmp_path)
    assert done.returncode == 0 and json.loads(done.stdout)["floor"]["p50_us"] > 0


def test_serve_and_build_keep_their_things_in_the_state_folder(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "hello.py").write_text(PYTHON)
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state")}
    env.pop("STATE_DIRECTORY", None)
    done = trivet("build", str(tmp_path / "f"), env=env)
    assert done.returncode == 0, done.stderr
    assert [p.name.rpartition("-")[0] for p in (tmp_path / "state" / "trivet").iterdir()] == ["f"]
    assert not (tmp_path / "f" / ".trivet").exists()


def test_settings_come_from_files_below_variables_and_flags(tmp_path):
    (tmp_path / "home/.config/trivet").mkdir(parents=True)
    (tmp_path / "home/.config/trivet/config.toml").write_text('listen = ["127.0.0.1:7100"]\ndata = "user"\nserver = "http://127.0.0.1:7100"\n')
    (tmp_path / "trivet.toml").write_text('data = "project"\n')
    env = {k: v for k, v in os.environ.items() if not k.startswith(("TRIVET_", "XDG_"))} | {"HOME": str(tmp_path / "home")}

    def shown(*flags, **more):
        done = trivet("config", "show", "--origin", "--output", "json", *flags, cwd=tmp_path, env=env | more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    user_file = str(tmp_path / "home/.config/trivet/config.toml")
    assert shown()["listen"] == {"value": "127.0.0.1:7100", "origin": user_file}
    assert shown()["data"] == {"value": "project", "origin": "trivet.toml"}
    assert shown(TRIVET_DATA="variable")["data"] == {"value": "variable", "origin": "TRIVET_DATA"}
    assert shown("--data", "flag", TRIVET_DATA="variable")["data"] == {"value": "flag", "origin": "flag"}
    assert shown()["token"]["origin"] == "default"


@pytest.mark.parametrize("text, words", [("lsiten = 1\n", "lsiten"), ("server = 'http://evil'\n", "may not be set by a project"), ("output = 'xml'\n", "xml")])
def test_a_settings_file_with_something_wrong_is_named(tmp_path, text, words):
    (tmp_path / "trivet.toml").write_text(text)
    done = trivet("ls", cwd=tmp_path)
    assert done.returncode != 0 and "trivet.toml" in done.stderr and words in done.stderr


def test_run_says_once_why_a_function_failed(tmp_path):
    (tmp_path / "bad.py").write_text("def handler(i, c):\n    print('said')\n    return 1 / 0\n")
    for flags in ([], ["--output", "json"]):
        done = trivet("run", str(tmp_path / "bad.py"), "-d", "{}", *flags)
        assert done.returncode == 3
        assert done.stderr.count("Traceback") == 1 and done.stderr.count("said") == 1, done.stderr
