"""The manifest's own build command, and the packages that it needs."""
import io
import json
import pathlib
import sys
import tarfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from test_builds import answer, need, pack, run, steps, tree, write  # noqa: E402

# A program of a package: it puts the source that it is told into another file, with what else it read.
MAKER = """#!/usr/bin/env node
const fs = require('node:fs'), path = require('node:path');
const [from, to] = process.argv.slice(2);
fs.mkdirSync(path.dirname(to), { recursive: true });
fs.mkdirSync('node_modules/.cache', { recursive: true });
fs.writeFileSync('node_modules/.cache/maker', 'what tools keep there');
fs.writeFileSync(to, fs.readFileSync(from, 'utf8').replace('MADE', 'made'));
"""
SOURCE = "import { shout } from 'shouting';\nexport default (input) => shout('MADE ' + input.name);\n"


def pack_maker(file):
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w:gz") as tar:
        for name, text in {"package.json": json.dumps({"name": "maker", "version": "1.0.0", "bin": "maker.js"}), "maker.js": MAKER}.items():
            entry = tarfile.TarInfo("package/" + name)
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, io.BytesIO(text.encode()))


def project(folder, runtime, command, dependencies=True):
    about = {"name": "f", "type": "module", "scripts": {"build": "maker src/main.mjs dist/main.mjs"}, "devDependencies": {"maker": "file:vendor/maker.tgz"}}
    if dependencies:
        about["dependencies"] = {"shouting": "file:vendor/shouting.tgz"}
        pack(folder / "vendor/shouting.tgz")
    pack_maker(folder / "vendor/maker.tgz")
    write(folder, "package.json", json.dumps(about))
    write(folder, "src/main.mjs", SOURCE if dependencies else "export default (input) => 'MADE ' + input.name;\n")
    write(folder, "dist/old.mjs", "// of a build by hand\n")
    command, *args = command.split()
    write(folder, "trivet.yaml", json.dumps({"runtime": runtime, "build": {"command": command, "args": args, "output": "dist/main.mjs"}}))


COMMANDS = [("node", "npm run build"), ("node", "maker src/main.mjs dist/main.mjs"), ("bun", "bun run build")]


@pytest.mark.parametrize("runtime,command", COMMANDS, ids=[" ".join(row) for row in COMMANDS])
def test_it_has_the_packages_of_development_and_leaves_the_folder_alone(tmp_path, runtime, command):
    need(runtime)
    need("node")  # the package's program is for it
    folder, data = tmp_path / "f", tmp_path / "data"
    project(folder, runtime, command)
    before = tree(folder)
    assert answer(folder, data) == "MADE ADA!"
    assert tree(folder) == before
    assert steps(folder, data) == [], "nothing has changed"
    write(folder, "src/main.mjs", SOURCE.replace("MADE", "MADE again,"))
    assert steps(folder, data) == ["source"], "nothing is installed again"
    assert answer(folder, data) == "MADE AGAIN, ADA!"
    assert not list(data.glob("artifacts/*/files/node_modules/.cache"))


def test_packages_of_development_alone_are_enough(tmp_path):
    need("node")
    project(tmp_path / "f", "node", "npm run build", dependencies=False)
    assert answer(tmp_path / "f", tmp_path / "data") == "made ada"


def test_packages_that_are_there_are_used_and_the_command_runs_in_the_folder(tmp_path):
    need("node")
    folder = tmp_path / "f"
    project(folder, "node", "npm run build", dependencies=False)
    write(folder, "node_modules/.bin/maker", MAKER)
    (folder / "node_modules/.bin/maker").chmod(0o755)
    assert answer(folder, tmp_path / "data") == "made ada"
    assert (folder / "dist/main.mjs").exists()


WRONG = [("npm run nothing", "nothing"), ("nobody src", "nobody"), ("true", "made no dist/main.mjs")]


@pytest.mark.parametrize("command,said", WRONG)
def test_what_is_wrong_with_it_is_said(tmp_path, command, said):
    need("node")
    project(tmp_path / "f", "node", command)
    done = run(tmp_path / "f", tmp_path / "data")
    assert done.returncode == 6 and said in done.stderr, done.stderr
