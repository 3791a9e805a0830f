"""A shared store: what one server has built, others fetch. Against versitygw, a server that verifies what S3 verifies, and against a folder."""
import contextlib
import http.client
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tarfile
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server, binary  # noqa: E402

GATEWAY = ROOT / ".toolchains/bin/versitygw"
TRIVET = binary()
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "of the store", "AWS_EC2_METADATA_DISABLED": "true"}

MANIFEST = """name: toy
title: Toy
extensions: [.toy]
entrypoints: [main.toy]
toolchain:
  binary: [/bin/sh]
interfaces: [stdio]
oneshot:
  command: [/bin/sh, "${output}/app"]
build:
  inputs: ["*.toy"]
  steps:
    - {name: first, command: [/bin/sh, "${runtime}/make.sh", first, "${source}", "${output}"]}
    - {name: second, command: [/bin/sh, "${runtime}/make.sh", second, "${source}", "${output}"]}
  pass: [TOY_]
"""
# What both steps print is in the log: each run of one is a line of it.
MAKE = """set -e
echo "toy: $1 of $(env | grep -c ^AWS_ || true)"
case $1 in
  first) mkdir "$3/lib"; echo greeting=hello >"$3/lib/words"; head -c "${TOY_BYTES:-100}" /dev/urandom >"$3/lib/noise" ;;
  second) { cat "$2/main.toy"; echo '. "${0%/*}/lib/words"; echo "{\\"success\\": true, \\"output\\": \\"$greeting\\"}"'; } >"$3/app" ;;
esac
"""


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, seconds=20):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := what():
            return found
        time.sleep(0.01)
    raise AssertionError("it did not come")


class Gateway:
    def __init__(self, folder, *flags):
        self.folder, self.port = folder, free_port()
        self.bucket = folder / "artifacts"
        self.bucket.mkdir(parents=True, exist_ok=True)
        self.log = open(folder.parent / "gateway.log", "ab")
        self.process = subprocess.Popen(
            [GATEWAY, "--port", f"127.0.0.1:{self.port}", "--virtual-domain", "localhost", "--quiet", *flags, "posix", folder],
            env={**os.environ, "ROOT_ACCESS_KEY": KEYS["AWS_ACCESS_KEY_ID"], "ROOT_SECRET_KEY": KEYS["AWS_SECRET_ACCESS_KEY"]},
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_for(self.answers)

    def answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def environment(self, port=None, host="127.0.0.1"):
        return {**KEYS, "AWS_ENDPOINT_URL_S3": f"http://{host}:{port or self.port}"}

    def objects(self, prefix=""):
        return sorted(p for p in (self.bucket / prefix).glob("*.tar.zst") if p.is_file())

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.log.close()


@pytest.fixture(scope="module")
def s3(tmp_path_factory):
    if not GATEWAY.exists():
        pytest.skip("toolchain missing: versitygw (tests/s3server/install.sh)")
    gateway = Gateway(tmp_path_factory.mktemp("s3") / "data")
    yield gateway
    gateway.stop()


class Place:
    """A function of a runtime of its own, whose two steps say how often they ran."""

    def __init__(self, root):
        self.root, self.functions, self.count, self.said = root, root / "functions", 0, []
        (root / "runtimes/toy").mkdir(parents=True)
        (root / "runtimes/toy/runtime.yaml").write_text(MANIFEST)
        (root / "runtimes/toy/make.sh").write_text(MAKE)
        (self.functions / "f").mkdir(parents=True)
        (self.functions / "f/main.toy").write_text(f"# {root.name}\n")   # a key of its own for each test

    def note(self, lines):
        """What steps have said, of lines of a log: (the step, how many variables of AWS it saw)."""
        words = [line.split() for line in lines if line.strip().startswith("toy: ")]
        self.said += [(step, int(count)) for _, step, _, count in words]

    def runs(self):
        return [step for step, _ in self.said]

    def environment(self, **more):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
        return {**clean, "HOME": str(self.root), **more}

    def trivet(self, *words, code=0, timeout=60, **more):
        done = subprocess.run([TRIVET, *words, "--runtimes", self.root / "runtimes"], env=self.environment(**more), capture_output=True, text=True,
                              timeout=timeout, cwd=self.root, stdin=subprocess.DEVNULL)
        assert done.returncode == code, done.stderr
        self.note(done.stderr.splitlines())
        return done.stdout + done.stderr

    def build(self, store, data=None, **more):
        """In an empty cache, unless one is named."""
        self.count += 1
        self.data = self.root / (data or f"data-{self.count}")
        return self.trivet("build", str(self.functions), "--store", store, "--data", str(self.data), **more)

    def server(self, store, **more):
        return Server(self.functions, "--store", store, "--runtimes", str(self.root / "runtimes"), env=self.environment(**more))

    def artifacts(self):
        return sorted(p.name for p in (self.data / "artifacts").iterdir())


@pytest.fixture
def place(tmp_path):
    return Place(tmp_path)


def damage(file, at=0.3):
    content = bytearray(file.read_bytes())
    content[int(len(content) * at)] ^= 1
    with open(file, "r+b") as out:  # in place: the server keeps what it knows of it beside it
        out.write(content)


def texts(server):
    return [line["message"] for line in server.log_lines()]


@pytest.mark.parametrize("style", ["path", "host", "folder"])
def test_what_one_has_built_the_next_fetches(s3, place, style):
    store = {"path": "s3://artifacts/" + place.root.name, "host": f"s3://artifacts/{place.root.name}?style=host", "folder": f"file://{place.root}/shared"}[style]
    environment = s3.environment(host="localhost" if style == "host" else "127.0.0.1") if style != "folder" else {}
    first = place.build(store, **environment)
    assert "build: first (1 of 2)" in first and "fetch (1 of 2): from" not in first
    assert place.runs() == ["first", "second"]
    second = place.build(store, **environment)
    assert place.runs() == ["first", "second"], "the second builds nothing"
    assert "build: fetch (1 of 2): from " + store in second and "build: fetch (2 of 2): from" in second
    objects = s3.objects(place.root.name) if style != "folder" else sorted((place.root / "shared").iterdir())
    assert [p.name.split(".")[0] for p in objects] == place.artifacts(), "one object an artifact, and nothing else"
    assert {count for _, count in place.said} == {0}, "steps of builds see nothing of AWS_*"
    with place.server(store, **environment) as server:
        reply = server.post("/function/f")
        assert reply.status == 200 and reply.json == "hello", reply.text
        assert any("fetch (2 of 2): from" in text for text in texts(server))
        place.note(texts(server))
    assert place.runs() == ["first", "second"]
    table = place.trivet("cache", "du", "--store", store, "--data", str(place.data), **environment)
    assert [store, "2"] in [line.split()[:2] for line in table.splitlines()], table


def test_a_parcel_is_an_archive_that_other_programs_read(place):
    place.build(f"file://{place.root}/shared")
    names = set()
    for file in (place.root / "shared").iterdir():
        plain = place.root / "plain.tar"
        subprocess.run(["zstd", "-q", "-d", "-f", file, "-o", plain], check=True, timeout=20) if shutil.which("zstd") else pytest.skip("toolchain missing: zstd")
        with tarfile.open(plain) as tar:
            names |= {member.name for member in tar}
            assert {(member.mtime, member.uid, member.gid) for member in tar} == {(318211200, 0, 0)}
    assert names == {"lib", "lib/words", "lib/noise", "app"}


def test_by_hand(s3, place):
    place.build(f"file://{place.root}/unused")
    store, environment = "s3://artifacts/" + place.root.name, s3.environment()
    assert "sent to " + store + ": 2" in place.trivet("cache", "push", "--store", store, "--data", str(place.data), **environment)
    assert ": 0" in place.trivet("cache", "push", "--store", store, "--data", str(place.data), **environment)
    for key in place.artifacts():
        place.trivet("cache", "pull", "--key", key, "--store", store, "--data", str(place.root / "pulled"), **environment)
    assert "all is as it was built" in place.trivet("cache", "verify", "--data", str(place.root / "pulled"))
    assert "HTTP 404" in place.trivet("cache", "pull", "--key", "0" * 64, "--store", store, "--data", str(place.root / "pulled"), code=4, **environment)
    assert "is no key" in place.trivet("cache", "pull", "--key", "../x", "--store", store, "--data", str(place.root / "pulled"), code=2, **environment)


def test_a_large_artifact_goes_in_parts(s3, place):
    store, environment = "s3://artifacts/" + place.root.name, s3.environment()
    place.build(store, TOY_BYTES=str(20 << 20), **environment)
    assert max(p.stat().st_size for p in s3.objects(place.root.name)) > 20 << 20
    place.build(store, TOY_BYTES=str(20 << 20), **environment)
    assert place.runs() == ["first", "second"]
    assert (place.data / "artifacts" / place.artifacts()[0] / "files").is_dir()


@pytest.mark.parametrize("wrong, said", [
    ({"AWS_SECRET_ACCESS_KEY": "guessed"}, ["HTTP 403 SignatureDoesNotMatch", "AWS_SECRET_ACCESS_KEY is not the one"]),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, ["HTTP 40", "the provided access key ID"]),
    ({"AWS_ACCESS_KEY_ID": ""}, ["there are no credentials", "~/.aws/credentials"])], ids=["secret", "id", "none"])
def test_with_wrong_credentials_it_says_so_and_builds(s3, place, wrong, said):
    out = place.build("s3://artifacts/x", **{**s3.environment(), **wrong})
    assert place.runs() == ["first", "second"]
    for text in said:
        assert text in out, out
    assert "guessed" not in out and KEYS["AWS_SECRET_ACCESS_KEY"] not in out


def test_credentials_from_a_file_and_a_bucket_that_there_is_not(s3, place):
    (place.root / ".aws").mkdir()
    (place.root / ".aws/credentials").write_text(
        f"[other]\naws_access_key_id = {KEYS['AWS_ACCESS_KEY_ID']}\naws_secret_access_key = {KEYS['AWS_SECRET_ACCESS_KEY']}\n")
    environment = {"AWS_ENDPOINT_URL": s3.environment()["AWS_ENDPOINT_URL_S3"], "AWS_PROFILE": "other"}
    place.build("s3://artifacts/" + place.root.name, **environment)
    assert len(s3.objects(place.root.name)) == 2
    out = place.trivet("cache", "du", "--store", "s3://none-there/x", "--data", str(place.data), code=2, **environment)
    assert f"S3 at http://127.0.0.1:{s3.port}, bucket none-there: HTTP 404 NoSuchBucket" in out and "make the bucket" in out and str(place.data) in out


@pytest.mark.parametrize("kind", ["s3", "folder"])
def test_a_damaged_object_is_refused_built_and_replaced(s3, place, kind):
    store = "s3://artifacts/" + place.root.name if kind == "s3" else f"file://{place.root}/shared"
    environment = s3.environment() if kind == "s3" else {}
    objects = (lambda: s3.objects(place.root.name)) if kind == "s3" else (lambda: sorted((place.root / "shared").glob("*.zst")))
    place.build(store, **environment)
    broken = max(objects(), key=lambda p: p.stat().st_mtime_ns)   # of the second step
    damage(broken)
    out = place.build(store, **environment)
    assert "has other bytes than when it was sent" in out, out
    assert place.runs() == ["first", "second", "second"], "what was whole is fetched"
    place.build(store, **environment)
    assert place.runs() == ["first", "second", "second"], "it was replaced"
    for file in objects():
        file.write_bytes(file.read_bytes()[:100])
    assert "refused" in place.build(store, **environment)
    assert place.runs()[3:] == ["first", "second"]


class Proxy(http.server.ThreadingHTTPServer):
    """In front of the gateway; `decide(proxy, method, path)` may answer with (status, body), or do something and let it pass."""
    daemon_threads = True

    def __init__(self, to, decide):
        super().__init__(("127.0.0.1", 0), Relay)
        self.to, self.decide, self.seen = to, decide, []
        threading.Thread(target=self.serve_forever, daemon=True).start()


class Relay(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def relay(self):
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.seen.append((self.command, self.path))
        verdict = self.server.decide(self.server, self.command, self.path)
        if not verdict:
            connection = http.client.HTTPConnection("127.0.0.1", self.server.to, timeout=20)
            connection.request(self.command, self.path, body, dict(self.headers))
            reply = connection.getresponse()
            verdict = reply.status, reply.read(), dict(reply.headers)
        self.send_response(verdict[0])
        for name, value in (verdict[2] if len(verdict) > 2 else {}).items():
            if name.lower() not in ("content-length", "transfer-encoding", "connection", "date", "server"):
                self.send_header(name, value)
        self.send_header("content-length", str(len(verdict[1])))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(verdict[1])

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = relay

    def log_message(self, *_):
        pass


@contextlib.contextmanager
def between(s3, decide):
    proxy = Proxy(s3.port, decide)
    # What was signed is the host that was asked: the gateway sees the same header.
    try:
        yield proxy, s3.environment(port=proxy.server_port)
    finally:
        proxy.shutdown()
        proxy.server_close()


def test_what_may_pass_is_tried_again(s3, place):
    refused = {}

    def decide(proxy, method, path):
        if refused.setdefault((method, path.split("?")[0]), 0) < 2:
            refused[method, path.split("?")[0]] += 1
            return 503, b"<Error><Code>SlowDown</Code><Message>wait</Message></Error>"

    with between(s3, decide) as (_, environment):
        place.build("s3://artifacts/" + place.root.name, **environment)
        assert len(s3.objects(place.root.name)) == 2
        refused.clear()
        place.build("s3://artifacts/" + place.root.name, **environment)
    assert place.runs() == ["first", "second"]


def test_a_failed_upload_is_said_once_and_made_good_by_the_next_build(s3, place):
    is_broken = True

    def decide(proxy, method, path):
        if is_broken and method == "PUT":
            return 403, b"<Error><Code>AccessDenied</Code><Message>not today</Message></Error>"

    with between(s3, decide) as (_, environment), place.server("s3://artifacts/" + place.root.name, **environment) as server:
        assert server.post("/function/f").status == 200
        wait_for(lambda: [t for t in texts(server) if "was not sent" in t])
        time.sleep(0.3)
        said = [t for t in texts(server) if "was not sent" in t]
        assert len(said) == 1 and "AccessDenied: not today" in said[0] and "tried again after the next build" in said[0], said
        assert s3.objects(place.root.name) == []
        is_broken = False
        (place.functions / "g").mkdir()
        (place.functions / "g/main.toy").write_text("# other\n")
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: server.post("/function/g").status == 200)
        wait_for(lambda: len(s3.objects(place.root.name)) == 4)


def test_a_server_that_ends_during_the_upload_leaves_no_object(tmp_path, place, s3):
    own = Gateway(tmp_path / "own" / "data")

    def decide(proxy, method, path):
        if "partNumber=2" in path:
            own.process.kill()
            own.process.wait()

    try:
        with between(own, decide) as (_, environment):
            out = place.trivet("build", str(place.functions), "--store", "s3://artifacts/a", "--data", str(tmp_path / "data"), TOY_BYTES=str(20 << 20), **environment)
        assert "was not sent" in out and "built 1 function" in out, out
    finally:
        own.stop()
    again = Gateway(tmp_path / "own" / "data")
    try:
        assert not [p for p in again.objects("a") if p.stat().st_size > 1 << 20]
        assert not list((tmp_path / "data/artifacts").glob("*.making"))
    finally:
        again.stop()


def transfers_of(data):
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if words[1:3] == ["cache", "push"] and str(data) in words:
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("victim", ["transfer", "host"])
def test_kill_9_during_an_upload_leaves_no_half_artifact(s3, place, victim):
    uploading, go_on = threading.Event(), threading.Event()

    old = []   # what the list of unfinished uploads says instead

    def decide(proxy, method, path):
        if "partNumber=2" in path:
            uploading.set()
            go_on.wait(20)
        if method == "GET" and "uploads=" in path and old:
            return 200, old[0]

    prefix = place.root.name
    with between(s3, decide) as (proxy, environment):
        server = place.server("s3://artifacts/" + prefix, TOY_BYTES=str(20 << 20), **environment)
        data = pathlib.Path(server.temp.name) / "data"
        try:
            server.post("/function/f")
            assert uploading.wait(20)
            pids = transfers_of(data)
            assert pids
            os.kill(server.process.pid if victim == "host" else pids[0], signal.SIGKILL)
            wait_for(lambda: not transfers_of(data))
            go_on.set()
            large = [p for p in s3.objects(prefix) if p.stat().st_size > 1 << 20]
            assert large == []
            if victim == "host":
                server.process.wait(10)
            # Whoever comes next sweeps what was left, builds nothing, and sends it.
            place.trivet("cache", "push", "--store", "s3://artifacts/" + prefix, "--data", str(data), **s3.environment())
            assert not list((data / "artifacts").glob("*.making"))
            assert len(s3.objects(prefix)) == 2
        finally:
            go_on.set()
            server.stop()
        # What a killed one left on the server's side goes away once it is old.
        prune = ["cache", "prune", "--store", "s3://artifacts/" + prefix, "--data", str(place.root)]
        assert "unfinished" not in place.trivet(*prune, **environment), "younger than a day"
        path, query = next(path for _, path in proxy.seen if "partNumber=2" in path).split("?")
        upload = query.split("uploadId=")[1].split("&")[0]
        old.append(f"<Upload><Key>{path.removeprefix('/artifacts/')}</Key><UploadId>{upload}</UploadId><Initiated>2001-02-03T04:05:06.000Z</Initiated></Upload>".encode())
        assert "unfinished uploads ended: 1" in place.trivet(*prune, **environment)
        assert ("DELETE", f"{path}?uploadId={upload}") in proxy.seen


def test_a_store_that_is_away_or_hangs_delays_no_call_for_long(s3, place):
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(16)   # takes connections, and never answers
        hanging = s3.environment(port=silent.getsockname()[1])
        with place.server("s3://artifacts/a", **hanging) as server:
            begin = time.monotonic()
            assert server.post("/function/f").status == 200
            assert time.monotonic() - begin < 10
            assert len([t for t in texts(server) if "left alone for a while" in t]) == 1, "the second step did not ask"
            place.note(texts(server))
            silent.close()
    begin = time.monotonic()
    out = place.build("s3://artifacts/a", **s3.environment(port=free_port()))
    assert "left alone for a while" in out and "refused" in out.lower() or "connect" in out, out
    assert time.monotonic() - begin < 15
    assert place.runs() == ["first", "second"] * 2


def test_tls_is_verified(tmp_path, place, s3):
    if not shutil.which("openssl"):
        pytest.skip("toolchain missing: openssl")
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", certificate], check=True, capture_output=True, timeout=20)
    own = Gateway(tmp_path / "own" / "data", "--cert", certificate, "--key", key)
    try:
        environment = {**KEYS, "AWS_ENDPOINT_URL_S3": f"https://localhost:{own.port}"}
        out = place.build("s3://artifacts/a", **environment)
        assert "left alone for a while" in out and "certificate" in out and own.objects("a") == [], out
        place.build("s3://artifacts/a", **environment, AWS_CA_BUNDLE=str(certificate))
        assert len(own.objects("a")) == 2
        environment["AWS_ENDPOINT_URL_S3"] = f"https://127.0.0.1:{own.port}"
        out = place.trivet("cache", "du", "--store", "s3://artifacts/a", "--data", str(place.data), code=2, **environment, AWS_CA_BUNDLE=str(certificate))
        assert "host name" in out and "AWS_CA_BUNDLE names" in out, out
    finally:
        own.stop()


def test_what_is_no_store_is_refused_at_once(place):
    for store in ("http://bucket", "s3://B", "/srv", "file://relative"):
        assert "is no store" in place.trivet("build", str(place.functions), "--store", store, code=2)
    (place.root / "trivet.toml").write_text('store = "file:///srv"\n')
    assert "may not be set by a project" in place.trivet("config", "show", code=7)
    (place.root / "trivet.toml").unlink()
    (place.root / ".config/trivet").mkdir(parents=True)
    (place.root / ".config/trivet/config.toml").write_text(f'store = "file://{place.root}/shared"\n')
    assert json.loads(place.trivet("config", "show", "--output", "json"))["store"]["value"] == f"file://{place.root}/shared"
    place.trivet("build", str(place.functions), "--data", str(place.root / "data"))
    assert len(list((place.root / "shared").iterdir())) == 2


def test_without_a_network_what_is_in_the_cache_asks_nobody(s3, place):
    seen = []
    with between(s3, lambda proxy, method, path: seen.append(path)) as (_, environment):
        place.build("s3://artifacts/" + place.root.name, data="data", **environment)
        seen.clear()
        place.build("s3://artifacts/" + place.root.name, data="data", **environment)
    assert seen == [] and place.runs() == ["first", "second"]
