"""examples/java-qrcode: a function with a dependency from Maven Central."""
import pathlib
import shutil
import sys

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
