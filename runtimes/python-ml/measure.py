#!/usr/bin/env python3
"""First calls of new workers, python-ml beside python with the same libraries: runtimes/python-ml/measure.py [TIMES]. Needs TRIVET_BIN, or build/release.

`first version`: a function that was never called, so it comes from the runtime's zygote, or imports what it needs. `next worker`: the worker before
was ended, and the function's own zygote is there where it has one.
"""
import http.client
import json
import os
import pathlib
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PORT = 7912
NUMPY = "import numpy\n\ndef handler(input, ctx):\n    return float(numpy.linalg.norm(numpy.arange(10.0)))\n"
SKLEARN = ("import numpy\nfrom sklearn.linear_model import LinearRegression\n\ndef handler(input, ctx):\n    x = numpy.arange(20.0).reshape(-1, 1)\n"
           "    return float(LinearRegression().fit(x, 3 * x[:, 0] + 1).predict([[100.0]])[0])\n")


def ask(connection, method, path, body=None):
    connection.request(method, path, body)
    reply = connection.getresponse()
    text = reply.read()
    assert reply.status == 200, text
    return json.loads(text)


def first_call(connection, name):
    begin = time.monotonic()
    ask(connection, "POST", "/function/" + name, "{}")
    return (time.monotonic() - begin) * 1000


def workers(connection, name, kind="worker"):
    return [row["pid"] for row in ask(connection, "GET", "/v1/workers") if row["kind"] == kind and row["function"] == name]


def next_worker(connection, name):
    """The worker is ended; its successor is asked for once the house is in order."""
    for pid in workers(connection, name):
        os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + 20
    while workers(connection, name) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.3)
    return first_call(connection, name)


def row(what, times):
    times = sorted(times)
    print(f"{what:44} p50 {statistics.median(times):8.1f} ms   max {times[-1]:8.1f} ms   ({len(times)} times)", flush=True)


def main(times):
    with tempfile.TemporaryDirectory() as folder:
        for library, source in (("numpy", NUMPY), ("sklearn", SKLEARN)):
            for runtime in ("python", "python-ml"):
                for n in range(times):
                    place = pathlib.Path(folder, f"{runtime}-{library}-{n}")
                    place.mkdir()
                    (place / "main.py").write_text(source)
                    (place / "trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: main.py\nrestart: {{breaker: {{failures: 0}}, backoff: 1ms..1ms}}\n")
                    if runtime == "python":
                        (place / ".venv").symlink_to(ROOT / ".toolchains/python-ml")
        binary = os.environ.get("TRIVET_BIN", str(ROOT / "build/release/trivet"))
        command = [binary, "serve", folder, "--listen", f"127.0.0.1:{PORT}", "--data", folder + "/.state", "--quiet"]
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        try:
            time.sleep(8)  # the zygotes load
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=120)
            print(f"load {os.getloadavg()[0]:.1f}", flush=True)
            for library in ("numpy", "sklearn"):
                for runtime in ("python", "python-ml"):
                    names = [f"{runtime}-{library}-{n}" for n in range(times)]
                    row(f"{runtime}, {library}: first version", [first_call(connection, name) for name in names])
                    while not workers(connection, names[0], "zygote"):
                        time.sleep(0.1)
                    row(f"{runtime}, {library}: next worker", [next_worker(connection, names[0]) for _ in range(times)])
        finally:
            server.terminate()
            server.wait(30)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10)
