"""A real `trivet serve` for tests: in a temporary folder, on a Unix socket, ended by its own process id."""
import http.client
import json
import os
import pathlib
import socket
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent


def binary():
    """TRIVET_BIN, or the newest build."""
    if os.environ.get("TRIVET_BIN"):
        return os.environ["TRIVET_BIN"]
    built = [p for p in ROOT.glob("build/*/trivet") if os.access(p, os.X_OK)]
    if not built:
        raise RuntimeError("no trivet binary: run ./test, or set TRIVET_BIN")
    return str(max(built, key=lambda p: p.stat().st_mtime))


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def free_port(address="127.0.0.1"):
    with socket.socket() as probe:
        probe.bind((address, 0))
        return probe.getsockname()[1]


class Server:
    """`with Server(folder) as server: server.post("/function/hello", {...})`. With `tcp` requests go to that address, `server.port`; its owner trusts us on the Unix socket."""

    def __init__(self, folder, *flags, verb="serve", env=None, tcp=None):
        self.temp = tempfile.TemporaryDirectory(prefix="trivet-test-")
        os.chmod(self.temp.name, 0o711)  # at the level `process` a function's own user must be able to come to its artifact
        self.socket = os.path.join(self.temp.name, "s")
        self.tcp, self.port = tcp, free_port(tcp) if tcp else None
        if tcp:
            flags = (*flags, "--listen", f"{tcp}:{self.port}")
        self.errors = open(os.path.join(self.temp.name, "stderr"), "w+")
        self.data = os.path.join(self.temp.name, "data")
        command = [binary(), verb, str(folder), "--listen", "unix:" + self.socket, *([] if "--data" in flags else ["--data", self.data]), *flags]
        self.process = subprocess.Popen(command, stderr=self.errors, env={**os.environ, **(env or {})})
        deadline = time.monotonic() + 30
        while not self.listens():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("trivet did not start: " + self.stderr())
            time.sleep(0.01)

    def listens(self):
        with socket.socket(socket.AF_UNIX) as probe:
            return probe.connect_ex(self.socket) == 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise
        self.errors.close()
        self.temp.cleanup()

    def stderr(self):
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection(self.tcp, self.port, timeout=timeout) if self.tcp else UnixConnection(self.socket, timeout)
        try:
            connection.request(method, path, body, headers or {})
            reply = connection.getresponse()
            return Reply(reply.status, reply.headers, reply.read())
        finally:
            connection.close()

    def get(self, path, **more):
        return self.request("GET", path, **more)

    def post(self, path, value=None, **more):
        return self.request("POST", path, json.dumps(value).encode(), **more)

    def log_lines(self, **wanted):
        query = "&".join(f"{k}={v}" for k, v in wanted.items())
        text = self.get("/v1/logs?follow=0&" + query).text
        return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ") and '"message"' in line]
