"""Rules about words: names that say nothing, languages in src/, places that exist on one machine only."""

import re

from checks import cpp
from checks.tree import Finding, cpp_files, is_test, line_of

# Banned word -> what to write instead.
BANNED = {
    "util": "name what it works on (paths, bytes, text)",
    "helper": "make it a member of what it serves, or name its job (parser, reader)",
    "manager": "name what it does (Pool, Supervisor, Watcher, Keeper)",
    "data": "name what it holds (body, rows, samples, cases)",
    "info": "drop the word, or name what is told (Version, Usage, Spec)",
    "impl": "name what sets it apart (Real, Fake, Epoll, Memory)",
}

# Languages that have no folder in runtimes/ yet.
LANGUAGES = {
    "assemblyscript", "clojure", "cpython", "crystal", "csharp", "dart", "dotnet", "elixir", "erlang", "fsharp",
    "go", "golang", "groovy", "haskell", "java", "javascript", "julia", "jvm", "kotlin", "lua", "luajit", "nim",
    "nodejs", "ocaml", "perl", "php", "powershell", "pypy", "python", "python3", "racket", "raku", "ruby", "rust",
    "scala", "swift", "tcl", "typescript", "zig",
}
# Names that are ordinary words too: `node` counts in literals only, `go` only as a whole literal.
LITERAL_ONLY = {"node", "swift", "crystal", "dart", "rust", "nim", "julia"}
NO_LANGUAGE = {"native"}  # a folder of runtimes/ for programs in whatever language
WHOLE_LITERAL_ONLY = {"go", "c", "d", "r", "v"}

# Pieces are put together so that this file does not contain what it looks for.
_PLACES = re.compile("|".join([
    r"(?<![\w.~$}*])/(?:work|home|Users)" + r"/[\w.]",
    r"(?<![\w.~$}*])/root" + r"/[\w.]",
    r"(?:\.\./)+shared\b",
    r"\bregistry\.npmjs\." + "org|" + r"\bpythonhosted\." + "org|" + r"\bproxy\.golang\." + "org",
]))
_TYPE = re.compile(r"\b(?:class|struct|union|enum(?:\s+(?:class|struct))?|concept|using)\s+(?:\[\[[^\]]*\]\]\s*)?"
                   r"(\w+)\s*(?:final\s*)?(?=[{;=]|:(?!:))")
_TYPEDEF = re.compile(r"\btypedef\b[^;{}]*?(\w+)\s*;")
_NAMESPACE = re.compile(r"\bnamespace\s+(?:inline\s+)?([\w:]+)")
_MARK = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME)\b(?:\(([a-z][\w/-]*)\): \S)?")
_NAMED_FOLDERS = ("src", "include", "fuzz", "bench", "tests", "tools", "examples", "cmake", "docs", "sdk", "packaging")
_TAB_SUFFIXES = (".go", ".tsv", ".mk", "Makefile", "go.mod")
_RAW_BYTES = ("fuzz/corpus/", "fuzz/seeds/", "tests/conformance/bytes/")


def parts(name):
    """The words of a name: HttpServerUtil, http_server-util.cc -> http, server, util, cc."""
    spaced = re.sub(r"([a-z0-9])([A-Z])|([A-Z]+)(?=[A-Z][a-z])", r"\1\3 \2", name)
    return [w.lower() for w in re.split(r"[^A-Za-z0-9]+", spaced) if w]


def _banned_in(name):
    for word in parts(name):
        single = word[:-1] if word.endswith("s") else word
        if word in BANNED or single in BANNED:
            return word, BANNED.get(word) or BANNED[single]
    return None


def banned_words(tree):
    """No util, helper, manager, data, info or impl as the name of a file, type or namespace."""
    for path in tree.select(_NAMED_FOLDERS):
        if hit := _banned_in(path):
            yield Finding(path, 1, "banned-word", f"`{hit[0]}` in a file's name: {hit[1]}")
    for path in cpp_files(tree):
        text = tree.text(path)
        for kind, pattern in (("type", _TYPE), ("type", _TYPEDEF), ("namespace", _NAMESPACE)):
            for match in pattern.finditer(cpp.blank(text)):
                if hit := _banned_in(match[1]):
                    yield Finding(path, line_of(text, match.start(1)), "banned-word",
                                  f"`{hit[0]}` in the {kind} {match[1]}: {hit[1]}")


def language_names(tree):
    """The names of runtimes/ (folders without a leading underscore), and of languages that may come."""
    folders = {p.split("/")[1] for p in tree.files if p.startswith("runtimes/") and p.count("/") >= 2}
    return LANGUAGES | {f.lower() for f in folders if not f.startswith("_")} - NO_LANGUAGE


def _language_in_literal(literal, names):
    if literal.strip().lower() in WHOLE_LITERAL_ONLY & names:
        return literal.strip()
    return next((w for w in parts(literal) if w in names - WHOLE_LITERAL_ONLY), None)


def _languages_of(text, names):
    """(line, word) of every language named in literals and identifiers; comments may give examples."""
    for literal in cpp.literals(text):
        if word := _language_in_literal(literal.text, names):
            yield literal.line, word
    in_identifiers = names - WHOLE_LITERAL_ONLY - LITERAL_ONLY
    for number, line in enumerate(cpp.blank(text).splitlines(), 1):
        if re.match(r"\s*#\s*include\s*<", line):  # headers of others are called as they are
            continue
        for identifier in re.findall(r"[A-Za-z_]\w*", line):
            if word := next((w for w in parts(identifier) if w in in_identifiers), None):
                yield number, word


def language_in_src(tree):
    """src/ names no language outside tests: not in a literal, not in an identifier, not in a file's name."""
    names = language_names(tree)
    advice = "`{}` is a language: read what you need from its manifest in runtimes/ (CONTRACT.md)"
    for path in tree.select(("src",)):
        if is_test(path):
            continue
        named = [w for w in parts(path) if w in names - LITERAL_ONLY - WHOLE_LITERAL_ONLY]
        if named:
            yield Finding(path, 1, "language-in-src", advice.format(named[0]))
        if path.endswith((".cc", ".h", ".c")):
            for line, word in _languages_of(tree.text(path), names):
                yield Finding(path, line, "language-in-src", advice.format(word))


def machine_places(tree):
    """Nothing names a place of one machine (home folders, registry hosts) or outside the tree."""
    for path in tree.files:
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if match := _PLACES.search(line):
                yield Finding(path, number, "machine-place",
                              f"`{match[0]}` exists on one machine only: write a path relative to the tree, "
                              "${HOME}, or take it from configuration")


def lockfile_hosts(tree):
    """A package lock names checksums, not the host that packages came from."""
    for path in tree.files:
        if not path.endswith("package-lock.json"):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            if re.search(r'"resolved"\s*:', line):
                yield Finding(path, number, "lockfile-host",
                              "set omit-lockfile-registry-resolved=true for npm and write the lock again")


def owners(tree):
    """The nouns a piece of work can belong to: modules of src/, runtimes, top-level folders."""
    found = {p.split("/")[0] for p in tree.files if "/" in p}
    for path in tree.files:
        pieces = path.split("/")
        if len(pieces) > 2 and pieces[0] in ("src", "runtimes"):
            found.add(pieces[1])
    return found


def todo_owner(tree):
    """Work left to do names its owner: a module, runtime or folder, never a person."""
    known = owners(tree)
    for path in tree.files:
        if path.endswith(".md") or path.startswith(_RAW_BYTES):
            continue
        for number, line in enumerate(tree.text(path).splitlines(), 1):
            for match in _MARK.finditer(line):
                if match[1] is None or match[1].split("/")[0] not in known:
                    yield Finding(path, number, "todo-owner",
                                  "write " + "TO" + "DO(pool): what is left, with the module, runtime or folder "
                                  "that owns it in brackets")


def _whitespace_of(path, line):
    if line.rstrip("\n") != line.rstrip():
        return "take the blanks off the end of the line"
    if "\t" in line and not path.endswith(_TAB_SUFFIXES):
        return "write blanks instead of the tab"
    return None


def whitespace(tree):
    """No blanks at the end of a line, no tabs, and a newline at the end of a file."""
    for path in tree.files:
        text = tree.text(path)
        if path.startswith(_RAW_BYTES) or not text:
            continue
        lines = text.split("\n")
        for number, line in enumerate(lines, 1):
            if advice := _whitespace_of(path, line):
                yield Finding(path, number, "whitespace", advice)
        if lines[-1]:
            yield Finding(path, len(lines), "whitespace", "end the file with a newline")
