"""Rules about headers and includes."""

import re
from pathlib import PurePosixPath

from checks import cpp
from checks.tree import Finding, cpp_files, line_of

_USING = re.compile(r"\busing\s+namespace\s+([\w:]+)")


def pragma_once(tree):
    """A header starts with #pragma once."""
    for path in cpp_files(tree):
        if not path.endswith(".h"):
            continue
        code = cpp.blank(tree.text(path)).strip()
        if not code.startswith("#pragma once"):
            yield Finding(path, 1, "pragma-once", "write `#pragma once` in front of all code, no include guard")


def own_header(path, tree):
    """What `path` has to include first: the header of its name beside it, written from src/; None if there is none."""
    folder, name = path.rsplit("/", 1)
    stem = re.sub(r"(_test)?\.(cc|c)$", "", name)
    header = f"{folder}/{stem}.h"
    return str(PurePosixPath(header).relative_to("src")) if tree.exists(header) else None


def own_header_first(tree):
    """A source and its test include their own header first, which proves that it stands alone."""
    for path in tree.select(("src",), (".cc", ".c")):
        own, included = own_header(path, tree), cpp.includes(tree.text(path))
        if own and (not included or included[0].path != own):
            yield Finding(path, included[0].line if included else 1, "own-header-first",
                          f'put #include "{own}" in front of all other includes, with an empty line behind it')


def _inside_function(text, line):
    return any(block.first_line <= line <= block.last_line for block in cpp.functions(text))


def using_namespace(tree):
    """No `using namespace` in a header, where it would leak; literals (std::chrono_literals) are made for it."""
    for path in cpp_files(tree):
        if not path.endswith(".h"):
            continue
        text = tree.text(path)
        for match in _USING.finditer(cpp.blank(text)):
            line = line_of(text, match.start())
            if not match[1].endswith("literals") and not _inside_function(text, line):
                yield Finding(path, line, "using-namespace", f"write {match[1]}:: in front of the names instead")
