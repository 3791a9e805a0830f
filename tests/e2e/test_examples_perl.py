"""The example in Perl. It needs Debian's libtext-csv-perl and libtemplate-perl."""
import pathlib
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from server import ROOT, Server  # noqa: E402

if not shutil.which("perl") or subprocess.run(["perl", "-MText::CSV", "-MTemplate", "-e", "1"], capture_output=True, timeout=60).returncode:
    pytest.skip("perl, libtext-csv-perl or libtemplate-perl is missing", allow_module_level=True)

SALES = 'Item,Count,Price\n"Käse, <alt>",2,4.5\nBrot,1,3\n"Käse, <alt>",1,4.5\n'.encode()
MODULINO = """use v5.36;
sub answer { return {success => \\1, output => [@_]} }
main() unless caller;
sub main {
    require JSON::PP;
    my $request = JSON::PP->new->utf8->decode(do { local $/; <STDIN> });
    print JSON::PP->new->utf8->encode(answer($request->{input}, __FILE__, <DATA>));
}
__END__
told
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    functions = tmp_path_factory.mktemp("functions")
    shutil.copytree(ROOT / "examples/perl-report", functions / "report")
    (functions / "modulino").mkdir()
    (functions / "modulino/main.pl").write_text(MODULINO)
    (functions / "modulino/trivet.yaml").write_text("runtime: perl\ninterface: stdio\n")
    with Server(functions) as running:
        yield running


def test_sales_are_added_up(server):
    reply = server.request("POST", "/function/report/?format=json", SALES, {"content-type": "text/csv"})
    assert reply.status == 200, reply.text
    assert reply.json == {"items": [{"item": "Käse, <alt>", "count": 3, "total": "13.50"}, {"item": "Brot", "count": 1, "total": "3.00"}]}


def test_a_page_is_made(server):
    reply = server.request("POST", "/function/report/", SALES, {"content-type": "text/csv"})
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert "<tr><td>Käse, &lt;alt&gt;</td><td>3</td><td>13.50</td></tr>" in reply.text
    assert reply.text == server.request("POST", "/function/report/", SALES).text


@pytest.mark.parametrize("body,why", [(b"a,b\n", 'no column "item"'), (b"item,count,price\nx,many,1\n", '"many" is not a number'), (b'item,count,price\n"x,1,2\n', "line 2")])
def test_what_is_no_table_of_sales_is_refused(server, body, why):
    reply = server.request("POST", "/function/report/", body)
    assert reply.status == 422 and why in reply.text


def test_a_program_is_the_main_program_of_its_interpreter(server):
    for _ in range(3):
        reply = server.post("/function/modulino", {"a": 1})
        assert reply.status == 200, reply.text
        assert reply.json == [{"a": 1}, "main.pl", "told\n"]
