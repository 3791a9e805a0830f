"""examples/kotlin-markdown: a function with a dependency from Maven Central."""
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

for program in ("kotlinc", "mvn", "java"):
    if not shutil.which(program) and not (ROOT / ".toolchains/bin" / program).exists():
        pytest.skip(f"toolchain missing: {program}", allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/kotlin-markdown", folder / "markdown")
    with Server(folder) as running:
        yield running


def test_markdown_becomes_a_page(server):
    text = "# Grüße & *mehr*\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n<script>no</script>\n"
    reply = server.request("POST", "/function/markdown", text.encode(), {"content-type": "text/markdown"}, timeout=300)
    assert reply.status == 200, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.text.startswith("<!doctype html><title>Grüße &amp; mehr</title>\n<h1>Grüße &amp; <em>mehr</em></h1>")
    assert "<td>1</td>" in reply.text and "<script>" not in reply.text


def test_the_title_comes_from_the_query_when_there_is_no_heading(server):
    reply = server.request("POST", "/function/markdown?title=Mine", b"just a line", timeout=300)
    assert "<title>Mine</title>" in reply.text and "<p>just a line</p>" in reply.text


def test_an_empty_body_is_refused_by_the_function(server):
    reply = server.request("POST", "/function/markdown", b"", timeout=300)
    assert reply.status == 400 and reply.json == {"error": "send Markdown as the body"}
