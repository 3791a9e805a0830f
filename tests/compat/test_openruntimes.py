"""Functions written for the open-runtimes interface run as they are: twenty of them in each language of openruntimes/, the same results for all."""
import concurrent.futures
import pathlib
import re
import shutil
import subprocess
import sys

import pytest
import yaml

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent / "openruntimes"
CASES = yaml.safe_load((HERE / "cases.yaml").read_text())
RUNTIMES = ["node", "python", "php", "ruby", "deno", "bun", "go", "java", "kotlin", "rust", "cpp"]
MANIFEST = {"interface": "context", "env": {"CUSTOM_ENV_VAR": "customValue"}, "limits": {"timeout": "30s"}, "scale": {"max": 1, "idle": "5s"}}


def function_of(path):
    """What a file is: hello_json.py and HelloJson.java are the function hello_json. None for what belongs to all, as go.mod."""
    return next((case["function"] for case in CASES if case["function"].replace("_", "") == path.stem.replace("_", "").lower()), None)


def deploy(runtime, functions):
    """Each function into a folder of its own, as it is, with what belongs to all of its language."""
    files = sorted(path for path in (HERE / runtime).iterdir() if path.is_file())
    for path in files:
        if not function_of(path):
            continue
        folder = functions / function_of(path)
        folder.mkdir()
        for file in [path, *(each for each in files if not function_of(each))]:
            shutil.copy(file, folder)
        (folder / "trivet.yaml").write_text(yaml.safe_dump({"runtime": runtime, "entrypoint": path.name, **MANIFEST}))


def missing(runtime, row):
    """Why the functions of a language cannot be tried here, or nothing."""
    if not row["available"]:
        return "toolchain missing: " + row["reason"]
    if runtime == "rust":  # its functions name serde_json
        told = subprocess.run(["cargo", "--version"], capture_output=True, text=True).stdout if shutil.which("cargo") else ""
        if int((re.match(r"cargo 1\.(\d+)", told) or [0, 0])[1]) < 70:
            return "cargo 1.70 or later is missing: older ones know crates.io by its Git repository only"
    if runtime == "cpp" and not any(pathlib.Path(place).is_dir() for place in ("/usr/include/jsoncpp", "/usr/include/json")):
        return "toolchain missing: the headers of jsoncpp: apt-get install libjsoncpp-dev"
    return ""


class Deployed:
    def __init__(self, runtime, server):
        self.runtime, self.server = runtime, server


@pytest.fixture(scope="module", params=RUNTIMES)
def runtime(request, tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    deploy(request.param, functions)
    with Server(functions) as server:
        row = next(row for row in server.get("/v1/runtimes").json if row["name"] == request.param)
        if missing(request.param, row):
            pytest.skip(missing(request.param, row))
        assert server.get("/v1/functions").json["problems"] == []
        with concurrent.futures.ThreadPoolExecutor(3) as several:  # so that compilers run side by side
            list(several.map(lambda case: server.request("POST", "/function/" + case["function"], timeout=400), CASES))
        yield Deployed(request.param, server)


def body_of(send):
    return (bytes.fromhex(send["bytes"]) if "bytes" in send else send.get("body", "").encode()) * send.get("times", 1)


def check(server, reply, sent, expect):
    assert reply.status == expect.get("status", 200), reply.body[:2000]
    if "text" in expect:
        assert reply.text == expect["text"]
    if "json" in expect:
        assert reply.json == expect["json"]
    if "bytes" in expect:
        assert reply.body == bytes.fromhex(expect["bytes"])
    if "echo" in expect:
        assert reply.body == sent
    for name, value in expect.get("headers", {}).items():
        assert (reply.headers.get_all(name) if isinstance(value, list) else reply.headers.get(name)) == value, name
    if "code" in expect:
        assert reply.json["code"] == expect["code"], reply.text
    assert expect.get("says", "").encode() in reply.body, reply.body[:2000]
    if "lines" in expect:
        lines = server.log_lines(call=reply.headers["x-call-id"])
        assert [[line["level"], line["message"]] for line in lines] == expect["lines"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["function"])
def test_function(runtime, case):
    for ask in case["asks"]:
        send, expect = ask.get("send", {}), ask["expect"]
        if runtime.runtime in case.get("does_not_compile", []):
            expect = {"status": 503, "code": "BUILD_FAILED", "says": case["function"] + "."}
        body = body_of(send)
        reply = runtime.server.request(send.get("method", "POST"), "/function/" + case["function"] + send.get("path", "/"), body, send.get("headers", {}))
        check(runtime.server, reply, body, expect)


@pytest.mark.parametrize("name", RUNTIMES)
def test_every_language_has_every_function(name):
    found = [function_of(path) for path in (HERE / name).iterdir()]
    assert sorted(each for each in found if each) == sorted(case["function"] for case in CASES)
