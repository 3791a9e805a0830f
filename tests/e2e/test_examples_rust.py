"""examples/rust-jwt: a package with dependencies from crates.io, built by cargo."""
import base64
import hashlib
import hmac
import json
import pathlib
import re
import shutil
import subprocess
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402


def cargo():
    """The minor version of cargo, 0 when there is none."""
    told = subprocess.run(["cargo", "--version"], capture_output=True, text=True).stdout if shutil.which("cargo") else ""
    found = re.match(r"cargo 1\.(\d+)", told)
    return int(found[1]) if found else 0


if cargo() < 70:
    pytest.skip("cargo 1.70 or later is missing: older ones know crates.io by its Git repository only", allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/rust-jwt", folder / "jwt", ignore=shutil.ignore_patterns("target"))
    with Server(folder) as running:
        running.folder = folder / "jwt"
        yield running


def token(claims, secret=b"only an example", algorithm="HS256"):
    parts = [json.dumps({"alg": algorithm}).encode(), json.dumps(claims).encode()]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.new(secret, signed, hashlib.sha256).digest()
    return (signed + b"." + base64.urlsafe_b64encode(signature).rstrip(b"=")).decode()


def ask(server, text):
    return server.request("GET", "/function/jwt", b"", {"authorization": "Bearer " + text})


def test_a_token_is_checked(server):
    later = int(time.time()) + 600
    reply = ask(server, token({"sub": "ada", "exp": later, "role": "admin"}))
    assert reply.status == 200, reply.text
    assert reply.json == {"user": "ada", "until": later, "claims": {"role": "admin"}}
    for refused, why in [(token({"sub": "ada", "exp": later}, b"another secret"), "the signature is wrong"), (token({"sub": "ada", "exp": 1}), "the token has expired"),
                         (token({"sub": "ada", "exp": later}, algorithm="none"), "only HS256 is taken"), ("nothing", "a token has three parts")]:
        reply = ask(server, refused)
        assert (reply.status, reply.json) == (401, {"error": why})


def test_an_edit_compiles_the_function_alone_and_nothing_is_left_in_its_folder(server):
    source = server.folder / "src/lib.rs"
    source.write_text(source.read_text().replace("the signature is wrong", "the signature is not ours"))
    server.post("/api/functions/reload", {})
    begun = time.monotonic()
    later = int(time.time()) + 600
    while ask(server, token({"sub": "ada", "exp": later}, b"another secret")).json != {"error": "the signature is not ours"}:
        assert time.monotonic() - begun < 120
        time.sleep(0.2)
    assert sorted(p.name for p in server.folder.iterdir()) == ["Cargo.lock", "Cargo.toml", "src", "trivet.yaml"]
