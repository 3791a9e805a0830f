"""examples/erlang-jwt: a function of two modules with jose."""
import glob
import os
import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

LIBRARIES = ["/usr/lib/erlang/lib", *os.environ.get("ERL_LIBS", "").split(":")]
if not shutil.which("erl"):
    pytest.skip("toolchain missing: erl (apt-get install erlang-base)", allow_module_level=True)
if not any(glob.glob(f"{place}/jose*/ebin/jose.app") for place in LIBRARIES if place):
    pytest.skip("dependency missing: jose (apt-get install erlang-jose)", allow_module_level=True)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/erlang-jwt", folder / "tokens")
    with Server(folder) as running:
        yield running


def login(server, body):
    return server.request("POST", "/function/tokens/login", body, {"content-type": "application/json"})


def me(server, token=None):
    return server.request("GET", "/function/tokens/me", b"", {"authorization": "Bearer " + token} if token else {})


def test_a_token_says_who_it_is(server):
    reply = login(server, b'{"user": "Gr\xc3\xbc\xc3\x9fe"}')
    assert reply.status == 200, reply.text
    token = reply.json["token"]
    assert token.count(".") == 2
    claims = me(server, token)
    assert claims.status == 200 and claims.json["sub"] == "Grüße" and claims.json["exp"] - claims.json["iat"] == 3600


def test_what_is_no_token_is_refused(server):
    token = login(server, b'{"user": "ada"}').json["token"]
    head, claims, signature = token.split(".")
    changed = ".".join([head, claims, signature[:-4] + ("AAAA" if signature[-4:] != "AAAA" else "BBBB")])
    for wrong, why in ((changed, "the signature is wrong"), ("nonsense", "this is no token")):
        reply = me(server, wrong)
        assert reply.status == 401 and reply.json["error"] == why
        assert [line["message"] for line in server.log_lines(call=reply.headers["x-call-id"])] == ["refused: " + why]
    assert me(server).headers["www-authenticate"] == "Bearer"
    assert login(server, b"{}").status == 422
