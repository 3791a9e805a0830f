"""examples/lua-jwt: tokens are checked with luaossl."""
import base64
import hashlib
import hmac
import json
import shutil
import subprocess
import time

import pytest
import yaml

from server import ROOT, Server

LUA = shutil.which("lua5.4")


def has(module):
    return LUA and subprocess.run([LUA, "-e", f"require '{module}'"], capture_output=True, timeout=20).returncode == 0


missing = [package for package, module in (("lua-luv", "luv"), ("lua-luaossl", "openssl.hmac")) if not has(module)]
missing += [] if shutil.which("openssl") else ["openssl"]
pytestmark = pytest.mark.skipif(bool(missing), reason="toolchain missing: " + " ".join(missing))
SECRET = "not a good one"


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def token(claims, algorithm="HS256", sign=lambda text: hmac.digest(SECRET.encode(), text, hashlib.sha256)):
    text = base64url(json.dumps({"alg": algorithm, "typ": "JWT"}).encode()) + b"." + base64url(json.dumps(claims).encode())
    return (text + b"." + base64url(sign(text))).decode()


@pytest.fixture(scope="module")
def key(tmp_path_factory):
    path = tmp_path_factory.mktemp("keys") / "key.pem"
    subprocess.run(["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", path], check=True, capture_output=True, timeout=60)
    return path


@pytest.fixture(scope="module")
def ask(key, tmp_path_factory):
    public = subprocess.run(["openssl", "pkey", "-in", key, "-pubout"], check=True, capture_output=True, text=True, timeout=20).stdout
    folder = tmp_path_factory.mktemp("functions") / "lua-jwt"
    shutil.copytree(ROOT / "examples/lua-jwt", folder)
    manifest = yaml.safe_load((folder / "trivet.yaml").read_text())
    (folder / "trivet.yaml").write_text(yaml.safe_dump({**manifest, "env": {"JWT_SECRET": SECRET, "JWT_PUBLIC_KEY": public}}))
    with Server(folder.parent) as server:
        yield lambda bearer: server.request("GET", "/function/lua-jwt", headers={"authorization": "Bearer " + bearer} if bearer else {})


def test_a_token_with_the_secret_is_accepted(ask):
    reply = ask(token({"sub": "ada", "exp": time.time() + 60, "roles": [], "big": 9007199254740993}))
    assert reply.status == 200
    assert reply.json["subject"] == "ada" and reply.json["claims"]["roles"] == [] and reply.json["claims"]["big"] == 9007199254740993


def test_a_token_of_a_private_key_is_accepted(ask, key):
    def sign(text):
        return subprocess.run(["openssl", "dgst", "-sha256", "-sign", key], input=text, capture_output=True, check=True, timeout=20).stdout

    good = token({"sub": "ada"}, "RS256", sign)
    assert ask(good).json["subject"] == "ada"
    assert ask(good[:-4] + "AAAA").json == {"error": "its signature is wrong"}


@pytest.mark.parametrize("bearer,why", [
    ("", "send a bearer token"),
    ("a.b", "this is no token"),
    (lambda: token({"sub": "ada"}, "none", lambda text: b""), "its algorithm is not accepted"),
    (lambda: token({"sub": "eve"}, sign=lambda text: b"x" * 32), "its signature is wrong"),
    (lambda: token({"sub": "ada", "exp": time.time() - 1}), "it has expired"),
    (lambda: token({"sub": "ada", "nbf": time.time() + 60}), "it is not valid yet"),
])
def test_others_are_refused(ask, bearer, why):
    reply = ask(bearer if isinstance(bearer, str) else bearer())
    assert reply.status == 401 and reply.json == {"error": why} and reply.headers["www-authenticate"].startswith("Bearer")
