"""Packages of compiled languages: each brought by its language's own manager, in a step of its own, before what uses them is compiled."""
import functools
import hashlib
import http.server
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import zipfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from test_builds import UNREACHABLE, answer, artifacts, has_no_network, need, run, steps, tree, write  # noqa: E402
from test_cli import RUNTIMES  # noqa: E402

NOT_REACHED = (*UNREACHABLE, "Could not transfer", "Unknown host", "Temporary failure in name resolution")


def tool(name, *wanted):
    for program in wanted:
        if not shutil.which(program):
            pytest.skip("toolchain missing: %s (%s)" % (program, name))


class Forge(http.server.SimpleHTTPRequestHandler):
    """Serves repositories as files, which is enough for git."""
    place = url = None  # while the tests run

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module", autouse=True)
def forge(tmp_path_factory):
    Forge.place = tmp_path_factory.mktemp("git")
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Forge, directory=str(Forge.place)))
    Forge.url = "http://127.0.0.1:%d/" % server.server_port
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield
    server.shutdown()
    server.server_close()


def published(fill):
    """The address of a repository with what `fill` writes; the tag is v1."""
    tool("dependencies by git", "git")
    folder = pathlib.Path(tempfile.mkdtemp(dir=Forge.place))
    fill(folder)
    for words in (["init", "-q"], ["add", "-A"], ["-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qm", "1"], ["tag", "v1"], ["update-server-info"]):
        subprocess.run(["git", *words], cwd=folder, check=True, capture_output=True, timeout=60)
    return Forge.url + folder.name + "/.git"


# ------------------------------------------------------------------ Java and Kotlin: Maven

MAIN = "import loud.Shouting;\nimport java.util.Map;\n\npublic class Main {\n  public static Object handle(Map<String, String> input) { return Shouting.shout(input.get(\"name\")); }\n}\n"
KOTLIN = "import loud.Shouting\n\nfun handle(input: Map<String, String>) = Shouting.shout(input[\"name\"]!!)\n"
POM = "<project><modelVersion>4.0.0</modelVersion><groupId>%s</groupId><artifactId>%s</artifactId><version>1.0</version>%s</project>\n"
HERE = "<repositories><repository><id>here</id><url>file://${project.basedir}/repo</url></repository></repositories>"


def needs(*names, scope=""):
    rows = "".join("<dependency><groupId>loud</groupId><artifactId>%s</artifactId><version>1.0</version>%s</dependency>" % (name, scope) for name in names)
    return "<dependencies>%s</dependencies>" % rows


def jar(folder, name, text, mark="!"):
    """A package as a Maven repository in `folder`/repo has it; the class is compiled with those that are there."""
    tool("maven", "javac", "jar", "mvn")
    place, work = folder / "repo/loud" / name / "1.0", folder.parent / (folder.name + ".jar")
    write(work, "loud/%s.java" % name.capitalize(), text.replace("MARK", mark))
    others = ":".join(map(str, folder.glob("repo/loud/*/1.0/*.jar")))
    subprocess.run(["javac", "-d", "out", "-cp", others or ".", "loud/%s.java" % name.capitalize()], cwd=work, check=True, timeout=120)
    place.mkdir(parents=True, exist_ok=True)
    subprocess.run(["jar", "--create", "--file", str(place / (name + "-1.0.jar")), "-C", "out", "loud/%s.class" % name.capitalize()], cwd=work, check=True, timeout=120)
    (place / (name + "-1.0.pom")).write_text(POM % ("loud", name, needs("upper") if name == "shouting" else ""))
    for file in list(place.glob("*.[jp]*")):
        if file.suffix in (".jar", ".pom"):
            (place / (file.name + ".sha1")).write_text(hashlib.sha1(file.read_bytes()).hexdigest())


def maven(folder, main="Main.java", text=MAIN, mark="!", pom=""):
    jar(folder, "upper", "package loud;\npublic class Upper { public static String upper(String s) { return s.toUpperCase(); } }\n")
    jar(folder, "shouting", "package loud;\npublic class Shouting { public static String shout(String s) { return Upper.upper(s) + \"MARK\"; } }\n", mark)
    write(folder, "pom.xml", POM % ("f", "f", HERE + needs("shouting") + pom))
    write(folder, main, text)


def built_by_maven(folder):
    """A pom.xml that says how it is built: what its plugin generates is there."""
    resources = "<build><resources><resource><directory>words</directory><filtering>true</filtering></resource></resources></build>"
    compiler = "<properties><maven.compiler.source>17</maven.compiler.source><maven.compiler.target>17</maven.compiler.target></properties>"
    maven(folder, "src/main/java/Main.java", MAIN.replace('get("name")', 'get("name") + word()').replace(
        "public static", 'static String word() {\n    try (var in = Main.class.getResourceAsStream("/word.txt")) { return new String(in.readAllBytes()); } catch (Exception e) { return e.toString(); }\n'
        "  }\n\n  public static", 1), pom=compiler + resources)
    write(folder, "words/word.txt", " by ${project.artifactId}")


def provided(folder):
    maven(folder)
    write(folder, "Main.java", MAIN + "\nclass Other { static String s() { return loud.Upper.upper(\"only compiled against\"); } }\n")
    write(folder, "pom.xml", POM % ("f", "f", HERE + needs("shouting") .replace("</dependencies>", needs("extra", scope="<scope>provided</scope>")[len("<dependencies>"):])))
    jar(folder, "extra", "package loud;\npublic class Extra {}\n")


# ------------------------------------------------------------------ Erlang and Elixir: rebar3 and mix

ERLANG = "-module(main).\n-export([handle/2]).\nhandle(#{<<\"name\">> := Name}, _) -> shouting:shout(Name).\n"


def rebar_library(folder, mark="!"):
    write(folder, "src/shouting.erl", "-module(shouting).\n-export([shout/1]).\nshout(Text) -> <<(string:uppercase(Text))/binary, \"%s\">>.\n" % mark)
    write(folder, "src/shouting.app.src", '{application, shouting, [{description, ""}, {vsn, "1.0.0"}, {modules, []}, {applications, [kernel, stdlib]}]}.\n')


def rebar(folder, deps):
    tool("rebar3", "rebar3")
    write(folder, "src/main.erl", ERLANG)
    write(folder, "src/f.app.src", '{application, f, [{description, ""}, {vsn, "1.0.0"}, {modules, []}, {applications, [kernel, stdlib, shouting]}]}.\n')
    write(folder, "rebar.config", "{deps, [%s]}.\n" % deps)


def rebar_git(folder):
    rebar(folder, '{shouting, {git, "%s", {tag, "v1"}}}' % published(rebar_library))


def rebar_checkouts(folder):
    rebar(folder, "shouting")
    rebar_library(folder / "_checkouts/shouting")


MIX = 'defmodule %s.MixProject do\n  use Mix.Project\n  def project, do: [app: :%s, version: "1.0.0", deps: [%s]]\nend\n'
ELIXIR = 'defmodule Main do\n  def handle(%{"name" => name}, _ctx), do: Shouting.shout(name)\nend\n'


def mix_library(folder, mark="!"):
    write(folder, "mix.exs", MIX % ("Shouting", "shouting", ""))
    write(folder, "lib/shouting.ex", 'defmodule Shouting do\n  def shout(text), do: String.upcase(text) <> "%s"\nend\n' % mark)


def mix(folder, dep):
    tool("mix", "mix")
    write(folder, "mix.exs", MIX % ("F", "f", dep))
    write(folder, "lib/main.ex", ELIXIR)


def mix_path(folder):
    mix(folder, '{:shouting, path: "vendor/shouting"}')
    mix_library(folder / "vendor/shouting")


def mix_git(folder):
    mix(folder, '{:shouting, git: "%s", tag: "v1"}' % published(mix_library))


# ------------------------------------------------------------------ C#: packages of NuGet

CSHARP = "public record Input(string Name);\npublic static class Function { public static object Handler(Input input) => Loud.Shouting.Shout(input.Name); }\n"
PROJECT = '<Project Sdk="Microsoft.NET.Sdk">\n  <PropertyGroup><TargetFramework>net8.0</TargetFramework></PropertyGroup>\n  <ItemGroup>%s</ItemGroup>\n</Project>\n'
ONLY_HERE = '<configuration><packageSources><clear /><add key="here" value="%s" /></packageSources></configuration>\n'


def dll(folder, text):
    """A library called Loud, by the compiler that functions are compiled with."""
    write(folder, "Loud.cs", text)
    script = '. "$1/toolchain.sh"; find_compiler; compile library Loud.dll Loud.cs'
    dotnet = RUNTIMES["dotnet"]["binary"]
    subprocess.run(["sh", "-euc", 'dotnet=$2 runtime=$1; ' + script, "sh", RUNTIMES["dotnet"]["folder"], dotnet], cwd=folder, check=True, timeout=120)
    return (folder / "Loud.dll").read_bytes()


def nupkg(name, version, libraries, needs=()):
    out = io.BytesIO()
    rows = "".join('<dependency id="%s" version="%s" />' % each for each in needs)
    with zipfile.ZipFile(out, "w") as package:
        package.writestr(name + ".nuspec", '<package xmlns="http://schemas.microsoft.com/packaging/2013/05/nuspec.xsd"><metadata><id>%s</id><version>%s</version><dependencies>'
                         '<group targetFramework=".NETStandard2.0">%s</group><group targetFramework=".NETFramework4.8"><dependency id="None" version="1" /></group></dependencies></metadata></package>'
                         % (name, version, rows))
        for place, content in libraries.items():
            package.writestr(place, content)
    return out.getvalue()


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """{mark: a DLL with Loud.Shouting, which ends what it shouts with the mark}"""
    need("dotnet")
    folder = tmp_path_factory.mktemp("dll")
    return {mark: dll(folder / name, 'namespace Loud;\npublic static class Shouting { public static string Shout(string text) => text.ToUpperInvariant() + "%s"; }' % mark)
            for name, mark in (("one", "!"), ("two", "?"))}


def nuget(folder, version="1.0.0"):
    write(folder, "Function.cs", CSHARP)
    write(folder, "f.csproj", PROJECT % ('<PackageReference Include="Loud.Words" Version="%s" />' % version))


def packages(library):
    """{file name: content}: Loud.Words needs Loud.Shouting, which has a newer version too and libraries for several frameworks."""
    lib = {"lib/net48/Loud.dll": b"not for us", "lib/netstandard2.0/Loud.dll": library["!"], "lib/net9.0/Loud.dll": b"too new"}
    return {"Loud.Words.1.0.0.nupkg": nupkg("Loud.Words", "1.0.0", {"lib/netstandard2.0/_._": b""}, [("Loud.Shouting", "1.0.0")]),
            "loud.shouting.1.2.0.nupkg": nupkg("Loud.Shouting", "1.2.0", lib),
            "loud.shouting.2.0.0.nupkg": nupkg("Loud.Shouting", "2.0.0", {"lib/net6.0/Loud.dll": library["?"]})}


def nuget_folder(folder, library):
    nuget(folder)
    write(folder, "nuget.config", ONLY_HERE % "packages")
    for name, content in packages(library).items():
        (folder / "packages").mkdir(exist_ok=True)
        (folder / "packages" / name).write_bytes(content)


# ------------------------------------------------------------------ all of them

SHAPES = {"maven": ("java", maven), "maven that builds": ("java", built_by_maven), "maven, only compiled against": ("java", provided),
          "maven of kotlin": ("kotlin", lambda folder: maven(folder, "Main.kt", KOTLIN)),
          "rebar3 by git": ("erlang", rebar_git), "rebar3 by _checkouts": ("erlang", rebar_checkouts), "mix by path": ("elixir", mix_path), "mix by git": ("elixir", mix_git)}
REPLY = {"maven that builds": "ADA BY F!"}
SOURCES = {"java": "Main.java", "kotlin": "Main.kt", "erlang": "src/main.erl", "elixir": "lib/main.ex"}


@pytest.fixture(scope="module")
def caches(tmp_path_factory):
    """A data folder for each language: what a manager itself has to fetch comes once."""
    return {runtime: tmp_path_factory.mktemp(runtime) / "data" for runtime in SOURCES}


def make(tmp_path, shape, caches):
    runtime, fill = SHAPES[shape]
    need(runtime)
    folder = tmp_path / "f"
    folder.mkdir()
    fill(folder)
    data = caches[runtime]
    done = run(folder, data)
    if done.returncode != 0 and any(word in done.stderr for word in NOT_REACHED):
        pytest.skip("the registry cannot be reached")
    assert done.returncode == 0, done.stderr
    return folder, data, json.loads(done.stdout)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_function_has_its_packages_and_a_change_of_it_brings_none_again(tmp_path, shape, caches):
    folder, data, reply = make(tmp_path, shape, caches)
    alone = ["unshare", "-rn"] if has_no_network() else []
    assert reply == REPLY.get(shape, "ADA!")
    source = folder / SOURCES[SHAPES[shape][0]]
    source = source if source.exists() else folder / "src/main/java/Main.java"
    before = tree(folder)
    assert steps(folder, data, *alone) == []
    write(source.parent, source.name, source.read_text() + "\n")
    assert steps(folder, data, *alone) == ["compile"]
    assert answer(folder, data, *alone) == reply, "without a network"
    assert {name for name in tree(folder)} == set(before), "the source folder is only read"
    shutil.copytree(folder, tmp_path / "another")
    write(tmp_path / "another" / source.relative_to(folder).parent, source.name, source.read_text() + "\n")
    assert steps(tmp_path / "another", data, *alone) == ["compile"], "another function with the same packages"


def test_what_was_fetched_builds_anew_without_a_network(tmp_path, caches):
    if not has_no_network():
        pytest.skip("no namespace without a network can be made here")
    folder, data, reply = make(tmp_path, "maven", caches)
    assert reply == "ADA!"
    home = tmp_path / "home"  # what a manager keeps is below the data folder alone
    home.mkdir()
    shutil.rmtree(data / "artifacts")
    built = []
    for _ in range(2):
        assert steps(folder, data, "unshare", "-rn", "env", "HOME=%s" % home) == ["dependencies", "compile"]
        built.append({path.name: tree(path / "files") for path in artifacts(data)})
        shutil.rmtree(data / "artifacts")
    assert built[0] == built[1], "the same bytes"
    assert not list(home.glob(".m2/repository/**/*.jar"))


def test_a_changed_package_is_built_again(tmp_path, caches):
    folder, data, reply = make(tmp_path, "mix by path", caches)
    assert reply == "ADA!"
    mix_library(folder / "vendor/shouting", "?")
    assert answer(folder, data) == "ADA?"
    shutil.rmtree(folder)
    folder, data, reply = make(tmp_path, "rebar3 by _checkouts", caches)
    rebar_library(folder / "_checkouts/shouting", "?")
    assert answer(folder, data) == "ADA?"


BROKEN = {
    "maven": ("java", {"Main.java": MAIN, "pom.xml": POM % ("f", "f", HERE + needs("nowhere"))}, "loud:nowhere:jar:1.0"),
    "gradle's catalogue": ("java", {"Main.java": MAIN, "build.gradle.kts": "plugins { java }\nrepositories { mavenCentral() }\ndependencies {\n    implementation(libs.loud)\n}\n"},
                           "build.gradle.kts:4: implementation(libs.loud)"),
    "gradle's own repository": ("kotlin", {"Main.kt": KOTLIN, "build.gradle": "repositories {\n  maven { url 'https://example.com' }\n}\ndependencies { implementation 'a:b:1' }\n"},
                                "build.gradle:2: maven"),
    "gradle's exclusions": ("java", {"Main.java": MAIN, "build.gradle": "dependencies {\n  implementation('a:b:1') {\n    exclude group: 'c'\n  }\n}\n"}, "build: {command: gradle"),
    "rebar3": ("erlang", {"src/main.erl": ERLANG, "rebar.config": '{deps, [{shouting, {git, "file:///nowhere/at/all", {tag, "v1"}}}]}.\n'}, "rebar3 compile ended with exit code"),
    "mix": ("elixir", {"lib/main.ex": ELIXIR, "mix.exs": MIX % ("F", "f", '{:shouting, git: "file:///nowhere/at/all"}')}, "mix deps.get ended with exit code"),
    "nuget": ("dotnet", {"Function.cs": CSHARP, "f.csproj": PROJECT % '<PackageReference Include="No.Such.Thing" Version="1.2" />', "nuget.config": ONLY_HERE % "packages"},
              "package No.Such.Thing 1.2 is in none of packages"),
    "nuget, floating": ("dotnet", {"Function.cs": CSHARP, "f.csproj": PROJECT % '<PackageReference Include="Loud.Words" Version="1.*" />', "nuget.config": ONLY_HERE % "packages"},
                        "takes a .NET SDK"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_package_that_is_not_there_is_said_by_the_manager(tmp_path, fault):
    runtime, files, said = BROKEN[fault]
    need(runtime)
    tool(fault, *{"maven": ["mvn"], "rebar3": ["rebar3", "git"], "mix": ["mix", "git"]}.get(fault, []))
    for name, text in files.items():
        write(tmp_path / "f", name, text)
    done = run(tmp_path / "f", tmp_path / "data")
    assert done.returncode != 0
    if any(word in done.stderr for word in ("Unknown host", "Temporary failure in name resolution")):
        pytest.skip("the registry cannot be reached")
    assert 'build step "dependencies" of f ended with exit code' in done.stderr and said in done.stderr, done.stderr
    assert artifacts(tmp_path / "data") == []


MANAGERS = {"mvn": ("java", {"Main.java": MAIN, "pom.xml": POM % ("f", "f", needs("shouting"))}, "apt-get install maven"),
            "rebar3": ("erlang", {"src/main.erl": ERLANG, "rebar.config": "{deps, [shouting]}.\n"}, "apt-get install rebar3"),
            "mix": ("elixir", {"lib/main.ex": ELIXIR, "mix.exs": MIX % ("F", "f", '{:shouting, path: "x"}')}, "apt-get install elixir")}


@pytest.mark.parametrize("manager", MANAGERS)
def test_a_manager_that_is_missing_is_named_with_its_package(tmp_path, manager):
    runtime, files, said = MANAGERS[manager]
    need(runtime)
    for name, text in files.items():
        write(tmp_path / "f", name, text)
    programs = tmp_path / "f/.git/bin"  # no source; what a runtime prepares sees it unconfined only
    programs.mkdir(parents=True)
    for folder in reversed(os.environ["PATH"].split(":")):
        for program in pathlib.Path(folder).glob("*"):
            link = programs / program.name
            if program.name != manager:
                link.unlink(missing_ok=True)
                link.symlink_to(program)
    done = run(tmp_path / "f", tmp_path / "data", env={**os.environ, "PATH": str(programs), "TRIVET_SANDBOX": "trusted"})
    assert done.returncode != 0 and said in done.stderr, done.stderr


def test_gradle_is_not_read_where_the_manifest_runs_it(tmp_path):
    need("java")
    tool("jar", "javac", "jar")
    write(tmp_path / "f", "Main.java", "import java.util.Map;\npublic class Main { public static Object handle(Map<String, String> i) { return i.get(\"name\"); } }\n")
    write(tmp_path / "f", "build.gradle", "dependencies { implementation(libs.loud) }\n")
    write(tmp_path / "f", "gradle.sh", "#!/bin/sh\nmkdir -p build/libs out && javac -parameters -d out Main.java && jar --create --file build/libs/f.jar -C out .\n")
    (tmp_path / "f/gradle.sh").chmod(0o755)
    write(tmp_path / "f", "trivet.yaml", "runtime: java\nentrypoint: Main.java:Main.handle\nbuild: {command: ./gradle.sh, output: build/libs/f.jar, watch: ['*.java']}\n")
    done = run(tmp_path / "f", tmp_path / "data")
    assert (done.returncode, done.stdout.strip()) == (0, '"ada"'), done.stderr


def test_packages_of_nuget_come_from_a_folder(tmp_path, library):
    folder, data = tmp_path / "f", tmp_path / "data"
    nuget_folder(folder, library)
    before = tree(folder)
    assert steps(folder, data) == ["prepare", "dependencies", "compile"]
    assert answer(folder, data) == "ADA!", "the lowest version that fits"
    assert tree(folder) == before
    write(folder, "Function.cs", CSHARP.replace("input.Name)", "input.Name + 1)"))
    assert steps(folder, data) == ["compile"]
    assert answer(folder, data) == "ADA1!"
    nuget(folder, "1.0.0")
    write(folder, "f.csproj", (folder / "f.csproj").read_text().replace("</ItemGroup>", '<PackageReference Include="Loud.Shouting"><Version>[2.0,3)</Version></PackageReference></ItemGroup>'))
    assert answer(folder, data) == "ADA?", "what the project says itself"


def test_a_lock_file_of_nuget_is_followed(tmp_path, library):
    folder = tmp_path / "f"
    nuget_folder(folder, library)
    write(folder, "packages.lock.json", json.dumps({"version": 1, "dependencies": {"net8.0": {"Loud.Words": {"type": "Direct", "resolved": "1.0.0"},
                                                                                              "Loud.Shouting": {"type": "Transitive", "resolved": "2.0.0"}}}}))
    assert answer(folder, tmp_path / "data") == "ADA?"


class Feed(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        name, _, version = self.path.strip("/").rpartition("/")[0].partition("/")
        held = {file.lower(): content for file, content in self.server.packages.items()}
        here = "http://127.0.0.1:%d/" % self.server.server_port
        if self.path == "/index.json":
            body = json.dumps({"resources": [{"@id": here, "@type": "PackageBaseAddress/3.0.0"}]}).encode()
        elif self.path.endswith("/index.json"):
            body = json.dumps({"versions": sorted(file[len(name) + 1:-len(".nupkg")] for file in held if file.startswith(name + "."))}).encode()
        else:
            body = held.get(self.path.rpartition("/")[2])
        self.send_response(200 if body else 404)
        self.end_headers()
        self.wfile.write(body or b"")

    def log_message(self, *args):
        pass


def test_packages_of_nuget_come_from_a_feed_and_then_from_the_cache(tmp_path, library):
    feed = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Feed)
    feed.packages, feed.asked = packages(library), []
    threading.Thread(target=feed.serve_forever, daemon=True).start()
    try:
        for name in ("f", "g"):
            nuget(tmp_path / name)
            write(tmp_path / name, "nuget.config", ONLY_HERE % ("http://127.0.0.1:%d/index.json" % feed.server_port))
        write(tmp_path / "g", "global.json", "{}")  # another key, the same packages
        assert answer(tmp_path / "f", tmp_path / "data") == "ADA!"
        asked = len(feed.asked)
        assert asked == 5, feed.asked
        assert answer(tmp_path / "g", tmp_path / "data") == "ADA!"
        assert len(feed.asked) == asked, "all is in the cache"
    finally:
        feed.shutdown()
        feed.server_close()


# From the registry itself.
GRADLE = 'plugins {\n    kotlin("jvm") version "2.0.0" // whichever\n}\n\nrepositories {\n    mavenCentral()\n}\n\ndependencies {\n    implementation("org.apache.commons:commons-text:1.12.0")\n' \
         '    testImplementation(kotlin("test"))\n    implementation(kotlin("stdlib"))\n}\n'
REAL = {
    "gradle": ("java", {"build.gradle": "plugins { id 'java' }\nrepositories { mavenCentral() }\ndependencies {\n  // words\n  implementation group: 'org.apache.commons', name: 'commons-text', version: '1.12.0'\n}\n",
                        "Main.java": "import org.apache.commons.text.WordUtils;\nimport java.util.Map;\npublic class Main { public static Object handle(Map<String, String> i) { return WordUtils.capitalize(i.get(\"name\")); } }\n"}),
    "gradle of kotlin": ("kotlin", {"build.gradle.kts": GRADLE,
                                    "src/main/kotlin/Main.kt": "import org.apache.commons.text.WordUtils\nfun handle(i: Map<String, String>) = WordUtils.capitalize(i[\"name\"])\n"}),
}


@pytest.mark.parametrize("registry", REAL)
def test_a_package_comes_from_its_registry(tmp_path, registry, caches):
    runtime, files = REAL[registry]
    need(runtime)
    tool(registry, "mvn")
    for name, text in files.items():
        write(tmp_path / "f", name, text)
    done = run(tmp_path / "f", caches[runtime])
    if done.returncode != 0 and any(word in done.stderr for word in NOT_REACHED):
        pytest.skip("the registry cannot be reached")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == "Ada"
