"""The examples of the web interfaces, with the frameworks that they are made for. Without a registry or its client they are skipped, and counted."""
import gzip
import json
import pathlib
import shutil
import subprocess
import sys
import threading
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server, UnixConnection  # noqa: E402

PIP = [sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--only-binary", ":all:", "-r", "requirements.txt", "--target"]
LIBRARY = ".venv/lib/python%d.%d/site-packages" % sys.version_info[:2]


def folder_of(place, example, *prepare):
    """A copy of the example, with what it needs."""
    folder = place / example
    shutil.copytree(ROOT / "examples" / example, folder)
    done = subprocess.run(prepare, cwd=folder, capture_output=True, text=True, timeout=240) if shutil.which(prepare[0]) else None
    if done is None or done.returncode:
        pytest.skip(f"{prepare[0]} could not get what {example} needs: {(done.stderr[-300:] if done else 'it is missing')}")
    return folder


def line_of(server, message, **where):
    """The line of the log, once it is there."""
    deadline = time.monotonic() + 10
    while True:
        for line in server.log_lines(tail=1000, **where):
            if line["message"] == message:
                return line
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture(scope="module")
def flask(tmp_path_factory):
    place = tmp_path_factory.mktemp("flask")
    folder_of(place, "python-flask", *PIP, LIBRARY)
    with Server(place) as server:
        yield server


@pytest.fixture(scope="module")
def starlette(tmp_path_factory):
    place = tmp_path_factory.mktemp("starlette")
    folder_of(place, "python-starlette", *PIP, LIBRARY)
    with Server(place) as server:
        yield server


@pytest.fixture(scope="module", params=["node", "deno", "bun"])
def hono(request, tmp_path_factory):
    place = tmp_path_factory.mktemp("hono")
    folder = folder_of(place, "node-hono", "npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    manifest = folder / "trivet.yaml"
    manifest.write_text(manifest.read_text().replace("runtime: node", "runtime: " + request.param))
    with Server(place) as server:
        row, = [row for row in server.get("/v1/runtimes").json if row["name"] == request.param]
        if not row["available"]:
            pytest.skip("toolchain missing: " + row["reason"])
        yield server


@pytest.fixture(scope="module")
def chi(tmp_path_factory):
    place = tmp_path_factory.mktemp("chi")
    folder_of(place, "go-chi", "go", "mod", "download")
    with Server(place) as server:
        first = server.get("/function/go-chi/notes/1", timeout=300)  # waits for a build with all that it needs of Go's own library
        assert first.status == 404, first.text
        yield server


def test_flask_renders_and_remembers(flask):
    at = "/function/python-flask"
    page = flask.get(at + "/?title=A%20%3Cb%3E").text
    assert "<h1>A &lt;b&gt;</h1>" in page and "nothing yet" in page
    form = b'--x\r\nContent-Disposition: form-data; name="column"\r\n\r\nms\r\n--x\r\nContent-Disposition: form-data; name="table"; filename="t.csv"\r\n\r\n'
    form += b"name,ms\na,1\nb,2\nc,6\n\r\n--x--\r\n"
    reply = flask.request("POST", at + "/measure", form, {"content-type": "multipart/form-data; boundary=x"})
    assert reply.status == 200 and reply.json == {"count": 3, "mean": 3.0, "median": 2.0}
    cookie = reply.headers["set-cookie"].split(";")[0]
    assert "median: 2.00" in flask.request("GET", at + "/", headers={"cookie": cookie}).text
    assert flask.request("POST", at + "/measure").status == 400
    missing = flask.get(at + "/nowhere")
    assert missing.status == 404 and missing.headers["content-type"] == "text/html; charset=utf-8"


def test_flask_takes_a_large_upload_and_streams_a_large_report(flask):
    rows = b"".join(b"row,%d\n" % n for n in range(300_000))
    form = b'--x\r\nContent-Disposition: form-data; name="column"\r\n\r\nms\r\n--x\r\nContent-Disposition: form-data; name="table"; filename="t.csv"\r\n\r\n'
    form += b"name,ms\n" + rows + b"\r\n--x--\r\n"
    reply = flask.request("POST", "/function/python-flask/measure", form, {"content-type": "multipart/form-data; boundary=x"})
    assert reply.json["count"] == 300_000
    reply = flask.get("/function/python-flask/squares.csv?count=100000")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8" and reply.headers["content-length"] is None
    assert reply.text.splitlines()[-1] == "99999,9999800001"


def listener(server, heard):
    connection = UnixConnection(server.socket, 60)
    connection.request("GET", "/function/python-starlette/rooms/tea")
    reply = connection.getresponse()
    for line in reply:
        heard.append(line.decode().rstrip("\n"))
    connection.close()


def test_starlette_holds_many_streams_in_one_worker(starlette):
    at = "/function/python-starlette/rooms/tea"
    heard = [[] for _ in range(20)]
    threads = [threading.Thread(target=listener, args=(starlette, each)) for each in heard]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 20
    while not all(": welcome" in each for each in heard):
        assert time.monotonic() < deadline, heard
        time.sleep(0.02)
    said = starlette.post(at, {"text": "Grüße"})
    assert (said.status, said.json) == (201, {"heard": 20})
    assert starlette.post(at, {}).status == 422
    workers = [row for row in starlette.get("/v1/workers").json if row["kind"] == "worker"]
    assert len(workers) == 1
    assert starlette.request("DELETE", at).json == {"said": 2}
    for thread in threads:
        thread.join(20)
    assert all('data: {"text": "Gr\\u00fc\\u00dfe"}' in each for each in heard)
    assert line_of(starlette, "said", call=said.headers["x-call-id"])["fields"] == {"text": "Grüße"}


def test_starlette_sees_who_hangs_up(starlette):
    connection = UnixConnection(starlette.socket, 60)
    connection.request("GET", "/function/python-starlette/rooms/gone")
    reply = connection.getresponse()
    assert reply.readline() == b": welcome\n"
    reply.close()
    connection.close()
    deadline = time.monotonic() + 10
    while starlette.post("/function/python-starlette/rooms/gone", {"text": "?"}).json != {"heard": 0}:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_starlette_counts_a_large_upload_and_has_a_lifespan(starlette):
    assert starlette.request("PUT", "/function/python-starlette/size", b"x" * 10_000_000).json == {"bytes": 10_000_000}
    line_of(starlette, "the rooms are open", function="python-starlette")


def test_hono_answers_with_pages_and_conditions(hono):
    at = "/function/node-hono"
    page = hono.get(at + "/?name=%3CAda%3E")
    assert page.text == "<h1>Hello &lt;Ada&gt;</h1>" and page.headers["content-type"].lower() == "text/html; charset=utf-8"
    again = hono.request("GET", at + "/?name=%3CAda%3E", headers={"if-none-match": page.headers["etag"]})
    assert (again.status, again.body) == (304, b"")
    assert hono.get(at + "/nowhere").status == 404


def test_hono_works_on_after_its_answer(hono):
    reply = hono.post("/function/node-hono/visits/home", {"who": "Ada"}, headers={"content-type": "application/json"})
    assert (reply.status, reply.json) == (201, {"count": 1, "greeting": "moin"})
    line_of(hono, "Ada was here", function="node-hono")


def test_hono_streams_both_ways(hono):
    assert hono.get("/function/node-hono/countdown/3").text == "3\n2\n1\n"
    body = b"abc-" * 500_000
    assert hono.request("PUT", "/function/node-hono/upper", body).body == body.upper()


def test_chi_routes_and_compresses(chi):
    at = "/function/go-chi/notes"
    kind = {"content-type": "application/json"}
    made = chi.post(at, {"text": "Grüße"}, headers=kind)
    assert (made.status, made.headers["location"], made.json["id"]) == (201, "notes/1", 1)
    assert line_of(chi, "noted", call=made.headers["x-call-id"])["fields"] == {"id": 1}
    packed = chi.request("GET", at + "/1", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and json.loads(gzip.decompress(packed.body)) == made.json
    assert [chi.get(at + "/2").status, chi.get("/function/go-chi/nowhere").status] == [404, 404]
    assert chi.post(at, {}, headers={"content-type": "text/plain"}).status == 415
    refused = chi.post(at, {"text": "x" * (2 << 20)}, headers=kind)
    assert refused.status == 422 and "too large" in refused.text


def test_chi_streams_what_one_worker_keeps(chi):
    at = "/function/go-chi/notes"
    for n in range(20):
        chi.post(at, {"text": str(n)}, headers={"content-type": "application/json"})
    lines = [json.loads(line) for line in chi.get(at + "/export").text.splitlines()]
    assert [line["id"] for line in lines] == list(range(1, len(lines) + 1)) and len(lines) >= 20
