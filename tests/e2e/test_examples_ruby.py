"""The examples in Ruby. They need Debian's ruby-bundler, ruby-rack and ruby-kramdown."""
import http.client
import pathlib
import shutil
import subprocess
import sys
import time
import urllib.parse

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

NEEDED = ["ruby", "-e", "require 'bundler'; require 'rack'; require 'kramdown'"]
if not shutil.which("ruby") or subprocess.run(NEEDED, capture_output=True, timeout=60).returncode:
    pytest.skip("ruby, ruby-bundler, ruby-rack or ruby-kramdown is missing", allow_module_level=True)

APP = '''
App = lambda do |env|
  case env["PATH_INFO"]
  when "/env" then [200, { "x-list" => "a\\nb" }, [env.slice("REQUEST_METHOD", "QUERY_STRING", "HTTP_X_TWO", "CONTENT_TYPE", "SERVER_PORT").to_json]]
  when "/input" then [201, { "Content-Type" => "application/octet-stream", "Content-Length" => "3" }, [env["rack.input"].read]]
  when "/called" then [200, {}, ->(stream) { 3.times { |n| stream << "part #{n}\\n" } ; stream.close }]
  when "/breaks" then [200, {}, Enumerator.new { |out| out << "first\\n"; raise "torn" }]
  when "/call" then [200, {}, [env["trivet.context"].sdk.call("other", { "n" => 4 }).to_s]]
  else raise "boom"
  end
end
'''


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/ruby-pages", functions / "pages")
    (functions / "plain").mkdir()
    (functions / "plain/app.rb").write_text(APP)
    (functions / "plain/trivet.yaml").write_text("runtime: ruby\nentrypoint: app.rb\ninterface: rack\n")
    (functions / "other.rb").write_text("def handler(input) = input['n'] * 2\n")
    with Server(functions) as running:
        yield running


def test_a_page_is_made_of_markdown(server):
    reply = server.request("POST", "/function/pages/", "# Grüße & more\n\n* one\n".encode(), {"content-type": "text/markdown"})
    assert reply.status == 200, reply.text
    assert reply.headers["content-type"] == "text/html; charset=utf-8" and reply.headers["etag"]
    assert "<title>Grüße &amp; more</title>" in reply.text and "<li>one</li>" in reply.text
    again = server.request("GET", "/function/pages/contents?text=" + urllib.parse.quote("# One\n\ntext\n\n## Two\n"))
    assert again.text == "One\nTwo\n"


def test_what_cannot_be_done_is_said(server):
    assert server.request("POST", "/function/pages/", b" ").status == 422
    missing = server.request("GET", "/function/pages/nowhere")
    assert missing.status == 404 and missing.text == "there is no /nowhere\n"


def test_a_rack_environment_has_what_was_asked(server):
    reply = server.request("PUT", "/function/plain/env?a=1&b", b"{}", {"x-two": "2", "content-type": "text/x", "host": "example.com:81"})
    assert reply.json == {"REQUEST_METHOD": "PUT", "QUERY_STRING": "a=1&b", "HTTP_X_TWO": "2", "CONTENT_TYPE": "text/x", "SERVER_PORT": "81"}
    assert reply.headers.get_all("x-list") == ["a", "b"]


def test_bodies_pass_as_they_are(server):
    body = bytes(range(256)) * 5000
    reply = server.request("POST", "/function/plain/input", body)
    assert reply.status == 201 and reply.body == body
    assert server.request("GET", "/function/plain/called").text == "part 0\npart 1\npart 2\n"


def test_an_application_calls_other_functions_and_fails_by_itself(server):
    assert server.request("GET", "/function/plain/call").text == "8"
    assert server.request("GET", "/function/plain/other").json["detail"] == "boom"
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        server.request("GET", "/function/plain/breaks")
    assert server.request("GET", "/function/plain/call").text == "8"


def test_a_gem_that_is_not_installed_is_named(tmp_path):
    (tmp_path / "needs.rb").write_text("require 'no_gem_of_this_name'\ndef handler(input) = input\n")
    with Server(tmp_path) as server:
        for _ in range(2):
            reply = server.post("/function/needs", {})
            assert reply.status == 503 and "cannot load such file -- no_gem_of_this_name" in reply.text
