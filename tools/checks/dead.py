"""Nothing lies around: every source is built, every header included, every page linked, every tool used."""

import posixpath
import re
from pathlib import PurePosixPath

from checks import cpp
from checks.tree import Finding, cpp_files, is_test

_FOREACH = re.compile(r"\bforeach\s*\(\s*(\w+)\s+(?:IN\s+ITEMS\s+)?([^)]*)\)(.*?)\bendforeach\s*\(", re.S | re.I)
_ADDED = re.compile(r"\badd_subdirectory\s*\(\s*([^\s)]+)")
_GLOBS = re.compile(r"\btrivet_module\s*\(|\bGLOB(?:_RECURSE)?\b")
_LINK = re.compile(r"\]\(\s*<?([^)>\s]+)")


def _without_comments(text):
    return re.sub(r"#[^\n]*", "", text)


def added_folders(text):
    """What a CMakeLists.txt adds with add_subdirectory, its foreach loops unrolled."""
    text = _without_comments(text)
    unrolled = _FOREACH.sub(
        lambda m: "\n".join(m[3].replace("${" + m[1] + "}", item) for item in m[2].split()), text)
    return {m[1].strip('"') for m in _ADDED.finditer(unrolled)}


def _build_folder(path, tree):
    """The nearest folder above `path` with a CMakeLists.txt, the root apart; None if there is none."""
    for folder in PurePosixPath(path).parents:
        if str(folder) != "." and tree.exists(f"{folder}/CMakeLists.txt"):
            return str(folder)
    return None


def source_in_target(tree):
    """Every source belongs to a target: its folder's CMakeLists.txt builds it, and the root adds that folder."""
    root = tree.text("CMakeLists.txt") if "CMakeLists.txt" in tree.files else ""
    added = added_folders(root)
    for path in tree.select(("src", "fuzz", "bench", "examples"), (".cc", ".c")):
        folder = _build_folder(path, tree)
        if folder is None:
            yield Finding(path, 1, "dead-source", "no CMakeLists.txt in its folder or above: add one that builds it")
            continue
        build = _without_comments(tree.text(f"{folder}/CMakeLists.txt"))
        stem = re.escape(posixpath.splitext(posixpath.basename(path))[0])
        if not _GLOBS.search(build) and not re.search(rf"\b{stem}\b", build):
            yield Finding(path, 1, "dead-source",
                          f"{folder}/CMakeLists.txt does not build it: name it there, or delete it")
        parents = {folder, *map(str, PurePosixPath(folder).parents)}
        if not parents & added:
            yield Finding(path, 1, "dead-source", f"CMakeLists.txt does not add {folder}: add_subdirectory({folder})")


def _included_name(header):
    return header.split("/", 1)[1] if header.startswith(("src/", "include/")) else header


def _own(path, header):
    """Whether `path` is the source or the test of that header; their includes prove no use."""
    return re.sub(r"(_test)?\.(cc|c)$", ".h", path) == header


def header_included(tree):
    """Every header is included by somebody other than its own source and test."""
    users = {}
    for path in cpp_files(tree):
        for include in cpp.includes(tree.text(path)):
            users.setdefault(include.path, set()).add(path)
    for header in tree.select(("src", "include"), (".h",)):
        others = {u for u in users.get(_included_name(header), ()) if u != header and not _own(u, header)}
        if not others:
            yield Finding(header, 1, "dead-header",
                          "nobody but its own source or test includes it: use it, or move it into the source")


def links(tree):
    """(page, line, target) of every relative link between files, target relative to the root."""
    for page in tree.select(suffixes=(".md",)):
        for number, line in enumerate(tree.text(page).splitlines(), 1):
            for match in _LINK.finditer(re.sub(r"`[^`]*`", "", line)):
                target = match[1].partition("#")[0]
                if target and not re.match(r"[a-z]+:", target):
                    yield page, number, posixpath.normpath(posixpath.join(posixpath.dirname(page), target))


def page_linked(tree):
    """Every page of docs/ is linked from README.md or another page."""
    linked = {target for page, _, target in links(tree) if target != page}
    for page in tree.select(("docs",), (".md",)):
        if page not in linked:
            yield Finding(page, 1, "dead-page", "no other page links to it: link it from README.md or where it helps")


def link_alive(tree):
    """Every relative link of a page leads to a file or folder that exists."""
    for page, line, target in links(tree):
        if target.startswith("..") or not tree.exists(target):
            yield Finding(page, line, "dead-link", f"{target} does not exist: correct the link or drop it")


def _proof_of_use(path):
    """(pattern, who may contain it) that shows a file of tools/ to be used."""
    whole = rf"(?<![\w-]){re.escape(path)}(?![\w-])"
    if path.count("/") == 1:  # a program: called or described from outside
        return re.compile(whole), lambda other: not other.startswith("tools/")
    name = posixpath.basename(path)
    if name.endswith(".py"):  # a module: imported
        return re.compile(rf"\b{re.escape(name[:-3])}\b"), lambda other: other.startswith("tools/")
    return re.compile(rf"{whole}|/{re.escape(name)}(?![\w-])"), lambda other: True


def tool_used(tree):
    """Every file of tools/ is used: programs named outside tools/, modules imported, other files named."""
    for path in tree.select(("tools",)):
        if is_test(path):  # found by pytest through its name
            continue
        pattern, may_prove = _proof_of_use(path)
        if not any(may_prove(other) and pattern.search(tree.text(other)) for other in tree.files if other != path):
            yield Finding(path, 1, "dead-tool",
                          "nothing uses or documents it: name it where it is needed, or delete it")
