"""The table of rules: check -> its rules.

A rule is a function from a Tree to findings; its docstring is its sentence.
"""

from checks import dead, docs, headers, layers, lengths, runtimes, waiting, words
from checks.tree import Report

RULES = {
    "tidy": [
        lengths.function_length, lengths.file_length, lengths.python_length,
        headers.pragma_once, headers.own_header_first, headers.using_namespace,
        words.banned_words, words.language_in_src, words.machine_places, words.lockfile_hosts, words.todo_owner,
        words.whitespace, waiting.detached_thread, waiting.sleep_in_test, waiting.misplaced_await,
    ],
    "layers": [layers.table_is_there, layers.includes_go_down, layers.public_headers_stand_alone],
    "dead": [dead.source_in_target, dead.header_included, dead.page_linked, dead.link_alive, dead.tool_used],
    "docs": [docs.path_of_a_call],
    "runtimes": [runtimes.runtime_complete, runtimes.runtime_named, runtimes.languages_page],
}
NO_EXCUSE = {words.machine_places, words.lockfile_hosts}


def run_rules(tree, rules):
    """The findings of these rules, without those whose line excuses itself."""
    findings, excused = [], 0
    for rule in rules:
        for finding in rule(tree):
            if rule not in NO_EXCUSE and tree.excuses(finding):
                excused += 1
            else:
                findings.append(finding)
    count = f"{len(rules)} rule" + ("s" if len(rules) > 1 else "")
    return Report(len(tree.files), f"files by {count}" + (f", {excused} lines excused" if excused else ""), findings)
