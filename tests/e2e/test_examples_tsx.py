"""examples/node-tsx: pages in TypeScript and JSX, with packages from npm. Without esbuild, npm or its registry they are skipped, and counted."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402
from test_builds import UNREACHABLE  # noqa: E402

if not shutil.which("esbuild") and not (ROOT / ".toolchains/bin/esbuild").exists():
    pytest.skip("toolchain missing: esbuild (sh runtimes/node/install.sh)", allow_module_level=True)

AT = "/function/node-tsx"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    place = tmp_path_factory.mktemp("tsx")
    shutil.copytree(ROOT / "examples/node-tsx", place / "node-tsx")
    with Server(place) as running:
        first = running.get(AT + "/", timeout=240)
        if first.status != 200 and any(word in first.text for word in UNREACHABLE):
            pytest.skip("the registry cannot be reached")
        assert first.status == 200, first.text
        yield running


def test_pages_are_rendered(server):
    page = server.get(AT + "/")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.text.startswith('<!doctype html><html lang="en"><head><meta charset="utf-8"/><title>Menu</title>')
    assert '<ul class="drink"><li>Espresso: 2.20 €</li><li>Flat &lt;white>: 3.80 €</li></ul><ul class="cake"><li>Apple pie: 4.10 €</li></ul>' in page.text
    bill = server.get(AT + "/bill?item=Espresso&item=Apple%20pie").text
    assert "<li>Apple pie: 4.10 €</li>" in bill and "Together <b>6.30 €</b>" in bill
    assert server.get(AT + "/nowhere").status == 404


def test_an_error_names_the_line_of_the_source(server):
    reply = server.get(AT + "/bill?item=Tea")
    assert (reply.status, reply.json["code"]) == (500, "FUNCTION_ERROR") and "there is no Tea" in reply.json["detail"]
    assert "src/menu.ts:23:" in str(reply.json), reply.json
