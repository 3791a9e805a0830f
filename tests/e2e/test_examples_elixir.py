"""examples/elixir-mustache: a mix project with an application of its own and a dependency."""
import datetime
import glob
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

LIBRARIES = ["/usr/lib/erlang/lib", *os.environ.get("ERL_LIBS", "").split(":")]
if not shutil.which("elixir") or not shutil.which("mix"):
    pytest.skip("toolchain missing: elixir (apt-get install elixir)", allow_module_level=True)
if not any(glob.glob(f"{place}/bbmustache*/ebin/bbmustache.app") for place in LIBRARIES if place):
    pytest.skip("dependency missing: bbmustache (apt-get install erlang-bbmustache)", allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/elixir-mustache", folder / "reminder")
    with Server(folder) as running:
        yield running


def test_a_letter_names_what_is_due(server):
    day = datetime.datetime.now(datetime.timezone.utc).date()
    items = [{"title": "Engine", "price": 12.5, "due": str(day - datetime.timedelta(days=3))},
             {"title": "Paper & ink", "price": 7, "due": str(day - datetime.timedelta(days=30))},
             {"title": "Later", "price": 100, "due": str(day + datetime.timedelta(days=3))}]
    reply = server.post("/function/reminder", {"name": "Ada", "items": items})
    assert reply.status == 200, reply.text
    assert reply.json["total"] == 19.5
    assert [row["title"] for row in reply.json["due"]] == ["Paper & ink", "Engine"]
    assert reply.json["due"][1] == {"title": "Engine", "price": 12.5, "due": items[0]["due"], "days": 3}
    letter = reply.json["letter"]
    assert "Dear Ada," in letter and "- Engine: 12.50, due since 3 days" in letter and "In all: 19.50" in letter
    assert "2 of 3 are due" in [line["message"] for line in server.log_lines(call=reply.headers["x-call-id"])]


def test_what_is_no_date_names_its_error(server):
    reply = server.post("/function/reminder", {"name": "Ada", "items": [{"title": "x", "price": 1, "due": "soon"}]})
    assert reply.status == 500 and reply.json["error_type"] == "ArgumentError" and "lib/reminder.ex" in reply.json["stack"]
