"""docs/ARCHITECTURE.md tells the path of a call file by file; what it names has to exist."""

import fnmatch
import re

from checks import cpp
from checks.tree import Finding

PAGE = "docs/ARCHITECTURE.md"
SECTION = "The path of a call"

_HEADING = re.compile(r"^(#+)\s*(?:\d+\.?\s*)?(.*?)\s*#*$")
_TICKED = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"([\w.<>*-]+(?:/[\w.<>*-]+)+)/?(?::([\w:~]+)(?:\(\))?)?")


def section_of(text, title):
    """(line, text) of every line below the heading `title`, up to the next heading of its level; code blocks too."""
    level, lines = 0, []
    for number, line in enumerate(text.splitlines(), 1):
        heading = _HEADING.match(line)
        if level and heading and len(heading[1]) <= level:
            break
        if level:
            lines.append((number, line))
        elif heading and heading[2].lower() == title.lower():
            level = len(heading[1])
    return lines


def _is_path(token, tree):
    """A path has a slash and either starts with a folder of the tree or ends with a file's suffix."""
    first, last = token.split("/")[0], token.rsplit("/", 1)[-1]
    return any(p.startswith(f"{first}/") for p in tree.files) or \
        re.search(r"\.(cc|h|c|py|md|yaml|json|txt)$", last) is not None


def _matches(path, tree):
    """Files that a path means: itself, what lies below it, or what fits its `*` and `<word>`."""
    pattern = re.sub(r"<[^>]*>", "*", path)
    if "*" in pattern:
        return fnmatch.filter(tree.files, pattern) + fnmatch.filter(tree.files, f"{pattern}/*")
    return [p for p in tree.files if p == path or p.startswith(f"{path}/")]


def _refusal(path, function, tree):
    files = _matches(path, tree)
    if not files:
        return f"{path} does not exist: name the file that does this step now, with its path from the root"
    if function and not any(cpp.calls_or_defines(tree.text(f), function.split("::")[-1]) for f in files):
        return f"{path} has no function {function}: name the one that does this step now"
    return None


def path_of_a_call(tree):
    """Every file and `file:function` of the section "The path of a call" exists."""
    if PAGE not in tree.files:
        yield Finding(PAGE, 1, "docs-path", f'write it, with a section "{SECTION}"')
        return
    named = 0
    for number, line in section_of(tree.text(PAGE), SECTION):
        for token in _TICKED.findall(line):
            match = _PATH.fullmatch(token)
            if match and _is_path(match[1], tree):
                named += 1
                if refusal := _refusal(match[1], match[2], tree):
                    yield Finding(PAGE, number, "docs-path", refusal)
    if not named:
        yield Finding(PAGE, 1, "docs-path",
                      f'write a section "{SECTION}" that names its files in backticks: `src/module/file.cc:function`')
