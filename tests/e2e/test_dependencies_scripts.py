"""Functions in PHP, Ruby, Perl, Lua and Rust with packages, installed by the package manager of each into the artifact. All of it without a network."""
import functools
import gzip
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import threading
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from test_builds import TRIVET, answer, artifacts, has_no_network, need, run, steps, tree, write  # noqa: E402
from test_cli import trivet  # noqa: E402

STDIO = {
    "php": "<?php require __DIR__ . '/vendor/autoload.php';\n$request = json_decode(file_get_contents('php://stdin'));\n"
           "echo json_encode(['success' => true, 'output' => Loud\\Shouting::shout($request->input->name)]), \"\\n\";\n",
    "ruby": "require 'bundler/setup'\nrequire 'json'\nrequire 'shouting'\nputs JSON.generate(success: true, output: shout(JSON.parse($stdin.read)['input']['name']))\n",
    "perl": "use JSON::PP;\nuse Shouting;\nmy $request = decode_json(do { local $/; <STDIN> });\n"
            "print encode_json({success => JSON::PP::true, output => Shouting::shout($request->{input}{name})}), \"\\n\";\n",
    "lua": "local name = io.read('a'):match('\"name\":%s*\"(%w+)\"')\n"
           "print('{\"success\": true, \"output\": \"' .. require('shouting').shout(name) .. '\"}')\n",
}


def bytes_of_zip(files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        for name, text in files.items():
            packed.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), text)
    return out.getvalue()


def composer_package(mark):
    return {"composer.json": json.dumps({"name": "loud/shouting", "version": "1.0.0", "autoload": {"psr-4": {"Loud\\": "src/"}}}),
            "src/Shouting.php": "<?php\nnamespace Loud;\nclass Shouting { static function shout($text) { return strtoupper($text) . '%s'; } }\n" % mark}


def php(folder, mark="!", package="loud/shouting"):
    write(folder, "index.php", "<?php\nreturn fn ($input) => Own\\Polite::say(Loud\\Shouting::shout($input->name));\n")
    write(folder, "src/Polite.php", "<?php\nnamespace Own;\nclass Polite { static function say($text) { return $text; } }\n")
    write(folder, "composer.json", json.dumps({"repositories": [{"packagist.org": False}, {"type": "path", "url": "packages/*"}],
                                               "require": {package: "^1.0"}, "autoload": {"psr-4": {"Own\\": "src/"}}}))
    for name, text in composer_package(mark).items():
        write(folder, "packages/shouting/" + name, text)


@functools.lru_cache
def gem(mark):
    """The bytes of a gem."""
    spec = 'Gem::Specification.new { |s| s.name, s.version, s.summary, s.authors, s.files = "shouting", "1.0", "loud", ["us"], ["lib/shouting.rb"] }\n'
    with tempfile.TemporaryDirectory() as place:
        write(pathlib.Path(place), "lib/shouting.rb", "def shout(text) = text.upcase + '%s'\n" % mark)
        write(pathlib.Path(place), "shouting.gemspec", spec)
        env = {**os.environ, "SOURCE_DATE_EPOCH": "1600000000"}
        subprocess.run(["gem", "build", "-q", "shouting.gemspec"], cwd=place, check=True, capture_output=True, timeout=60, env=env)
        return (pathlib.Path(place) / "shouting-1.0.gem").read_bytes()


def ruby(folder, mark="!", package="shouting"):
    write(folder, "main.rb", "require 'shouting'\ndef handler(input) = shout(input['name'])\n")
    write(folder, "Gemfile", f'source "https://rubygems.org"\ngem "{package}", "~> 1.0"\n')
    (folder / "vendor/cache").mkdir(parents=True, exist_ok=True)
    (folder / "vendor/cache/shouting-1.0.gem").write_bytes(gem(mark))


def perl(folder, mark="!", package="Shouting"):
    write(folder, "main.pl", "use v5.36;\nuse Shouting;\nsub handler ($input, $ctx) { return Shouting::shout($input->{name}) }\n")
    write(folder, "cpanfile", f"requires '{package}', '1.0';\n")
    mirror, path = folder / "vendor/cache", "U/US/US/Shouting-1.0.tar.gz"
    for place in (mirror / "modules", (mirror / "authors/id" / path).parent):
        place.mkdir(parents=True, exist_ok=True)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        for name, text in {"Makefile.PL": "use ExtUtils::MakeMaker;\nWriteMakefile(NAME => 'Shouting', VERSION => '1.0');\n",
                           "lib/Shouting.pm": "package Shouting;\nour $VERSION = '1.0';\nsub shout { return uc($_[0]) . '%s' }\n1;\n" % mark}.items():
            entry = tarfile.TarInfo("Shouting-1.0/" + name)
            entry.size, entry.mtime = len(text), 1600000000
            tar.addfile(entry, io.BytesIO(text.encode()))
    (mirror / "authors/id" / path).write_bytes(gzip.compress(packed.getvalue(), mtime=0))
    (mirror / "modules/02packages.details.txt.gz").write_bytes(gzip.compress(f"File: 02packages.details.txt\n\nShouting 1.0 {path}\n".encode(), mtime=0))


def lua(folder, mark="!", package="shouting"):
    write(folder, "main.lua", "local shouting = require('shouting')\nreturn function(input) return shouting.shout(input.name) end\n")
    write(folder, "rockspec", f'package = "f"\nversion = "dev-1"\nsource = {{url = ""}}\ndependencies = {{"lua >= 5.1", "{package} ~> 1"}}\nbuild = {{type = "none"}}\n')
    (folder / "rocks").mkdir(exist_ok=True)
    source = bytes_of_zip({"shouting-1.0/shouting.lua": "return {shout = function(text) return text:upper() .. '%s' end}\n" % mark})
    spec = 'package = "shouting"\nversion = "1.0-1"\nsource = {url = "shouting-1.0.zip"}\nbuild = {type = "builtin", modules = {shouting = "shouting.lua"}}\n'
    (folder / "rocks/shouting-1.0-1.src.rock").write_bytes(bytes_of_zip({"shouting-1.0-1.rockspec": spec, "shouting-1.0.zip": source}))


def rust(folder, mark="!", package="shouting"):
    write(folder, "src/lib.rs", "trivet::record! { pub struct Input { name: String } }\n\npub fn handler(input: Input) -> String {\n    shouting::shout(&input.name)\n}\n")
    write(folder, "Cargo.toml", f'[package]\nname = "f"\nversion = "0.1.0"\nedition = "2021"\n\n[dependencies]\n{package} = "1"\n')
    write(folder, "trivet.yaml", "runtime: rust\nentrypoint: src/lib.rs\n")
    write(folder, ".cargo/config.toml", '[source.crates-io]\nreplace-with = "vendored"\n\n[source.vendored]\ndirectory = "vendor"\n')
    write(folder, "vendor/shouting/Cargo.toml", '[package]\nname = "shouting"\nversion = "1.0.0"\nedition = "2021"\n')
    write(folder, "vendor/shouting/.cargo-checksum.json", '{"files": {}}')
    write(folder, "vendor/shouting/src/lib.rs", "pub fn shout(text: &str) -> String { text.to_uppercase() + \"%s\" }\n" % mark)


LOCK_OF_CARGO = 'version = 3\n\n[[package]]\nname = "f"\nversion = "0.1.0"\n'
# What fills a function's folder; the programs that it takes; a lock file that the manifest does not go with; steps of a change of the source; and the source.
SHAPES = {
    "php": (php, ["composer", "unzip"], {"composer.lock": '{"packages": [], "packages-dev": [], "content-hash": "x"}'}, ["source"], "index.php"),
    "ruby": (ruby, ["gem", "bundle"], {"Gemfile.lock": "GEM\n  remote: https://rubygems.org/\n  specs:\n\nPLATFORMS\n  ruby\n\nDEPENDENCIES\n\nBUNDLED WITH\n   2.3.15\n"}, [], "main.rb"),
    "perl": (perl, ["cpanm", "make"], {"cpanfile.snapshot": "# carton snapshot format: version 1.0\nDISTRIBUTIONS\n"}, [], "main.pl"),
    "lua": (lua, ["luarocks"], {"luarocks.lock": 'return {dependencies = {shouting = "1.7-1"}}\n'}, [], "main.lua"),
    "rust": (rust, ["cargo"], {"Cargo.lock": LOCK_OF_CARGO}, ["compile"], "src/lib.rs"),
}
INSTALLED = ["php", "ruby", "perl", "lua"]  # by a step of their own
shapes = pytest.mark.parametrize("shape", SHAPES)
installed = pytest.mark.parametrize("shape", INSTALLED)


def make(folder, shape, *args, **options):
    need(shape)
    fill, programs, _, _, _ = SHAPES[shape]
    missing = [program for program in programs if not shutil.which(program)]
    if missing:
        pytest.skip("toolchain missing: " + " ".join(missing))
    folder.mkdir(parents=True, exist_ok=True)
    fill(folder, *args, **options)
    return folder


def alone():
    """A command's prefix: what follows sees no network."""
    return ["unshare", "-rn"] if has_no_network() else []


def refused(folder, data):
    done = run(folder, data, *alone())
    assert done.returncode != 0, done.stdout
    assert artifacts(data) == [], "nothing half-made is left"
    return done.stderr


@shapes
def test_a_function_has_its_packages_and_its_folder_is_only_read(tmp_path, shape):
    folder = make(tmp_path / "f", shape)
    before = tree(folder)
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"
    assert tree(folder) == before


@shapes
def test_an_edit_installs_nothing_and_a_second_function_gets_the_same(tmp_path, shape):
    folder, (_, _, _, of_an_edit, source) = make(tmp_path / "f", shape), SHAPES[shape]
    assert steps(folder, tmp_path / "data", *alone()) == (of_an_edit if shape == "rust" else ["dependencies", *of_an_edit])
    write(folder, source, (folder / source).read_text() + "\n")
    assert steps(folder, tmp_path / "data", *alone()) == of_an_edit
    other = make(tmp_path / "g", shape)
    write(other, "unheard.txt", "of")
    write(other, source, (other / source).read_text() + "\n\n")
    assert steps(other, tmp_path / "data", *alone()) == of_an_edit
    assert answer(other, tmp_path / "data", *alone()) == "ADA!"


@installed
def test_a_changed_package_is_installed(tmp_path, shape):
    folder = make(tmp_path / "f", shape)
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"
    make(folder, shape, "?")
    assert answer(folder, tmp_path / "data", *alone()) == "ADA?"


@installed
def test_the_same_packages_make_the_same_artifact(tmp_path, shape):
    folder, trees = make(tmp_path / "f", shape), []
    for data in ("one", "two"):
        answer(folder, tmp_path / data, *alone())
        trees.append({path.name: tree(path / "files") for path in artifacts(tmp_path / data)})
    assert trees[0] == trees[1]


@installed
def test_nothing_is_kept_outside_of_the_data_folder(tmp_path, shape):
    folder = make(tmp_path / "f", shape)
    (tmp_path / "home").mkdir()
    done = run(folder, tmp_path / "data", *alone(), env={**os.environ, "HOME": str(tmp_path / "home")})
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "home") == {}
    assert trivet("cache", "prune", "--all", "--data", str(tmp_path / "data")).returncode == 0
    assert not (tmp_path / "data/packages").exists() and artifacts(tmp_path / "data") == []


@pytest.mark.parametrize("shape,vendored", [("ruby", "vendor"), ("perl", "vendor"), ("lua", "rocks")])
def test_what_was_installed_once_is_there_without_a_network(tmp_path, shape, vendored):
    if not alone():
        pytest.skip("no namespace without a network can be made here")
    first, second = make(tmp_path / "f", shape), make(tmp_path / "g", shape)
    answer(first, tmp_path / "data", *alone())
    shutil.rmtree(second / vendored)  # so it is another input
    assert answer(second, tmp_path / "data", *alone()) == "ADA!"


def test_what_composer_has_fetched_once_is_there_without_its_server(tmp_path):
    packed = bytes_of_zip(composer_package("!"))

    class Files(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("content-length", str(len(packed)))
            self.end_headers()
            self.wfile.write(packed)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/shouting.zip"
    package = {"name": "loud/shouting", "version": "1.0.0", "dist": {"type": "zip", "url": url, "reference": "1"}, "autoload": {"psr-4": {"Loud\\": "src/"}}}
    for name in ("f", "g", "h"):
        folder = make(tmp_path / name, "php")
        write(folder, "composer.json", json.dumps({"description": name, "config": {"secure-http": False}, "require": {"loud/shouting": "^1.0"}, "autoload": {"psr-4": {"Own\\": "src/"}},
                                                   "repositories": [{"packagist.org": False}, {"type": "package", "package": package}]}))
    assert answer(tmp_path / "f", tmp_path / "data") == "ADA!"
    server.shutdown()
    server.server_close()
    assert answer(tmp_path / "g", tmp_path / "data") == "ADA!", "it comes from the cache"
    assert url in refused(tmp_path / "h", tmp_path / "other")


@shapes
def test_a_package_that_is_nowhere_is_named_by_the_manager(tmp_path, shape):
    folder = make(tmp_path / "f", shape, package="loud/whispering" if shape == "php" else "whispering")
    if shape == "rust":
        write(folder, "src/lib.rs", "pub fn handler(n: u32) -> u32 { n }\n")
    said = refused(folder, tmp_path / "data")
    assert f'"{"compile" if shape == "rust" else "dependencies"}" of f ended with exit code' in said and "whispering" in said, said


@shapes
def test_a_lock_file_that_does_not_go_with_the_manifest_is_refused(tmp_path, shape):
    folder = make(tmp_path / "f", shape)
    for name, text in SHAPES[shape][2].items():
        write(folder, name, text)
    said = refused(folder, tmp_path / "data")
    assert {"php": "not present in the lock file", "ruby": "You have added to the Gemfile", "perl": "on mirror index", "lua": "1.7-1",
            "rust": "--locked was passed"}[shape] in said, said


@pytest.mark.parametrize("shape", STDIO)
def test_a_program_of_one_call_has_its_packages(tmp_path, shape):
    folder = make(tmp_path / "f", shape)
    write(folder, SHAPES[shape][4], STDIO[shape])
    write(folder, "trivet.yaml", f"runtime: {shape}\ninterface: stdio\nentrypoint: {SHAPES[shape][4]}\n")
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"


OWN = {
    "php": ("vendor/autoload.php", "<?php\neval('namespace Loud { class Shouting { static function shout($t) { return \"$t, our own\"; } } }');\nrequire __DIR__ . '/../src/Polite.php';\n"),
    "perl": ("local/lib/perl5/Shouting.pm", "package Shouting;\nsub shout { return \"$_[0], our own\" }\n1;\n"),
    "lua": ("lua_modules/share/lua/5.4/shouting.lua", "return {shout = function(text) return text .. ', our own' end}\n"),
}


@pytest.mark.parametrize("shape", OWN)
def test_packages_that_the_folder_has_are_used_as_they_are(tmp_path, shape):
    folder = make(tmp_path / "f", shape)
    write(folder, *OWN[shape])
    assert answer(folder, tmp_path / "data") == "ada, our own"
    assert not (tmp_path / "data/artifacts").exists()


@pytest.mark.parametrize("shape,package", [("php", "composer"), ("perl", "cpanminus"), ("lua", "luarocks")])
def test_a_missing_manager_is_named_with_its_debian_package(tmp_path, shape, package):
    folder, program = make(tmp_path / "f", shape), SHAPES[shape][1][0]
    programs = folder / ".git/bin"  # what a build sees, and what is no source
    programs.mkdir(parents=True)
    for place in ("/usr/bin", "/bin"):
        for each in os.listdir(place):
            if not each.startswith(program) and not os.path.lexists(programs / each):
                os.symlink(os.path.join(place, each), programs / each)
    done = run(folder, tmp_path / "data", env={**os.environ, "PATH": str(programs)})
    assert done.returncode != 0 and f"needs {program}" in done.stderr and f"apt-get install {package}" in done.stderr, done.stderr


# ---------------------------------------------------------------- of one language


def test_a_gem_is_found_without_a_network_or_bundler_at_the_start(tmp_path):
    folder = make(tmp_path / "f", "ruby")
    write(folder, "main.rb", "require 'shouting'\ndef handler(input) = [$LOADED_FEATURES.grep(/bundler/).size, Gem::Specification.find_by_name('shouting').version.to_s]\n")
    assert answer(folder, tmp_path / "data", *alone()) == [0, "1.0"]


def test_gems_that_the_machine_has_are_used_where_they_are(tmp_path):
    if subprocess.run(["ruby", "-e", "gem 'kramdown'"], capture_output=True).returncode != 0:
        pytest.skip("toolchain missing: ruby-kramdown")
    folder = make(tmp_path / "f", "ruby")
    shutil.rmtree(folder / "vendor")
    write(folder, "Gemfile", 'source "https://rubygems.org"\ngem "kramdown"\n')
    write(folder, "main.rb", "require 'kramdown'\ndef handler(input) = Kramdown::Document.new('*' + input['name'] + '*').to_html\n")
    assert answer(folder, tmp_path / "data", *alone()) == "<p><em>ada</em></p>\n"
    assert sorted(path.name for path in folder.iterdir()) == ["Gemfile", "main.rb"], "no lock file is written"


def test_a_snapshot_of_carton_says_what_is_installed(tmp_path):
    folder = make(tmp_path / "f", "perl")
    write(folder, "cpanfile.snapshot", "# carton snapshot format: version 1.0\nDISTRIBUTIONS\n  Shouting-1.0\n    pathname: U/US/US/Shouting-1.0.tar.gz\n    provides:\n      Shouting 1.0\n"
                                       "    requirements:\n      ExtUtils::MakeMaker 0\n")
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"


@pytest.mark.parametrize("spec", ["rockspec", "f-dev-1.rockspec"])
def test_a_lock_of_luarocks_says_what_is_installed(tmp_path, spec):
    folder = make(tmp_path / "f", "lua")
    (folder / "rockspec").rename(folder / spec)
    write(folder, "luarocks.lock", 'return {dependencies = {shouting = "1.0-1"}}\n')
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"


def test_a_rockspec_has_the_name_that_luarocks_gives_it(tmp_path):
    folder = make(tmp_path / "f", "lua")
    (folder / "rockspec").rename(folder / "f-dev-1.rockspec")
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"


def test_rocks_are_those_of_the_interpreter(tmp_path):
    need("luajit")
    folder = make(tmp_path / "f", "lua")
    write(folder, "trivet.yaml", "runtime: luajit\nentrypoint: main.lua\n")
    assert answer(folder, tmp_path / "data", *alone()) == "ADA!"
    assert list((tmp_path / "data/artifacts").glob("*/files/lua_modules/share/lua/5.1/shouting.lua"))


def test_classes_that_composer_looks_for_are_found(tmp_path):
    folder = make(tmp_path / "f", "php")
    about = json.loads((folder / "composer.json").read_text())
    about["autoload"] = {"classmap": ["classes/"], "files": ["functions.php"]}
    write(folder, "composer.json", json.dumps(about))
    write(folder, "classes/anything.php", "<?php\nclass Odd { static function twice($text) { return $text . $text; } }\n")
    write(folder, "functions.php", "<?php\nfunction quietly($text) { return strtolower($text); }\n")
    write(folder, "index.php", "<?php\nreturn fn ($input) => quietly(Odd::twice(Loud\\Shouting::shout($input->name)));\n")
    assert answer(folder, tmp_path / "data", *alone()) == "ada!ada!"
    write(folder, "classes/anything.php", "<?php\nclass Odd { static function twice($text) { return $text . New_One::X; } }\nclass New_One { const X = '+'; }\n")
    assert steps(folder, tmp_path / "data", *alone()) == ["source"]
    assert answer(folder, tmp_path / "data", *alone()) == "ada!+"


def test_two_packages_of_one_name_are_two_functions(tmp_path):
    """Cargo builds them in one place and goes by times, and the second may be older than what the first has made."""
    for name, mark in (("f", "!"), ("g", "?")):
        make(tmp_path / name, "rust")
        source = tmp_path / name / "src/lib.rs"
        source.write_text(source.read_text().replace("(&input.name)", f"(&input.name) + \"{mark}\""))
        for path in (tmp_path / name).rglob("*"):
            os.utime(path, (1600000000, 1600000000))
    assert answer(tmp_path / "f", tmp_path / "data", *alone()) == "ADA!!"
    assert answer(tmp_path / "g", tmp_path / "data", *alone()) == "ADA!?"


def test_crates_are_compiled_once_for_all_functions(tmp_path):
    for name in ("f", "g"):
        make(tmp_path / name, "rust")
    write(tmp_path / "g", "src/lib.rs", (tmp_path / "g/src/lib.rs").read_text() + "// another\n")
    said = [subprocess.run([TRIVET, "build", str(tmp_path / name), "--data", str(tmp_path / "data")], capture_output=True, text=True, timeout=300).stderr for name in ("f", "g")]
    assert "Compiling shouting" in said[0] and "Compiling f " in said[0], said[0]
    assert "Compiling f " in said[1] and "Compiling shouting" not in said[1] and "Compiling trivet" not in said[1], said[1]


@pytest.mark.parametrize("shape", ["rust", "cpp"])
def test_what_compilers_share_is_pruned(tmp_path, shape):
    need(shape)
    source = {"rust": ("main.rs", "pub fn handler(n: u32) -> u32 { n }\n"), "cpp": ("main.cpp", "#include <trivet.hpp>\nint handler(int n, trivet::Context&) { return n; }\n")}[shape]
    write(tmp_path / "f", *source)
    done = subprocess.run([TRIVET, "run", str(tmp_path / "f"), "--data", str(tmp_path / "data"), "-d", "7"], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300)
    assert done.stdout.strip() == "7", done.stderr
    assert [path.name for path in (tmp_path / "data/packages").iterdir()] == [shape] and len(artifacts(tmp_path / "data")) == 1
    assert trivet("cache", "prune", "--all", "--data", str(tmp_path / "data")).returncode == 0
    assert not (tmp_path / "data/packages").exists() and artifacts(tmp_path / "data") == []


def test_a_package_of_swift_has_its_packages(tmp_path):
    need("swift")
    folder, about = tmp_path / "f", "// swift-tools-version:5.5\nimport PackageDescription\n\nlet package = Package(\n"
    write(folder, "Package.swift", about + '  name: "f",\n  dependencies: [.package(path: "lib")],\n  targets: [.target(name: "f", dependencies: [.product(name: "Shouting", package: "lib")])]\n)\n')
    write(folder, "lib/Package.swift", about + '  name: "lib", products: [.library(name: "Shouting", targets: ["Shouting"])], targets: [.target(name: "Shouting")]\n)\n')
    write(folder, "lib/Sources/Shouting/Shouting.swift", 'public func shout(_ text: String) -> String { text.uppercased() + "!" }\n')
    source = "import Shouting\nimport Trivet\n\nstruct Input: Decodable { var name: String }\n\nfunc handler(input: Input) -> String { shout(input.name) }\n"
    write(folder, "Sources/f/handler.swift", source)
    write(folder, "trivet.yaml", "runtime: swift\nentrypoint: Sources/f/handler.swift\n")
    before = tree(folder)
    assert answer(folder, tmp_path / "data") == "ADA!"
    assert tree(folder) == before
    write(folder, "Sources/f/handler.swift", source.replace("shout(input.name)", 'shout(input.name) + "?"'))
    assert answer(folder, tmp_path / "data") == "ADA!?"
    write(folder, "Sources/f/handler.swift", source.replace("shout(", "whisper("))
    assert "whisper" in run(folder, tmp_path / "data").stderr
