"""What the web interfaces need of a whole server: who called, and time for work that outlasts its reply."""
import http.client
import json
import pathlib
import re
import sys
import time

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import Server  # noqa: E402
from test_cli import RUNTIMES  # noqa: E402

WHO = {
    "wsgi": ("python", "f.py", "import json\ndef app(environ, start_response):\n    start_response('200 OK', [])\n"
             "    return [json.dumps([environ.get('REMOTE_ADDR'), environ.get('REMOTE_PORT')]).encode()]\n"),
    "asgi": ("python", "f.py", "import json\nasync def app(scope, receive, send):\n    if scope['type'] != 'http':\n        raise ValueError\n"
             "    who = [scope['client'][0], str(scope['client'][1])] if scope['client'] else [None, None]\n"
             "    await send({'type': 'http.response.start', 'status': 200})\n    await send({'type': 'http.response.body', 'body': json.dumps(who).encode()})\n"),
    "rack": ("ruby", "f.rb", "require 'json'\nApp = ->(env) { [200, {}, [JSON.generate([env['REMOTE_ADDR'], env['REMOTE_PORT']])]] }\n"),
}


@pytest.mark.parametrize("interface", WHO)
def test_an_application_knows_who_called(tmp_path, interface):
    runtime, file, text = WHO[interface]
    if not RUNTIMES[runtime]["available"]:
        pytest.skip("toolchain missing: " + RUNTIMES[runtime]["reason"])
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / file).write_text(text)
    (tmp_path / "f/trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: {file}\ninterface: {interface}\n")
    with Server(tmp_path, "--listen", "127.0.0.1:0") as server:
        assert server.get("/function/f").json == [None, None]  # a Unix socket's other end has no address
        port = int(re.search(r"127\.0\.0\.1:(\d+)", server.stderr()).group(1))
        connection = http.client.HTTPConnection("127.0.0.1", port)
        connection.request("GET", "/function/f")
        assert json.loads(connection.getresponse().read()) == list(map(str, connection.sock.getsockname()))
        connection.close()


BEHIND = {
    "node": ("f.mjs", "fetch", """import { writeFileSync } from 'node:fs';
export default { fetch(request, env, ctx) {
  ctx.waitUntil(new Promise((done) => setTimeout(done, 3000)).then(() => writeFileSync(process.env.FILE, 'done')));
  return new Response('1');
} };
"""),
    "python": ("f.py", "asgi", """import asyncio, os
async def app(scope, receive, send):
    if scope['type'] != 'http':
        raise ValueError
    await send({'type': 'http.response.start', 'status': 200})
    await send({'type': 'http.response.body', 'body': b'1'})
    await asyncio.sleep(3)
    open(os.environ['FILE'], 'w').write('done')
"""),
}


def test_work_behind_a_reply_outlives_a_change_and_the_end(tmp_path):
    """It takes longer than a worker that says nothing may take to end."""
    runtimes = [name for name in BEHIND if RUNTIMES[name]["available"]]
    files, seen = [], tmp_path / "seen"
    seen.mkdir()
    for runtime in runtimes:
        for why in ("changed", "ended"):
            file, interface, text = BEHIND[runtime]
            folder = tmp_path / "functions" / f"{runtime}-{why}"
            folder.mkdir(parents=True)
            (folder / file).write_text(text)
            (folder / "trivet.yaml").write_text(f"runtime: {runtime}\nentrypoint: {file}\ninterface: {interface}\nenv: {{FILE: {seen / (runtime + why)}}}\nsandbox: {{write: [{seen}]}}\n")
            files.append(seen / (runtime + why))
    with Server(tmp_path / "functions") as server:
        for runtime in runtimes:
            assert server.get(f"/function/{runtime}-changed").text == "1"
            manifest = tmp_path / "functions" / f"{runtime}-changed" / "trivet.yaml"
            manifest.write_text(manifest.read_text() + "scale: {max: 3}\n")
        server.post("/api/functions/reload", {})
        for runtime in runtimes:
            assert server.get(f"/function/{runtime}-ended").text == "1"
        server.process.terminate()
        assert server.process.wait(25) == 0
    assert runtimes and [file.name for file in files if not file.exists()] == []
