"""Words of Git, DVC and Hangar that are no commands here, and what to do instead."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Final

WORDS: Final[Mapping[str, str]] = {
    "add": "`vstore import`, or a transaction in Python, turns changes into a commit",
    "commit": "`vstore import`, or a transaction in Python, turns changes into a commit",
    "checkout": (
        "there is no working copy: read any revision as URL@REV, and name a branch to write "
        "with --branch"
    ),
    "switch": (
        "there is no working copy: read any revision as URL@REV, and name a branch to write "
        "with --branch"
    ),
    "restore": "`vstore revert` undoes a commit, `vstore undo` the last update of a branch",
    "stash": "nothing is ever changed in part here, so there is nothing to put aside",
    "rm": "delete in a transaction in Python, with `tx.delete`",
    "mv": "move in a transaction in Python, with `tx.move`",
    "get": "`vstore export` writes data to files; `vstore show` prints it",
    "list": "`vstore ls` lists what a commit holds, `vstore branch` the branches",
    "cat": "`vstore show` prints values; `vstore export … -` writes them to standard output",
    "verify": "`vstore fsck --full` verifies every byte",
    "import-url": "`vstore import`; with --update, it imports again what changed",
    "repro": "vstore runs no pipelines: pin their inputs by commit id",
    "run": "vstore runs no pipelines: pin their inputs by commit id",
    "exp": "vstore runs no pipelines: pin their inputs by commit id",
    "stage": "vstore runs no pipelines, and has no staging area: pin inputs by commit id",
    "writer-lock": "no lock is needed: writers do not wait for each other",
    "server": "no server is needed: the store is read and written directly",
    "view": "`vstore show` prints values and draws images",
    "column": "columns are added and removed in a transaction in Python",
}
"""By word, the sentence that answers it."""

REWRITING: Final = frozenset(
    {"amend", "compact", "drop", "gc", "rebase", "reset", "squash", "undo"}
)
"""Commands that rewrite or delete: they are never suggested for another word."""


def answer(word: str, known: Iterable[str]) -> tuple[str, str]:
    """Return what is wrong with a word that is no command, and what to do instead.

    >>> answer("stash", ["squash"])[1]
    'nothing is ever changed in part here, so there is nothing to put aside'
    >>> answer("brnch", ["branch", "squash"])
    ("there is no command 'brnch'", 'did you mean `vstore branch`?')
    >>> answer("squahs", ["branch", "squash"])[1]
    '`vstore --help` lists the commands'
    """
    problem = f"there is no command {word!r}"
    if word in WORDS:
        return problem, WORDS[word]
    near = get_close_matches(word, [name for name in known if name not in REWRITING], n=2)
    if near:
        return problem, f"did you mean {' or '.join(f'`vstore {name}`' for name in near)}?"
    return problem, "`vstore --help` lists the commands"
