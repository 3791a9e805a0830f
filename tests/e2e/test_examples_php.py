"""examples/php-invoice: Composer puts its packages in place, and the function answers from forks that have them loaded."""
import json
import pathlib
import shutil
import subprocess

import pytest

from server import ROOT, Server

NEEDED = {"php": "php8.2-cli", "composer": "composer"}
missing = [package for program, package in NEEDED.items() if not shutil.which(program)]
missing += [] if pathlib.Path("/usr/share/php/Twig").is_dir() else ["php-twig"]
pytestmark = pytest.mark.skipif(bool(missing), reason="toolchain missing: " + " ".join(missing))
INVOICE = {"number": "7", "customer": "Ada & Co", "tax": 19, "lines": [{"text": "bolt", "count": 12, "cents": 5}, {"text": "nut <M4>", "cents": 199}]}
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions") / "php-invoice"
    shutil.copytree(ROOT / "examples/php-invoice", folder, ignore=shutil.ignore_patterns("vendor", "composer.lock"))
    done = subprocess.run(["composer", "install", "--no-interaction", "--no-progress", "--quiet"], cwd=folder, capture_output=True, text=True, timeout=120,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(folder.parent), "COMPOSER_ALLOW_SUPERUSER": "1"})
    assert done.returncode == 0, done.stderr
    with Server(folder.parent) as running:
        yield running


def test_an_invoice_is_rendered(server):
    for _ in range(3):  # by the first worker, and by forks of the function's zygote
        reply = server.request("POST", "/function/php-invoice", json.dumps(INVOICE).encode(), JSON)
        assert reply.status == 200 and reply.headers["content-type"] == "text/html; charset=utf-8"
        for part in ("For Ada &amp; Co", "1 x nut &lt;M4&gt;", "12 x bolt", "<th>3.08</th>"):
            assert part in reply.text
    lines = server.log_lines(call=reply.headers["x-call-id"])
    assert [line["message"] for line in lines] == ['invoice 7 {"total":308}']


def test_the_same_as_json(server):
    reply = server.request("POST", "/function/php-invoice", json.dumps(INVOICE).encode(), {**JSON, "accept": "application/json"})
    assert reply.json["net"] == 259 and reply.json["tax"] == 49 and reply.json["lines"][0]["sum"] == 60


def test_what_is_no_invoice_is_refused(server):
    reply = server.request("POST", "/function/php-invoice", b'{"lines": [{"text": "x"}]}', JSON)
    assert reply.status == 422 and reply.json == {"error": "each line has a text and cents"}
    assert server.get("/function/php-invoice").status == 405
