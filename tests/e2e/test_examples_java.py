"""examples/java-qrcode: a function with a dependency from Maven Central."""
import os
import pathlib
import shutil
import signal
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

for program in ("javac", "mvn"):
    if not shutil.which(program):
        pytest.skip(f"toolchain missing: {program}", allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/java-qrcode", folder / "qrcode")
    with Server(folder) as running:
        yield running


def test_a_code_is_made_and_read_again(server):
    text = "https://example.com/?q=Grüße"
    reply = server.post("/function/qrcode", {"text": text}, timeout=300)
    assert reply.status == 200, reply.text
    code = reply.json
    assert code["size"] == len(code["rows"]) == len(code["rows"][0]) and code["size"] >= 21
    assert code["rows"][0].startswith("#######.") and code["rows"][1].startswith("#.....#.")
    assert code["svg"].startswith("<svg ") and code["svg"].count("h1v1h-1z") == sum(row.count("#") for row in code["rows"])
    assert server.post("/function/qrcode", {"rows": code["rows"]}).json == {"text": text}


def test_a_damaged_code_is_read_and_a_ruined_one_is_an_error(server):
    rows = server.post("/function/qrcode", {"text": "damaged"}, timeout=300).json["rows"]
    rows[10] = rows[10][:10] + ("." if rows[10][10] == "#" else "#") + rows[10][11:]
    assert server.post("/function/qrcode", {"rows": rows}).json == {"text": "damaged"}
    ruined = server.post("/function/qrcode", {"rows": ["." * 21] * 21})
    assert (ruined.status, ruined.json["code"]) == (500, "FUNCTION_ERROR") and "zxing" in ruined.json["error_type"]
    refused = server.post("/function/qrcode", {"rows": "none"})
    assert (refused.status, refused.json["code"]) == (422, "INVALID_INPUT") and "rows is text" in refused.json["detail"]


PLACES = """
import java.io.*;
import java.nio.file.*;
import java.util.*;

class Places {
  public Object handle() throws Exception {
    Files.writeString(Path.of("by-nio.txt"), "hello");
    try (Reader reader = new FileReader("by-nio.txt")) {
      char[] text = new char[10];
      Process child = new ProcessBuilder("/bin/sh", "-c", "pwd -P; echo $GREETING; echo ${TRIVET_SPARE-none}").start();
      return List.of(new String(text, 0, reader.read(text)), new File("x").getAbsolutePath(), Path.of("x").toAbsolutePath().toString(),
          System.getenv("GREETING"), new String(child.getInputStream().readAllBytes()).split("\\n"));
    }
  }
}
"""


def test_a_worker_that_was_started_ahead_is_where_the_function_is(tmp_path):
    folder = tmp_path.resolve() / "places"
    folder.mkdir()
    (folder / "places.java").write_text(PLACES)
    (folder / "trivet.yaml").write_text(f"runtime: java\nentrypoint: places.java\nenv: {{GREETING: moin}}\nscale: {{max: 1}}\nsandbox: {{write: ['{folder}']}}\n")
    with Server(tmp_path) as server:
        for _ in range(2):  # the second worker has had time to be a spare
            reply = server.post("/function/places", None, timeout=120)
            assert reply.status == 200, reply.text
            assert reply.json == ["hello", f"{folder}/x", f"{folder}/x", "moin", [str(folder), "moin", "none"]]
            until(lambda: rows(server, "spare"))
            for row in rows(server, "worker"):
                os.kill(row["pid"], signal.SIGKILL)
            until(lambda: not rows(server, "worker"))


def rows(server, kind):
    return [row for row in server.get("/v1/workers").json if row["kind"] == kind and row["runtime"] == "java"]


def until(holds):
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)
