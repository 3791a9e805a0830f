"""The runtime python-ml: its example, and that its libraries are there before a function is. Skipped and counted where they are not installed."""
import concurrent.futures
import pathlib
import shutil
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

LOOK = """import os, sys
before = sorted(name for name in ("numpy", "scipy.linalg", "sklearn.linear_model") if name in sys.modules)
import numpy

def handler(input, ctx):
    return {"before": before, "threads": len(os.listdir("/proc/self/task")), "blas": os.environ["OPENBLAS_NUM_THREADS"],
            "preload": os.environ.get("TRIVET_PRELOAD"), "random": numpy.random.rand(), "pid": os.getpid()}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/python-ml-digits", place / "digits")
    (place / "look").mkdir()
    (place / "look/main.py").write_text(LOOK)
    (place / "look/trivet.yaml").write_text("runtime: python-ml\nentrypoint: main.py\npristine: true\n")
    with Server(place) as running:
        row, = [row for row in running.get("/v1/runtimes").json if row["name"] == "python-ml"]
        if not row["available"]:
            pytest.skip("toolchain missing: " + row["reason"])
        yield running


def zygote_of(server, function):
    deadline = time.monotonic() + 60
    while True:
        for row in server.get("/v1/workers").json:
            if row["kind"] == "zygote" and row.get("function", "") == function:
                return row
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_digits_are_read(server):
    one = [[0, 0, 0, 12, 13, 5, 0, 0], [0, 0, 0, 11, 16, 9, 0, 0], [0, 0, 3, 15, 16, 6, 0, 0], [0, 7, 15, 16, 16, 2, 0, 0],
           [0, 0, 1, 16, 16, 3, 0, 0], [0, 0, 1, 16, 16, 6, 0, 0], [0, 0, 1, 16, 16, 6, 0, 0], [0, 0, 0, 11, 16, 10, 0, 0]]
    reply = server.post("/function/digits", {"pixels": one})
    assert reply.status == 200, reply.text
    assert reply.json["digits"] == [1] and reply.json["accuracy"] > 0.95
    zygote_of(server, "digits")  # it could be forked: no threads
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        replies = list(threads.map(lambda _: server.post("/function/digits", {"pixels": [one] * 50}).json["digits"], range(16)))
    assert replies == [[1] * 50] * 16
    refused = server.post("/function/digits", {"pixels": [1, 2]}).json
    assert refused["code"] == "FUNCTION_ERROR" and "reshape" in refused["detail"]


def test_libraries_are_loaded_before_the_function_is(server):
    first = server.post("/function/look", {}).json
    assert first["before"] == ["numpy", "scipy.linalg", "sklearn.linear_model"]
    assert first["threads"] == 1 and first["blas"] == "1" and first["preload"] is None
    zygote_of(server, "look")
    later = [server.post("/function/look", {}).json for _ in range(5)]
    assert len({each["pid"] for each in later}) == 5 and len({each["random"] for each in later}) == 5
