"""What every check works on: the files of a tree, and the findings it reports.

A check is a function from a Tree to findings. Files are those that git tracks or would track; where there is no git
(an unpacked archive, a test's folder) a walk that leaves out built and fetched folders. Nothing depends on commits.
"""

import functools
import os
import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

NOT_OURS = {".git", ".toolchains", ".toolchain", ".trivet", ".cache", ".pytest_cache", ".venv",
            "build", "node_modules", "__pycache__"}
EXCUSE = re.compile(r"\bNOLINT(?:\([^)]*\))?: *\S")  # with its reason, on the line that is meant


@dataclass(frozen=True, order=True)
class Finding:
    """One line of output: where, which rule, what to do instead."""
    file: str
    line: int
    rule: str
    advice: str

    def __str__(self):
        return f"{self.file}:{self.line}: {self.rule}: {self.advice}"


@dataclass
class Report:
    """What one check found. `skipped` says why nothing was looked at; it is printed loudly."""
    checked: int
    things: str
    findings: list = field(default_factory=list)
    skipped: str = ""


class Tree:
    """The files below `root`, by path relative to it, with their text read once."""

    def __init__(self, root):
        self.root = Path(root).resolve()

    @functools.cached_property
    def files(self):
        paths = self._from_git() if (self.root / ".git").exists() else None
        paths = self._walked() if paths is None else paths
        return sorted(p for p in paths
                      if (self.root / p).is_file() and not (self.root / p).is_symlink())

    def _from_git(self):
        listing = subprocess.run(
            ["git", "-C", str(self.root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            capture_output=True, check=False)
        if listing.returncode != 0:  # no git here, or a tree of another user
            return None
        return {p for p in listing.stdout.decode().split("\0") if p}

    def _walked(self):
        found = set()
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = [s for s in subfolders if s not in NOT_OURS]
            found.update(os.path.relpath(os.path.join(folder, n), self.root) for n in names)
        return found

    @functools.cache
    def text(self, path):
        """The text of a file; empty for binary files, and for those that are not (or no longer) there."""
        try:
            raw = (self.root / path).read_bytes()
        except OSError:
            return ""
        return "" if b"\0" in raw[:8192] else raw.decode("utf-8", errors="replace")

    def exists(self, path):
        return (self.root / path).exists()

    def select(self, folders=(), suffixes=()):
        """Files under any of `folders` (all when empty) that end with any of `suffixes` (all when empty)."""
        return [p for p in self.files
                if (not folders or p.split("/")[0] in folders)
                and (not suffixes or p.endswith(tuple(suffixes)))]

    def excuses(self, finding):
        """Whether the line itself says NOLINT and why."""
        lines = self.text(finding.file).splitlines()
        if not 1 <= finding.line <= len(lines):
            return False
        return EXCUSE.search(lines[finding.line - 1]) is not None


CPP_FOLDERS = ("src", "include", "fuzz", "bench", "examples", "tests")
CPP_SUFFIXES = (".cc", ".h", ".c")


def cpp_files(tree):
    # The foreign code of fixtures and templates lies in runtimes/, which is not looked at.
    return tree.select(CPP_FOLDERS, CPP_SUFFIXES)


def is_test(path):
    """Whether a file exists only to test."""
    name = path.rsplit("/", 1)[-1]
    return (name.endswith(("_test.cc", "_test.c", "_test.py", "_test.h")) or name.startswith("test_")
            or name == "conftest.py" or path.startswith("tests/"))


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
