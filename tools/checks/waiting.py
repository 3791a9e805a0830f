"""Rules about threads and time."""

import re

from checks import cpp
from checks.tree import Finding, cpp_files, line_of

_DETACH = re.compile(r"(?:\.|->)\s*detach\s*\(\s*\)")
_AWAIT = re.compile(r"\bco_await\b")
_CONDITION = re.compile(r"\b(?:if|while|switch)\s*(?:constexpr\s*)?\(")
_CHOICE = re.compile(r"(?<!auto)&&|\|\||\?")
_CAPTURE = re.compile(r"(?<![\w\])])\[[^\]\[]+\]\s*(?:\(|\{|mutable)")
_BRACES = re.compile(r"[(,]\s*\{")
_SLEEP = re.compile(r"\b(?:sleep_for|sleep_until|usleep|nanosleep)\s*\(")


def detached_thread(tree):
    """Nothing is detached: what runs has an owner that joins it."""
    for path in cpp_files(tree):
        text = tree.text(path)
        for match in _DETACH.finditer(cpp.blank(text)):
            yield Finding(path, line_of(text, match.start()), "detach",
                          "give it to a Scope, which owns and joins it")


def sleep_in_test(tree):
    """A test does not sleep; it advances a FakeClock, or waits for the event itself with a deadline."""
    for path in cpp_files(tree):
        if not path.endswith(("_test.cc", "_test.c")):
            continue
        text = tree.text(path)
        code = cpp.blank(text)
        for match in _SLEEP.finditer(code):
            statement = code[max(code.rfind(c, 0, match.start()) for c in ";{}") + 1:match.start()]
            if "co_await" not in statement:  # a timer of our own loop, which runs on the test's clock
                yield Finding(path, line_of(text, match.start()), "sleep-in-test",
                              "advance a FakeClock, or wait for the event itself with a deadline")


def _close_of(text, at):
    """Where the parenthesis that was opened before `at` is closed; None when it is not."""
    depth = 1
    for i in range(at, len(text)):
        depth += {"(": 1, ")": -1}.get(text[i], 0)
        if depth == 0:
            return i + 1
    return None


def misplaced_await(tree):
    """GCC 12 miscompiles co_await inside conditions and choices, and with captures or braced lists in its expression."""
    for path in cpp_files(tree):
        text = tree.text(path)
        code = cpp.blank(text)
        for match in _AWAIT.finditer(code):
            begin = max(code.rfind(c, 0, match.start()) for c in ";{}") + 1
            end = code.find(";", match.end())
            before, after = code[begin:match.start()], code[match.end():end if end >= 0 else len(code)]
            condition = _CONDITION.search(before)
            close = condition and _close_of(before, condition.end())
            if close:
                before = before[close:]
            if (condition and not close) or _CHOICE.search(before) or _CAPTURE.search(after) or _BRACES.search(after):
                yield Finding(path, line_of(text, match.start()), "misplaced-await",
                              "GCC 12 miscompiles this: name the lambda, the list and the result in statements of their own")
