"""PHP: examples/php-invoice with its packages from Composer, forks of zygotes, and programs that are forks."""
import json
import os
import pathlib
import re
import shutil
import time

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


FORK = """<?php
mt_rand();
return function () {
    $shown = preg_match('/TRIVET_WORKER=([^\\0]*)/', file_get_contents('/proc/self/environ'), $found) ? $found[1] : '';
    $held = array_filter(explode("\\n", shell_exec('readlink /proc/self/fd/*')), fn ($place) => str_starts_with($place, 'pipe') || str_contains($place, '.php'));
    return ['pid' => getmypid(), 'self' => (int) readlink('/proc/self'), 'parent' => posix_getppid(), 'space' => readlink('/proc/self/ns/pid'), 'random' => mt_rand(),
        'mark' => $shown === getenv('TRIVET_WORKER'), 'held' => count($held)];
};
"""


def test_forks_of_a_zygote_are_processes_of_their_own(tmp_path):
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "index.php").write_text(FORK)
    (tmp_path / "f" / "trivet.yaml").write_text("runtime: php\nentrypoint: index.php\npristine: true\n")
    with Server(tmp_path) as server:
        wait_for_zygotes(server, 1)
        server.post("/function/f", {})
        wait_for_zygotes(server, 2)
        seen = [server.post("/function/f", {}).json for _ in range(4)]
        zygote, = [row["pid"] for row in server.get("/v1/workers").json if row["kind"] == "zygote" and row["function"] == "f"]
        within = int(re.search(r"^NSpid:.*\t(\d+)$", pathlib.Path(f"/proc/{zygote}/status").read_text(), re.M)[1])  # its number in the sandbox
        space = os.readlink(f"/proc/{zygote}/ns/pid")
    assert [(each["space"], each["parent"]) for each in seen] == [(space, within)] * 4
    assert all(each["self"] == each["pid"] and each["mark"] for each in seen)
    assert len({each["random"] for each in seen}) == 4
    assert {each["held"] for each in seen} == {2}  # of a program that user code starts: its stdout and stderr


# What programs for one request may rely on, whether their process was started or forked.
PROGRAMS = {
    "globals": "$n = 5; function g() { global $n; return $n; } out([g(), array_keys($GLOBALS), $argv, $argc]);",
    "server": "out([$_SERVER['argv'], $_SERVER['SCRIPT_NAME'], $_SERVER['HELLO'], getenv('HELLO'), array_values(preg_grep('/TRIVET/', array_keys($_SERVER)))]);",
    "stdin": "$line = fgets(STDIN); out([strlen($line) > 10, fgets(STDIN), feof(STDIN)]);",
    "shutdown": "register_shutdown_function(fn () => out('bye')); class D { function __destruct() { fwrite(STDERR, 'gone'); } } $d = new D; exit(4);",
    "syntax": "$x = = ;",
    "fatal": "class A { function x() {} function x() {} }",
    "ini": "out([ini_get('display_errors'), ini_get('log_errors'), __FILE__, getcwd()]); echo $nothing;",
    "large": "out(str_repeat('x', 10000000));",
    "killed": "posix_kill(getmypid(), SIGTERM); sleep(5);",
}


def test_programs_behave_the_same_when_they_are_forks(tmp_path):
    out = "<?php\nfunction out($value) { echo json_encode(['success' => true, 'output' => $value]), \"\\n\"; }\n"
    for name, code in {**PROGRAMS, "shebang": "out('once');"}.items():
        place = tmp_path / "functions" / name
        place.mkdir(parents=True)
        (place / "main.php").write_text(("#!/usr/bin/env php\n" if name == "shebang" else "") + out + code)
        (place / "trivet.yaml").write_text("runtime: php\nentrypoint: main.php\ninterface: stdio\nenv: {HELLO: moin}\n")
    shutil.copytree(ROOT / "runtimes/php", tmp_path / "runtimes" / "php")
    manifest = tmp_path / "runtimes" / "php" / "runtime.yaml"
    manifest.write_text(manifest.read_text().replace("warm: true", "warm: false"))
    with Server(tmp_path / "functions") as warm, Server(tmp_path / "functions", "--runtimes", str(tmp_path / "runtimes")) as cold:
        wait_for_zygotes(warm, 1)
        for name in [*PROGRAMS, "shebang"]:
            replies = [server.post("/function/" + name, {}) for server in (warm, cold)]
            told = [(reply.status, re.sub(r'"(call_id|id|instance)":"[^"]*",?', "", reply.text)) for reply in replies]
            assert told[0] == told[1], name


def wait_for_zygotes(server, count):
    deadline = time.monotonic() + 20
    while len([row for row in server.get("/v1/workers").json if row["kind"] == "zygote" and row["state"] == "ready"]) < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)
